"""Read penalties: the list with its filters, what still can be appealed, and the points that count."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from common.counting import CAP, count_words
from common.keyset import Segment
from common.policy import policy_at
from common.prepared import Place, Statement
from common.together import ask
from common.wording import BEIJING
from common.written import written, written_sums
from complaints.models import HistoryLine
from complaints.queries import end_of, start_of
from complaints.reviews.record import RECENT, Tally
from deadlines.forecast import DAYS, Due
from deadlines.models import Deadline
from penalties.models import Penalty
from penalties.states import Kind, Status
from refunds.models import RefundCase

POINTS_LOOK_AT = 10_000
"""So many penalties of a merchant are added up at most; hardly anybody has them, and a page must not wait for more."""
POINTS = Statement(
    """
        SELECT mini_program_id, (SELECT name FROM merchants_miniprogram WHERE id = mini_program_id), status,
            sum(points), count(*)
        FROM (
            SELECT mini_program_id, status, points FROM penalties_penalty
            WHERE merchant_id = %s AND status IN (%s, %s)
            ORDER BY appeal_by, id LIMIT %s
        ) AS looked_at GROUP BY mini_program_id, status
    """,
    [Place(0), Status.IN_EFFECT.value, Status.UNDER_APPEAL.value, POINTS_LOOK_AT],
)
"""All that is added up stands in one index; a name is looked up for each sum, not for each penalty."""
WAITING = Statement(
    """
        SELECT count(*) FROM (
            SELECT FROM penalties_penalty
            WHERE merchant_id = %s AND status = %s AND window_closed_at IS NULL AND appeal_by >= %s
            ORDER BY appeal_by, id LIMIT %s
        ) AS counted
    """,
    [Place(0), Status.IN_EFFECT.value, Place(1), CAP + 1],
    planned_each_time=True,
)
"""By a plan for merchants of middling size the database would look at every open window before it counts a thousand."""
WINDOWS = Statement(
    """
        SELECT number, closing.* FROM generate_series(0, %s) AS number CROSS JOIN LATERAL (
            SELECT count(*), min(appeal_by), max(appeal_by) FROM (
                SELECT appeal_by FROM penalties_penalty
                WHERE merchant_id = %s AND status = %s AND window_closed_at IS NULL
                    AND appeal_by >= CASE number WHEN 0 THEN %s ELSE %s + (number - 1) * '24 hours'::interval END
                    AND appeal_by < %s + number * '24 hours'::interval
                ORDER BY appeal_by, id LIMIT %s
            ) AS counted
        ) AS closing (found, first_at, last_at) WHERE found > 0 ORDER BY number
    """,
    [DAYS - 1, Place(0), Status.IN_EFFECT.value, Place(1), Place(2), Place(2), CAP + 1],
)
"""Each day is a stretch of the index, as in `deadlines.forecast.BY_DAY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; what is empty narrows nothing. The days are Beijing's, and both are included."""

    status: str = ""
    kind: str = ""
    mini_program_id: int | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    only_open: bool = False
    """Only penalties whose appeal window is open, under appeal or not."""

    def __bool__(self) -> bool:
        return self != Wanted()


def narrowed(penalties: QuerySet[Penalty], wanted: Wanted, *, now: datetime) -> QuerySet[Penalty]:
    """Return those penalties that are wanted."""
    conditions = Q()
    if wanted.status:
        conditions &= Q(status=wanted.status)
    if wanted.kind:
        conditions &= Q(kind=wanted.kind)
    if wanted.mini_program_id is not None:
        conditions &= Q(mini_program_id=wanted.mini_program_id)
    if wanted.issued_from:
        conditions &= Q(issued_at__gte=start_of(wanted.issued_from))
    if wanted.issued_to:
        conditions &= Q(issued_at__lt=end_of(wanted.issued_to))
    if wanted.only_open:
        conditions &= open_at(now) & ~Q(status=Status.REVOKED)
    return penalties.filter(conditions)


def segments(penalties: QuerySet[Penalty], *, now: datetime) -> list[Segment[Penalty]]:
    """Return the list in its order: what still can be appealed, its window closing soonest first; then the newest."""
    rows = penalties.select_related("complaint", "mini_program")
    waiting = open_at(now) & Q(status=Status.IN_EFFECT)
    return [Segment(rows.filter(waiting), "appeal_by"), Segment(rows.exclude(waiting), "-issued_at")]


def open_at(now: datetime) -> Q:
    """Match penalties whose appeal window is open; `window_is_open` says the same of one."""
    return Q(window_closed_at=None, appeal_by__gte=now)


def window_is_open(penalty: Penalty, *, now: datetime) -> bool:
    """Say whether the appeal window is open: at its very end it still is."""
    return penalty.window_closed_at is None and now <= penalty.appeal_by


def timeout_numbers(complaint_ids: Collection[int]) -> QuerySet[Penalty, int]:
    """Return the numbers of the penalties for not handling these complaints, as their clocks know them."""
    return Penalty.objects.filter(kind=Kind.COMPLAINT_TIMEOUT, subject_id__in=complaint_ids).values_list(
        "pk", flat=True
    )


def overdue_numbers(complaint_ids: Collection[int]) -> QuerySet[Penalty, int]:
    """Return the numbers of the penalties for the overdue refunds of these complaints."""
    cases = RefundCase.objects.filter(complaint_id__in=complaint_ids).values("pk")
    return Penalty.objects.filter(kind=Kind.REFUND_OVERDUE, subject_id__in=cases).values_list("pk", flat=True)


def waiting_count(merchant_id: int, *, now: datetime) -> int:
    """Count the penalties in effect whose window is open, no further than one above the cap."""
    ((number,),) = ask(WAITING, [merchant_id, now])
    return int(number)


def windows_by_day(merchant_id: int, *, now: datetime) -> list[Due]:
    """Count the appeal windows of penalties in effect that close within the days of the forecast, in one statement.

    On each day no further than one above the cap: after a great sweep hundreds of thousands close within hours. They
    carry no points, which are lost already. An index of the penalties finds them: their clocks have none by merchant.
    """
    today = now.astimezone(BEIJING).date()
    rows = ask(WINDOWS, [merchant_id, now, end_of(today)])
    return [Due(Deadline.Kind.APPEAL, today + timedelta(days=day), number, 0, *ends) for day, number, *ends in rows]


@dataclass(frozen=True, slots=True)
class Issued:
    """Penalties that were issued after a moment: how many, no further than one above the cap, and what they cost."""

    number: int
    points: int
    last_at: datetime | None


def issued_since(merchant_id: int, since: datetime) -> Issued:
    """Add up the penalties that a merchant got since a moment, in one statement."""
    return Issued(*_issued_since(merchant_id, since))


@written_sums("count(*)", "coalesce(sum(points), 0)", "max(issued_at)")
def _issued_since(merchant_id: int, since: datetime) -> QuerySet[Penalty, Any]:
    issued = Penalty.objects.filter(merchant_id=merchant_id, issued_at__gt=since).order_by("-issued_at", "-pk")
    return issued.values("points", "issued_at")[: CAP + 1]


@dataclass(slots=True)
class Points:
    """Points that count, of a merchant or of one mini program: in effect, and under appeal until it is decided."""

    name: str = ""
    in_effect: int = 0
    under_appeal: int = 0


@dataclass(frozen=True, slots=True)
class PointsOverview:
    """The points of a merchant in all and by mini program, the most first."""

    total: Points
    programs: list[Points]
    is_partial: bool
    """True when there are more penalties than were looked at."""


def points_overview(merchant_id: int) -> PointsOverview:
    """Add up, in one statement, the points that count; those of revoked penalties were given back."""
    total, programs, number = Points(), dict[int, Points](), 0
    for program_id, name, status, sum_, looked_at in ask(POINTS, [merchant_id]):
        number += looked_at
        for points in (total, programs.setdefault(program_id, Points(name=name))):
            setattr(points, status, getattr(points, status) + sum_)
    ordered = sorted(programs.values(), key=lambda points: (-points.in_effect, -points.under_appeal, points.name))
    return PointsOverview(total, ordered, is_partial=number == POINTS_LOOK_AT)


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that was broken, in the numbers of its time."""

    hours: int
    """To handle the complaint, or to pay the refund."""
    points: int
    window_hours: int

    @property
    def days(self) -> int:
        """The same in whole days, or 0 when it is none."""
        return 0 if self.hours % 24 else self.hours // 24

    @property
    def window_days(self) -> int:
        """The same in whole days, or 0 when it is none."""
        return 0 if self.window_hours % 24 else self.window_hours // 24


def rule_of(penalty: Penalty) -> Rule:
    """Return the rule by the policy in force when each clock started: the obligation's, and the window's."""
    if penalty.kind == Kind.COMPLAINT_TIMEOUT:
        hours = policy_at(penalty.complaint.filed_at).handle_hours
    else:
        hours = policy_at(_round_began(penalty)).refund_hours
    window = policy_at(penalty.issued_at).appeal_within(penalty.kind)
    return Rule(hours, penalty.points, int(window.total_seconds() // 3600))


def _round_began(penalty: Penalty) -> datetime:
    """Return when the round of a pending refund began whose deadline was missed."""
    began = HistoryLine.objects.filter(
        complaint_id=penalty.complaint_id,
        noun="refund_case",
        noun_id=penalty.subject_id,
        verb__in=("open", "overrule", "reopen"),
        at__lt=penalty.missed_at,
    )
    return began.order_by("-at").values_list("at", flat=True).first() or penalty.missed_at


def case_of(penalty: Penalty) -> RefundCase | None:
    """Return the pending refund that a penalty is about, or None when it is about a complaint."""
    if penalty.kind != Kind.REFUND_OVERDUE:
        return None
    return RefundCase.objects.filter(pk=penalty.subject_id).first()


def overdue_penalties(cases: Iterable[RefundCase]) -> dict[int, list[Penalty]]:
    """Return, by pending refund, the penalties for its missed rounds, the latest first; one query for all of them."""
    found: dict[int, list[Penalty]] = {}
    ids = [case.pk for case in cases]
    for penalty in Penalty.objects.filter(kind=Kind.REFUND_OVERDUE, subject_id__in=ids).order_by("-round"):
        found.setdefault(penalty.subject_id, []).append(penalty)
    return found


def was_revoked_by_hand(penalty: Penalty) -> bool:
    """Say whether staff revoked the penalty without an appeal, singly or with a whole run."""
    revocations = HistoryLine.objects.filter(
        complaint_id=penalty.complaint_id, noun="penalty", noun_id=penalty.pk, verb="revoke"
    )
    last = revocations.order_by("pk").last()
    return penalty.status == Status.REVOKED and last is not None and bool(last.detail.get("by_hand"))


def timeout_penalties(complaint_ids: Sequence[int]) -> dict[int, Penalty]:
    """Return, by complaint, the penalty for not handling it in time; each complaint has at most one."""
    return {penalty.subject_id: penalty for penalty in _timeouts(list(complaint_ids))}


@written
def _timeouts(complaint_ids: list[int]) -> QuerySet[Penalty]:
    return Penalty.objects.filter(kind=Kind.COMPLAINT_TIMEOUT, subject_id__in=complaint_ids)


def record(merchant_id: int, now: datetime) -> Iterable[Tally]:
    """Tell what a merchant stands at: the points that count, and the penalties of the last 90 days."""
    standing = Penalty.objects.filter(merchant_id=merchant_id, status__in=(Status.IN_EFFECT, Status.UNDER_APPEAL))
    counted = standing[: CAP + 1].aggregate(points=Sum("points", default=0), number=Count("pk"))
    recent = Penalty.objects.filter(merchant_id=merchant_id, issued_at__gte=now - RECENT)[: CAP + 1].count()
    points = f"{counted['points']:,}" + ("+" if counted["number"] > CAP else "")
    return Tally(_("points in effect or under appeal"), points), Tally(_("penalties in 90 days"), count_words(recent))
