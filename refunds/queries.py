"""Read pending refunds, refunds and the guarantee fund."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Prefetch, Q, QuerySet, Sum

from common.actors import Actor
from common.counting import capped_counts
from common.keyset import Segment
from common.policy import policy_at
from common.together import together
from common.written import Fixed, written, written_counts
from complaints.models import Complaint
from complaints.queries import at_stake, end_of, start_of
from deadlines.models import Deadline
from evidence.models import Evidence
from refunds.cases import COUNTING, ZERO, rest_of
from refunds.claims import refundable
from refunds.fund import Split, balance_of, split
from refunds.models import Book, FundEntry, FundTransfer, GuaranteeAccount, NoRefundClaim, Refund, RefundCase
from refunds.permissions import visible_cases
from refunds.states import CaseStatus, ClaimStatus, RefundStatus

OVERDUE = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; what is empty narrows nothing. The days are Beijing's, and both are included."""

    search: str = ""
    mini_program_id: int | None = None
    due_within: str = ""
    """`overdue`, or a number of hours."""
    opened_from: date | None = None
    opened_to: date | None = None

    def __bool__(self) -> bool:
        return self != Wanted()


def narrowed(cases: QuerySet[RefundCase], wanted: Wanted, *, now: datetime) -> QuerySet[RefundCase]:
    """Return those cases that are wanted."""
    conditions = Q()
    if wanted.search:
        names = ("case_no", "complaint__complaint_no", "complaint__trade_no")
        matches = [Q(**{f"{name}__startswith": wanted.search}) for name in names]
        conditions &= matches[0] | matches[1] | matches[2]
    if wanted.mini_program_id is not None:
        conditions &= Q(mini_program_id=wanted.mini_program_id)
    if wanted.due_within == OVERDUE:
        conditions &= overdue_at(now)
    elif wanted.due_within:
        within = timedelta(hours=int(wanted.due_within))
        conditions &= RUNNING & Q(refund_by__gte=now, refund_by__lte=now + within)
    if wanted.opened_from:
        conditions &= Q(opened_at__gte=start_of(wanted.opened_from))
    if wanted.opened_to:
        conditions &= Q(opened_at__lt=end_of(wanted.opened_to))
    return cases.filter(conditions)


RUNNING = Q(status=CaseStatus.DUE, stopped_at=None)
"""Matches cases whose clock runs on: a refund of all that is due stops it while it is being processed."""


def overdue_at(now: datetime) -> Q:
    """Match cases that missed their deadline and are still to be refunded; `is_overdue` says the same of one."""
    return RUNNING & Q(refund_by__lt=now)


def is_overdue(case: RefundCase, *, now: datetime) -> bool:
    """Say whether a case missed its deadline and is still to be refunded: at the very deadline it has not."""
    return case.status == CaseStatus.DUE and case.stopped_at is None and case.refund_by < now


def listed(actor: Actor) -> QuerySet[RefundCase]:
    """Return the pending refunds of this actor with what a list shows of each."""
    return visible_cases(actor).select_related("complaint", "mini_program")


def segments(cases: QuerySet[RefundCase], statuses: Collection[str]) -> list[Segment[RefundCase]]:
    """Return the list in its order: what is due by its deadline, then the others, the newest first."""
    found: list[Segment[RefundCase]] = []
    if CaseStatus.DUE in statuses:
        found.append(Segment(cases.filter(status=CaseStatus.DUE), "refund_by"))
    others = [status for status in statuses if status != CaseStatus.DUE]
    if others:
        found.append(Segment(cases.filter(status__in=others), "-opened_at"))
    return found


def status_counts(cases: QuerySet[RefundCase]) -> dict[str, int]:
    """Count by status, each no further than one above the cap, in one statement."""
    return capped_counts({status.value: cases.filter(status=status) for status in CaseStatus})


def due_of(merchant_id: int) -> QuerySet[RefundCase]:
    """Return the refunds of a merchant that are due."""
    return RefundCase.objects.filter(merchant_id=merchant_id, status=CaseStatus.DUE)


def paid_of(cases: Iterable[RefundCase]) -> dict[int, Decimal]:
    """Return, by case, how much is refunded or promised; one query for all of them."""
    ids = [case.pk for case in cases]
    sums = Refund.objects.filter(refund_case__in=ids, status__in=COUNTING).values_list("refund_case")
    return dict.fromkeys(ids, ZERO) | dict(sums.annotate(sum=Sum("amount")).order_by())


def in_doubt(now: datetime) -> QuerySet[Refund]:
    """Return the refunds whose result is unknown for longer than the policy bears; staff see them."""
    since = now - timedelta(hours=policy_at(now).refund_doubt_hours)
    return Refund.objects.filter(status=RefundStatus.PROCESSING, requested_at__lte=since)


def case_numbers_about(complaint_ids: Collection[int]) -> QuerySet[RefundCase, int]:
    """Return the numbers of these complaints' pending refunds, as their clocks know them."""
    return RefundCase.objects.filter(complaint_id__in=complaint_ids).values_list("pk", flat=True)


def claim_numbers_about(complaint_ids: Collection[int]) -> QuerySet[NoRefundClaim, int]:
    """Return the numbers of these complaints' claims that wait for a ruling."""
    return NoRefundClaim.objects.filter(complaint_id__in=complaint_ids, status=ClaimStatus.SUBMITTED).values_list(
        "pk", flat=True
    )


def points_of(cases: Iterable[RefundCase]) -> dict[int, int]:
    """Return, by case, the points that its running clock carries; a clock that was stopped or swept has none."""
    clocks = Deadline.objects.filter(kind=Deadline.Kind.REFUND, subject_id__in=[case.pk for case in cases])
    return dict(clocks.values_list("subject_id", "points"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a merchant stands with their refunds at one moment. Counts are capped."""

    due: int
    overdue: int
    """Missed, and still to be refunded."""
    points_at_stake: int
    """Lost by the end of today, Beijing time, unless they are refunded before."""
    next_due: list[RefundCase] = field(default_factory=list)

    @property
    def next_deadline(self) -> datetime | None:
        return self.next_due[0].refund_by if self.next_due else None


def standing(merchant_id: int, *, now: datetime, shown: int = 1) -> Standing:
    """Look up how a merchant stands, with the refunds that are due next."""
    with together() as side:
        counts = side(_standing_counts, merchant_id, now)
        points = side(at_stake, merchant_id, Deadline.Kind.REFUND, now=now)
        next_due = side(_due_next, merchant_id, now, Fixed(shown))
    return Standing(counts.value["due"], counts.value["overdue"], points.value, next_due.value)


@written_counts
def _standing_counts(merchant_id: int, now: datetime) -> dict[str, QuerySet[RefundCase]]:
    return {"due": due_of(merchant_id), "overdue": due_of(merchant_id).filter(overdue_at(now))}


@written
def _due_next(merchant_id: int, now: datetime, shown: Fixed) -> QuerySet[RefundCase]:
    running = due_of(merchant_id).filter(RUNNING, refund_by__gte=now)
    return running.order_by("refund_by", "pk")[: shown.value]


def claims_of(complaint: Complaint) -> list[NoRefundClaim]:
    """Return the no-refund claims about a complaint, the newest first, with what proves them."""
    pictures = Prefetch("evidence", Evidence.objects.order_by("pk"))
    claims = NoRefundClaim.objects.filter(complaint=complaint).prefetch_related(pictures)
    return list(claims.order_by("-submitted_at", "-pk"))


def refunds_of(case: RefundCase) -> list[Refund]:
    """Return the refunds of a case, the newest first, with what proves them."""
    pictures = Prefetch("evidence", Evidence.objects.order_by("pk"))
    return list(case.refunds.prefetch_related(pictures).order_by("-requested_at", "-pk"))


def parts_of(refunds: Iterable[Refund]) -> dict[int, dict[str, Decimal]]:
    """Return, by refund from the fund, how much of it the bonus and the deposit paid; one query for all of them."""
    entries = FundEntry.objects.filter(
        transfer__refund__in=[each.pk for each in refunds],
        transfer__kind=FundTransfer.Kind.REFUND,
        book__in=[Book.DEPOSIT, Book.BONUS],
    )
    parts: dict[int, dict[str, Decimal]] = {}
    for refund_id, book, amount in entries.values_list("transfer__refund", "book", "amount"):
        parts.setdefault(refund_id, {})[book] = -amount
    return parts


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be refunded of a case now: at most this much, and from the fund where the merchant is in the plan."""

    rest: Decimal
    at_most: Decimal
    """Less than the rest where another complaint about the same trade was refunded meanwhile."""
    account: GuaranteeAccount | None

    @property
    def is_bounded(self) -> bool:
        return self.at_most < self.rest


def offer_of(case: RefundCase) -> Offer:
    """Look up what can be refunded of a case, whose complaint came with it."""
    rest = rest_of(case)
    return Offer(rest, min(rest, refundable(case.complaint)), account_of(case.merchant_id))


def account_of(merchant_id: int) -> GuaranteeAccount | None:
    """Return a merchant's guarantee account, or None when they are not in the plan."""
    return GuaranteeAccount.objects.filter(merchant_id=merchant_id).first()


def preview(amount: Decimal, account: GuaranteeAccount, *, now: datetime) -> Split:
    """Return how the fund would pay this amount now, or what it lacks; nothing moves."""
    return split(amount, balance_of(account), policy=policy_at(now))
