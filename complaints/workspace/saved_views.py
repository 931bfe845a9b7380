"""Filters of the list under a name: one's own, or shared with the other members."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from common.written import written
from complaints.models import SavedView
from complaints.permissions import may, require
from merchants.models import Grant, Merchant

MOST = 50
"""So many views a member may have of their own, and so many a merchant may share."""
NAME_LIMIT = 40
QUERY_LIMIT = 1000


def views_of(actor: Actor) -> QuerySet[SavedView]:
    """Return the views that a member sees: those that are shared, then their own, each by name."""
    if not _has_views(actor):
        return SavedView.objects.none()
    views = SavedView.objects.filter(Q(owner=None) | Q(owner_id=actor.id), merchant_id=actor.own_merchant_id)
    return views.order_by(F("owner").asc(nulls_first=True), "name", "pk")


shown_views = written(views_of)
"""The same, looked up."""


@transaction.atomic
def save_view(name: str, query: str, *, shared: bool, actor: Actor, now: datetime) -> SavedView:
    """Keep filters under a name; under a name that is there already they replace what it held.

    Refuses: a name that is empty or too long, filters that are too long, more views than one may have, and whoever may
    not handle complaints where the view is shared.
    """
    _require_view(actor)
    merchant_id = actor.own_merchant_id
    if shared:
        require(actor, "arrange")
    name = " ".join(name.replace("\0", " ").split())
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
def bring_back(name: str, query: str, *, shared: bool, actor: Actor, now: datetime) -> SavedView:
    """Save a view again that was deleted a moment ago. Refuses when another one has its name meanwhile."""
    owner_id = None if shared else actor.id
    there = views_of(actor).filter(name=name, owner_id=owner_id).first()
    if there is None:
        return save_view(name, query, shared=shared, actor=actor, now=now)
    if there.query != query:
        raise IllegalMove(_("Another view has this name meanwhile."))
    return there


@transaction.atomic
def delete_view(view_id: int, *, actor: Actor) -> SavedView:
    """Delete a view of one's own, or a shared one, and return what it held so that it can be saved again.

    Refuses whoever may not handle complaints where the view is shared. Another member's own view does not exist.
    """
    _require_view(actor)
    view = get_object_or_404(views_of(actor), pk=view_id)
    if view.owner_id is None and not may(actor, "arrange"):
        raise NotAllowed(_("Only members who handle complaints change shared views."))
    view.delete()
    return view


def _has_views(actor: Actor) -> bool:
    return actor.kind == ActorKind.MEMBER and actor.merchant_id is not None and Grant.VIEW in actor.grants


def _require_view(actor: Actor) -> None:
    if not _has_views(actor):
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
