"""Who works on which complaint."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from common.actors import Actor
from common.errors import BadInput
from complaints.models import Complaint, InternalLine
from complaints.permissions import require, visible_to
from complaints.workspace.results import MOST_AT_ONCE, RowResult
from merchants.models import Membership


def assignable(merchant_id: int) -> QuerySet[Membership]:
    """Return the members of a merchant to whom complaints can be assigned: those who may handle them."""
    members = Membership.objects.filter(merchant_id=merchant_id, user__is_active=True).select_related("user")
    return (members.filter(is_administrator=True) | members.filter(grants__contains=["handle"])).order_by("pk")


@transaction.atomic
def assign(wanted: Mapping[int, int | None], *, actor: Actor, now: datetime) -> list[RowResult]:
    """Give complaints to members, `{complaint id: membership id}`, or to nobody; what is so already is left alone.

    Refuses whoever may not handle complaints, too many at once, and a member who may not work on them. A complaint that
    is not the actor's does not exist, and has no result.
    """
    require(actor, "handle")
    check_number(wanted)
    members = _members(actor.own_merchant_id, {each for each in wanted.values() if each is not None})
    rows = visible_to(actor).filter(pk__in=wanted).order_by("pk")
    complaints = list(rows.select_for_update(no_key=True, of=("self",)))
    changed = [complaint for complaint in complaints if complaint.assignee_id != wanted[complaint.pk]]
    for complaint in changed:
        complaint.assignee_id = wanted[complaint.pk]
    Complaint.objects.bulk_update(changed, ["assignee"])
    names = {complaint.pk: _name(members, wanted[complaint.pk]) for complaint in complaints}
    InternalLine.objects.bulk_create(
        InternalLine(
            complaint=complaint,
            kind=InternalLine.Kind.ASSIGN,
            actor_id=actor.id,
            actor_name=actor.name,
            assignee_name=names[complaint.pk],
            at=now,
        )
        for complaint in changed
    )
    return [_result(complaint, names[complaint.pk], is_new=complaint in changed) for complaint in complaints]


def check_number(wanted: Collection[int]) -> None:
    """Refuse nothing at all, and more complaints than may be acted on at once."""
    if not wanted:
        raise BadInput(_("Choose at least one complaint."), field="chosen")
    if len(wanted) > MOST_AT_ONCE:
        raise BadInput(
            _("You chose %(chosen)d complaints; at most %(limit)d can be done at once.")
            % {"chosen": len(wanted), "limit": MOST_AT_ONCE},
            field="chosen",
        )


def _members(merchant_id: int, wanted: Collection[int]) -> dict[int, Membership]:
    members = {member.pk: member for member in assignable(merchant_id).filter(pk__in=wanted)}
    if len(members) < len(wanted):
        raise BadInput(_("This member does not handle complaints here any more. Choose another."), field="assignee")
    return members


def _name(members: Mapping[int, Membership], membership_id: int | None) -> str:
    return "" if membership_id is None else str(members[membership_id].user)


def _result(complaint: Complaint, name: str, *, is_new: bool) -> RowResult:
    if not name:
        words = _("Assigned to nobody.") if is_new else _("Was assigned to nobody already.")
    else:
        words = (_("Assigned to %(name)s.") if is_new else _("Was assigned to %(name)s already.")) % {"name": name}
    return RowResult(complaint.complaint_no, done=True, words=words)
