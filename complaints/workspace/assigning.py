"""Who works on which complaint."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from common.actors import Actor
from common.errors import BadInput
from common.written import written
from complaints.models import Complaint, InternalLine
from complaints.permissions import require, visible_to
from complaints.workspace.results import MOST_AT_ONCE, RowResult
from merchants.models import Membership


def assignable(merchant_id: int) -> QuerySet[Membership]:
    """Return the members of a merchant to whom complaints can be assigned: those who may handle them."""
    members = Membership.objects.filter(merchant_id=merchant_id, user__is_active=True).select_related("user")
    return (members.filter(is_administrator=True) | members.filter(grants__contains=["handle"])).order_by("pk")


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member as the list names one: to assign to, or to look at what is assigned to them."""

    membership_id: int
    name: str
    is_self: bool
    may_work: bool
    """Whether complaints can be assigned to them; who lost that may still have some."""


def colleagues(merchant_id: int, *, asked_by: Actor) -> list[Colleague]:
    """Return whoever may work on a merchant's complaints, and whoever still has some, by name; first who asks."""
    found = [
        Colleague(each.pk, str(each.user), each.user_id == asked_by.id, may_work=each.may_work)
        for each in _working(merchant_id, asked_by.id)
    ]
    return sorted(found, key=lambda each: (not each.is_self, each.name, each.membership_id))


@written
def _working(merchant_id: int, user_id: int | None) -> QuerySet[Any]:
    able = Q(is_administrator=True) | Q(grants__contains=["handle"])
    has_some = Exists(Complaint.objects.filter(assignee_id=OuterRef("pk"), merchant_id=merchant_id))
    return (
        Membership.objects.filter(merchant_id=merchant_id)
        .annotate(may_work=ExpressionWrapper(able & Q(user__is_active=True), output_field=BooleanField()))
        .filter(Q(may_work=True) | Q(user_id=user_id) | has_some)
        .select_related("user")
    )


@dataclass(frozen=True, slots=True)
class Assignment:
    """What became of it for each complaint; and of those that changed, to whom they were assigned before."""

    rows: list[RowResult]
    to: int | None
    before: dict[int, int | None]


def possible_numbers(complaint_nos: Iterable[str]) -> list[str]:
    """Return those that may be numbers of complaints, in their order: the database takes no NUL."""
    return [number for number in complaint_nos if number.isascii() and number.isalnum()]


@transaction.atomic
def assign_numbered(
    complaint_nos: Collection[str], membership_id: int | None, *, actor: Actor, now: datetime
) -> Assignment:
    """Give the complaints of these numbers to a member or to nobody, and tell whose they were. Refuses as `assign`."""
    require(actor, "handle")
    check_number(complaint_nos)
    _lock_members(actor, [membership_id])
    rows = visible_to(actor).filter(complaint_no__in=possible_numbers(complaint_nos)).order_by("pk")
    complaints = rows.select_for_update(no_key=True, of=("self",))
    before = dict(complaints.values_list("pk", "assignee_id"))
    if not before:
        raise Http404
    done = assign(dict.fromkeys(before, membership_id), actor=actor, now=now)
    return Assignment(done, membership_id, {pk: whose for pk, whose in before.items() if whose != membership_id})


@transaction.atomic
def assign_back(before: Mapping[int, int | None], given_to: int | None, *, actor: Actor, now: datetime) -> int:
    """Take an assignment back, and return for how many complaints; what somebody assigned since is left alone.

    Refuses whoever may not handle complaints, and a member before who may not work on them any more.
    """
    require(actor, "handle")
    _lock_members(actor, before.values())
    rows = visible_to(actor).filter(pk__in=before, assignee_id=given_to).order_by("pk")
    unchanged = list(rows.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    if unchanged:
        assign({pk: before[pk] for pk in unchanged}, actor=actor, now=now)
    return len(unchanged)


@transaction.atomic
def assign(wanted: Mapping[int, int | None], *, actor: Actor, now: datetime) -> list[RowResult]:
    """Give complaints to members, `{complaint id: membership id}`, or to nobody; what is so already is left alone.

    Refuses whoever may not handle complaints, too many at once, and a member who may not work on them. A complaint that
    is not the actor's does not exist, and has no result.
    """
    require(actor, "arrange")
    check_number(wanted)
    # The members are locked first, as whoever removes one does: nothing is given to somebody who is on the way out.
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


def check_number(wanted: Collection[object]) -> None:
    """Refuse nothing at all, and more complaints than may be acted on at once."""
    if not wanted:
        raise BadInput(_("Choose at least one complaint."), field="chosen")
    if len(wanted) > MOST_AT_ONCE:
        raise BadInput(
            _("You chose %(chosen)d complaints; at most %(limit)d can be done at once.")
            % {"chosen": len(wanted), "limit": MOST_AT_ONCE},
            field="chosen",
        )


def _lock_members(actor: Actor, wanted: Iterable[int | None]) -> None:
    """Lock members before complaints, as whoever removes one does; `assign` judges whether they may work on them."""
    numbers = [each for each in wanted if each is not None]
    members = Membership.objects.filter(merchant_id=actor.own_merchant_id, pk__in=numbers).order_by("pk")
    list(members.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))


def _members(merchant_id: int, wanted: Collection[int]) -> dict[int, Membership]:
    rows = assignable(merchant_id).filter(pk__in=wanted).select_for_update(no_key=True, of=("self",))
    members = {member.pk: member for member in rows}
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
