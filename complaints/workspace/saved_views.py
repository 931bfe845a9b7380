"""Filters of the list under a name: one's own, or shared with the other members."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, NotAllowed
from complaints.models import SavedView
from complaints.permissions import may, require
from merchants.models import Grant, Merchant

MOST = 50
"""So many views a member may have of their own, and so many a merchant may share."""
NAME_LIMIT = 40
QUERY_LIMIT = 1000


def views_of(actor: Actor) -> QuerySet[SavedView]:
    """Return the views that a member sees: those that are shared, then their own, each by name."""
    if actor.merchant_id is None or Grant.VIEW not in actor.grants:
        return SavedView.objects.none()
    views = SavedView.objects.filter(Q(owner=None) | Q(owner_id=actor.id), merchant_id=actor.merchant_id)
    return views.order_by("owner", "name", "pk")


@transaction.atomic
def save_view(name: str, query: str, *, shared: bool, actor: Actor, now: datetime) -> SavedView:
    """Keep filters under a name; under a name that is there already they replace what it held.

    Refuses: a name that is empty or too long, filters that are too long, more views than one may have, and whoever may
    not handle complaints where the view is shared.
    """
    merchant_id = actor.own_merchant_id
    _require_view(actor)
    if shared:
        require(actor, "handle")
    name = " ".join(name.split())
    if not name:
        raise BadInput(_("Give the view a name."), field="name")
    if len(name) > NAME_LIMIT:
        raise BadInput(_("Keep the name to %(limit)d characters.") % {"limit": NAME_LIMIT}, field="name")
    if len(query) > QUERY_LIMIT:
        raise BadInput(_("These filters are too long to be kept. Choose fewer."), field="name")
    # One at a time for a merchant: the number of views and their names are judged together.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    owner_id = None if shared else actor.id
    beside = SavedView.objects.filter(merchant_id=merchant_id, owner_id=owner_id)
    view = beside.filter(name=name).first()
    if view is None:
        if beside.count() >= MOST:
            raise BadInput(_("There are %(most)d views already. Delete one first.") % {"most": MOST}, field="name")
        view = SavedView(merchant_id=merchant_id, owner_id=owner_id, name=name)
    view.query, view.changed_by, view.changed_at = query, actor.name, now
    view.save()
    return view


@transaction.atomic
def delete_view(view_id: int, *, actor: Actor) -> SavedView:
    """Delete a view of one's own, or a shared one, and return what it held so that it can be saved again.

    Refuses whoever may not handle complaints where the view is shared. Another member's own view does not exist.
    """
    _require_view(actor)
    view = get_object_or_404(views_of(actor), pk=view_id)
    if view.owner_id is None and not may(actor, "handle"):
        raise NotAllowed(_("Only members who handle complaints change shared views."))
    view.delete()
    return view


def _require_view(actor: Actor) -> None:
    if Grant.VIEW not in actor.grants:
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
