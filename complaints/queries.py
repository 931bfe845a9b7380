"""Read complaints: the list with its tabs and filters, what is due, and one complaint with all that belongs to it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet, Sum

from common.actors import Actor
from common.counting import capped_counts
from common.keyset import Page, Position, Segment
from common.numbers import BEIJING
from common.prepared import Place, Statement
from common.together import ask, together
from common.written import Fixed, lay_beside, written, written_counts
from complaints.models import Complaint, Handling, HistoryLine, Message
from complaints.outcomes import HANDLED, NOT_SAID, with_outcomes, with_root_causes
from complaints.permissions import visible_to
from complaints.search import matching
from complaints.states import Status
from deadlines.models import Deadline
from evidence.models import Evidence

OVERDUE = "overdue"
BESIDE_A_CASE = ("mini_program", "merchant", "handling")
LOOKED_AT = 500
"""So many of the latest complaints tell which dispute types a merchant has; all of them would be too many to ask."""
SHOWN_TYPES = 20
LATEST_TYPES = Statement(
    f"""
        SELECT dispute_type FROM (
            SELECT dispute_type FROM complaints_complaint WHERE merchant_id = %s
            ORDER BY filed_at DESC, id DESC LIMIT {LOOKED_AT}
        ) AS latest GROUP BY dispute_type ORDER BY count(*) DESC, dispute_type LIMIT {SHOWN_TYPES}
    """,  # noqa: S608 (two numbers of this file)
    [Place(0)],
    planned_each_time=True,
)
MOST_TYPES = 200
"""Of a merchant with more dispute types, consumers wrote their own; then complaints are read, and not their types."""
TYPES = """
    WITH RECURSIVE found AS (
        (
            SELECT dispute_type FROM complaints_complaint WHERE merchant_id = %(merchant_id)s
            ORDER BY dispute_type LIMIT 1
        )
        UNION ALL
        SELECT following.dispute_type FROM found CROSS JOIN LATERAL (
            SELECT dispute_type FROM complaints_complaint
            WHERE merchant_id = %(merchant_id)s AND dispute_type > found.dispute_type
            ORDER BY dispute_type LIMIT 1
        ) AS following
    )
    SELECT dispute_type, upper(dispute_type) LIKE ANY (SELECT upper(pattern) FROM unnest(%(patterns)s) AS pattern)
    FROM (SELECT dispute_type FROM found LIMIT %(most)s) AS looked_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; what is empty narrows nothing. The days are Beijing's, and both are included."""

    search: str = ""
    mini_program_ids: tuple[int, ...] = ()
    exact_types: tuple[str, ...] = ()
    """Whole dispute types; one of them, or of the parts below, is enough."""
    dispute_types: tuple[str, ...] = ()
    """Parts of what the consumer chose or wrote."""
    types_with_them: tuple[str, ...] | None = None
    """The whole dispute types that hold one of those parts, when the merchant has few enough to be looked through."""
    assignee_ids: tuple[int, ...] = ()
    or_nobodys: bool = False
    """Also, or only, what is assigned to nobody."""
    advance_protection: bool | None = None
    due: tuple[str, ...] = ()
    """Each `overdue`, a number of hours, or a day; one of them is enough."""
    filed_from: date | None = None
    filed_to: date | None = None
    outcomes: tuple[str, ...] = ()
    """Each of `complaints.outcomes.Outcome`; all of them are meant."""
    root_causes: tuple[str, ...] = ()
    merchant_id: int | None = field(default=None, compare=False)
    """Whose list it is. It narrows nothing, but lets outcomes be looked up among this merchant's rows alone."""

    @property
    def is_in_no_index(self) -> bool:
        """Whether only reading every complaint would tell how many there are; the days of filing bound that."""
        has_unknown_types = bool(self.dispute_types) and self.types_with_them is None
        return bool(self.outcomes or self.root_causes or has_unknown_types) and self.filed_from is None

    @property
    def is_handled(self) -> bool:
        """Whether only what was handled can be wanted, so that what is pending need not be looked at."""
        return bool(HANDLED.intersection(self.outcomes) or (self.root_causes and NOT_SAID not in self.root_causes))

    def __bool__(self) -> bool:
        return self != Wanted()


def narrowed(complaints: QuerySet[Complaint], wanted: Wanted, *, now: datetime) -> QuerySet[Complaint]:
    """Return those complaints that are wanted."""
    conditions = Q()
    if wanted.search:
        conditions &= matching(complaints, wanted.search)
    if wanted.mini_program_ids:
        conditions &= Q(mini_program_id__in=wanted.mini_program_ids)
    if wanted.exact_types or wanted.dispute_types:
        conditions &= _of_types(wanted)
    if wanted.assignee_ids or wanted.or_nobodys:
        whose = [Q(assignee_id__in=wanted.assignee_ids)] if wanted.assignee_ids else []
        conditions &= _any([*whose, Q(assignee=None)] if wanted.or_nobodys else whose)
    if wanted.advance_protection is not None:
        conditions &= Q(advance_protection=wanted.advance_protection)
    if wanted.due:
        # What was taken in as history has no clock, whatever the law of its time would have said.
        conditions &= Q(status=Status.PENDING, is_history=False) & _any(_due(each, now) for each in wanted.due)
    if wanted.filed_from:
        conditions &= Q(filed_at__gte=start_of(wanted.filed_from))
    if wanted.filed_to:
        conditions &= Q(filed_at__lt=end_of(wanted.filed_to))
    found = complaints.filter(conditions)
    return with_root_causes(with_outcomes(found, wanted.outcomes, wanted.merchant_id), wanted.root_causes)


def _of_types(wanted: Wanted) -> Q:
    """Match the dispute types that are wanted: whole ones, which an index finds, unless there were too many of them."""
    if wanted.types_with_them is not None:
        return Q(dispute_type__in={*wanted.exact_types, *wanted.types_with_them})
    whole = [Q(dispute_type__in=wanted.exact_types)] if wanted.exact_types else []
    return _any([*whole, *(Q(dispute_type__icontains=text) for text in wanted.dispute_types)])


def types_with(merchant_id: int, parts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the dispute types of a merchant that hold one of these parts; None when it has too many types.

    Each step of the statement finds the next type by the index, so it takes as many steps as there are types, however
    many complaints.
    """
    patterns = [f"%{connection.ops.prep_for_like_query(part)}%" for part in parts]
    with connection.cursor() as cursor:
        cursor.execute(TYPES, {"merchant_id": merchant_id, "patterns": patterns, "most": MOST_TYPES + 1})
        found = cursor.fetchall()
    return None if len(found) > MOST_TYPES else tuple(name for name, holds_one in found if holds_one)


def _any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)


def _due(due: str, now: datetime) -> Q:
    """Match what is overdue, due within a number of hours, or due on a day in Beijing."""
    if due == OVERDUE:
        return Q(handle_by__lt=now)
    if "-" in due:
        day = date.fromisoformat(due)
        return Q(handle_by__gte=start_of(day), handle_by__lt=end_of(day))
    return Q(handle_by__gte=now, handle_by__lte=now + timedelta(hours=int(due)))


def start_of(day: date) -> datetime:
    """Return the first moment of a day in Beijing."""
    return datetime.combine(day, time.min, tzinfo=BEIJING)


def end_of(day: date) -> datetime:
    """Return the first moment in Beijing that is no longer this day; after the last day that there is comes none."""
    return start_of(day + timedelta(days=1)) if day < date.max else datetime.max.replace(tzinfo=BEIJING)


def end_of_today(now: datetime) -> datetime:
    """Return the first moment of tomorrow in Beijing."""
    return end_of(now.astimezone(BEIJING).date())


NEWEST = "-filed_at"
LISTED = (
    *("pk", "complaint_no", "status", "mini_program__app_id", "upstream_id", "trade_no", "merchant_order_no"),
    *("trade_amount", "paid_at", "dispute_type", "demand", "requested_refund_amount", "advance_protection"),
    *("filed_at", "received_at", "handle_by", "ended_at", "is_history"),
)
"""The columns that programs are told of a list: to make a whole complaint of each row takes longer than the rest."""


def listed(actor: Actor, lookups: Mapping[str, Any]) -> Segment[Complaint]:
    """Return the list for programs: what the actor sees of what these look-ups find, newest first, as named tuples."""

    def read(number: int, after: Position | None, backwards: bool) -> list[Any]:
        return _listed(actor, Fixed((number, backwards)), after, **lookups)

    return Segment(Complaint.objects.all(), NEWEST, read=read)


@written
def _listed(actor: Actor, how: Fixed, after: Position | None, **lookups: Any) -> QuerySet[Complaint, Any]:
    number, backwards = how.value
    part: Segment[Complaint] = Segment(visible_to(actor).filter(**lookups), NEWEST)
    return part.taken(number, after=after, backwards=backwards).values_list(*LISTED, named=True)


class Queued(NamedTuple):
    """A complaint as far as the list shows it: to make a whole one of each row, with its mini program, its handling and
    its assignee, takes longer than all else about it."""

    pk: int
    complaint_no: str
    dispute_type: str
    status: str
    advance_protection: bool
    trade_amount: Decimal
    filed_at: datetime
    handle_by: datetime
    ended_at: datetime | None
    is_history: bool
    program: str
    method: str | None
    handled_at: datetime | None
    assignee_id: int | None
    assigned_user_id: int | None
    first_name: str | None
    last_name: str | None
    username: str | None

    @property
    def handling(self) -> "Queued | None":
        """Itself once it was handled: it knows how and when."""
        return self if self.method else None

    @property
    def assigned_to(self) -> str:
        """The name of its assignee, as `User` writes it."""
        return f"{self.first_name or ''} {self.last_name or ''}".strip() or self.username or ""


QUEUED = (
    *("pk", "complaint_no", "dispute_type", "status", "advance_protection", "trade_amount", "filed_at", "handle_by"),
    *("ended_at", "is_history", "mini_program__name", "handling__method", "handling__handled_at", "assignee_id"),
    *("assignee__user_id", "assignee__user__first_name", "assignee__user__last_name", "assignee__user__username"),
)
"""The columns of a `Queued`, in its order."""


def segments(complaints: QuerySet[Complaint], statuses: Collection[str]) -> list[Segment[Complaint]]:
    """Return the list in its order: what is pending by its deadline, then the others, newest first."""
    joined = Complaint.objects.select_related("mini_program", "handling", "assignee__user")
    return [Segment(complaints.filter(stretch), order, joined) for stretch, order in _stretches(statuses)]


def queue(complaints: QuerySet[Complaint], statuses: Collection[str]) -> list[Segment[Any]]:
    """Return the same list, of which `queued` makes rows."""
    joined: QuerySet[Complaint, Any] = Complaint.objects.values_list(*QUEUED, named=True)
    return [Segment(complaints.filter(stretch), order, joined) for stretch, order in _stretches(statuses)]


def queued(page: Page[Any]) -> list[Queued]:
    """Return the rows of a page of the queue."""
    return [Queued(*row) for row in page.rows]


def _stretches(statuses: Collection[str]) -> list[tuple[Q, str]]:
    """Return the parts of the list: which complaints stand in each, in which order."""
    found = []
    if Status.PENDING in statuses:
        found.append((Q(status=Status.PENDING), "handle_by"))
    others = [status for status in statuses if status != Status.PENDING]
    if len(others) == len(Status) - 1:
        found.append((~Q(status=Status.PENDING), "-filed_at"))
    elif others:
        found.append((Q(status__in=others), "-filed_at"))
    return found


def all_segments(actor: Actor, statuses: Collection[str], *, only_numbers: bool = False) -> list[Segment[Any]]:
    """Return the queue of all that the actor sees, narrowed by nothing else; or just their numbers."""
    chosen = tuple(statuses)
    take = _numbered if only_numbers else _taken

    def reader(index: int) -> Callable[[int, Position | None, bool], list[Any]]:
        return lambda number, after, backwards: take(actor, Fixed((chosen, index, number, backwards)), after)

    orders = [order for _stretch, order in _stretches(chosen)]
    return [Segment(Complaint.objects.all(), order, read=reader(index)) for index, order in enumerate(orders)]


@written
def _taken(actor: Actor, how: Fixed, after: Position | None) -> QuerySet[Complaint, Any]:
    statuses, index, number, backwards = how.value
    part: Segment[Any] = queue(visible_to(actor), statuses)[index]
    return part.taken(number, after=after, backwards=backwards)


@written
def _numbered(actor: Actor, how: Fixed, after: Position | None) -> QuerySet[Complaint]:
    statuses, index, number, backwards = how.value
    stretch, order = _stretches(statuses)[index]
    part: Segment[Complaint] = Segment(visible_to(actor).filter(stretch).only("complaint_no"), order)
    return part.taken(number, after=after, backwards=backwards)


def usual_dispute_types(merchant_id: int) -> list[str]:
    """Return the dispute types that stand most often among those of the latest complaints, by name."""
    return sorted(name for (name,) in ask(LATEST_TYPES, [merchant_id]))


def status_counts(complaints: QuerySet[Complaint]) -> dict[str, int]:
    """Count by status, each no further than one above the cap, in one statement."""
    return capped_counts(_by_status(complaints))


def _by_status(complaints: QuerySet[Complaint]) -> dict[str, QuerySet[Complaint]]:
    return {status.value: complaints.filter(status=status) for status in Status}


@written_counts
def all_status_counts(actor: Actor) -> dict[str, QuerySet[Complaint]]:
    """Count all that the actor sees by status, in the same way."""
    return _by_status(visible_to(actor))


def points_of(complaints: Iterable[Complaint]) -> dict[int, int]:
    """Return, by complaint, the points that its running clock carries; a clock that was stopped or swept has none."""
    return dict(_points([each.pk for each in complaints]))


@written
def _points(complaint_ids: list[int]) -> QuerySet[Deadline, tuple[int, int]]:
    clocks = Deadline.objects.filter(kind=Deadline.Kind.HANDLE, subject_id__in=complaint_ids)
    return clocks.values_list("subject_id", "points")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a merchant stands at one moment. Counts are capped."""

    pending: int
    overdue: int
    """Missed, and still to be handled."""
    points_at_stake: int
    """Lost by the end of today, Beijing time, unless they are handled before. What was missed is no longer at stake."""
    next_due: list[Complaint] = field(default_factory=list)

    @property
    def next_deadline(self) -> datetime | None:
        return self.next_due[0].handle_by if self.next_due else None


def standing(merchant_id: int, *, now: datetime, shown: int = 10) -> Standing:
    """Look up how a merchant stands, with the complaints that are due next."""
    with together() as side:
        counts = side(_standing_counts, merchant_id, now)
        points = side(at_stake, merchant_id, Deadline.Kind.HANDLE, now=now)
        next_due = side(_due_next, merchant_id, now, Fixed(shown))
    return Standing(counts.value["pending"], counts.value["overdue"], points.value, next_due.value)


@written_counts
def _standing_counts(merchant_id: int, now: datetime) -> dict[str, QuerySet[Complaint]]:
    pending = pending_of(merchant_id)
    return {"pending": pending, "overdue": pending.filter(handle_by__lt=now, is_history=False)}


@written
def _due_next(merchant_id: int, now: datetime, shown: Fixed) -> QuerySet[Complaint]:
    due = pending_of(merchant_id).filter(handle_by__gte=now, is_history=False)
    return due.select_related("mini_program", "handling").order_by("handle_by", "pk")[: shown.value]


def at_stake(merchant_id: int, kind: Deadline.Kind, *, now: datetime) -> int:
    """Add up the points that a merchant loses by the end of today, Beijing time, unless somebody acts."""
    return sum(_at_stake(merchant_id, kind, now, end_of_today(now)))


@written
def _at_stake(merchant_id: int, kind: Deadline.Kind, now: datetime, until: datetime) -> QuerySet[Deadline, int]:
    clocks = Deadline.objects.filter(merchant_id=merchant_id, kind=kind, due_at__gte=now, due_at__lt=until)
    return clocks.values("merchant_id").annotate(sum=Sum("points")).values_list("sum", flat=True).order_by()


def pending_of(merchant_id: int) -> QuerySet[Complaint]:
    """Return what a merchant has to handle still."""
    return Complaint.objects.filter(merchant_id=merchant_id, status=Status.PENDING)


def with_everything(actor: Actor) -> QuerySet[Complaint]:
    """Return the complaints of this actor, each with all that its page shows."""
    pictures = Evidence.objects.order_by("pk")
    said = Message.objects.order_by("-at", "-pk").prefetch_related(Prefetch("evidence", pictures))
    return (
        visible_to(actor)
        .select_related(*BESIDE_A_CASE)
        .prefetch_related(
            Prefetch("pictures", pictures),
            Prefetch("handling__evidence", pictures),
            Prefetch("messages", said),
            "history",
        )
    )


@written
def case_of(actor: Actor, complaint_no: str) -> QuerySet[Complaint]:
    """Return the complaint with this number among those of this actor."""
    return visible_to(actor).select_related(*BESIDE_A_CASE).filter(complaint_no=complaint_no)


def lay_all_beside(complaint: Complaint) -> None:
    """Look up all that `with_everything` fetches with a complaint."""
    handling: Handling | None = getattr(complaint, "handling", None)
    with together() as side:
        said, history = side(_said_and_shown, complaint.pk), side(_history, complaint.pk)
        pictures, proof = side(_pictures, complaint.pk), side(_proof, handling.pk) if handling else None
    lay_beside(complaint, "messages", said.value)
    lay_beside(complaint, "history", history.value)
    lay_beside(complaint, "pictures", [each.evidence for each in pictures.value])
    if handling and proof:
        lay_beside(handling, "evidence", [each.evidence for each in proof.value])


def _said_and_shown(complaint_id: int) -> list[Message]:
    said = _said(complaint_id)
    shown = _shown_with([message.pk for message in said]) if said else []
    for message in said:
        lay_beside(message, "evidence", [each.evidence for each in shown if each.message_id == message.pk])
    return said


@written
def _said(complaint_id: int) -> QuerySet[Message]:
    return Message.objects.filter(complaint_id=complaint_id).order_by("-at", "-pk")


@written
def _history(complaint_id: int) -> QuerySet[HistoryLine]:
    return HistoryLine.objects.filter(complaint_id=complaint_id).order_by("at", "pk")


@written
def _shown_with(message_ids: list[int]) -> QuerySet[Any]:
    shown = Message.evidence.through.objects.filter(message_id__in=message_ids)
    return shown.select_related("evidence").order_by("evidence_id")


@written
def _pictures(complaint_id: int) -> QuerySet[Any]:
    shown = Complaint.pictures.through.objects.filter(complaint_id=complaint_id)
    return shown.select_related("evidence").order_by("evidence_id")


@written
def _proof(handling_id: int) -> QuerySet[Any]:
    shown = Handling.evidence.through.objects.filter(handling_id=handling_id)
    return shown.select_related("evidence").order_by("evidence_id")
