"""What tests of insights share: a count that knows no SQL, and histories in which anything may happen."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from common.actors import Actor, ActorKind
from common.errors import PortalError
from common.numbers import BEIJING
from complaints import services as complaints
from complaints.consultations import services as consultations
from complaints.intake import HandledElsewhere, file_complaints
from complaints.models import Complaint, Method
from complaints.outcomes import NOT_SAID, Outcome, with_outcomes, with_root_causes
from complaints.tests.consumers import asked_at
from complaints.tests.factories import consumer_actor, handle_at, make_filing, moment, platform_actor
from complaints_portal.insights.figures import Figures, Found, Range
from deadlines.sweeping import run_sweep
from merchants.models import MiniProgram
from penalties import services as penalties
from penalties.models import Penalty
from penalties.permissions import REVOKE
from refunds import services as refunds
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.tests.making import refund_at, rule_at, staff

START = moment("2026-11-02T09:30+08:00")
REVOKER = Actor(kind=ActorKind.STAFF, name="Xiao Er", id=1, grants=frozenset({REVOKE}))


def plain_count(merchant_id: int, wanted: Range, narrow: Callable[[Complaint], bool] = lambda complaint: True) -> Found:
    """Count a merchant's complaints of these days one by one, as a person with the list before them would."""
    rows = [each for each in Complaint.objects.filter(merchant_id=merchant_id) if narrow(each)]
    rows = [each for each in rows if wanted.first <= day_of(each) <= wanted.last]
    if wanted.mini_program_ids:
        rows = [each for each in rows if each.mini_program_id in wanted.mini_program_ids]
    if wanted.dispute_types:
        rows = [each for each in rows if each.dispute_type in wanted.dispute_types]
    keys: dict[str, Callable[[Complaint], Any]] = {
        "dispute_type": lambda each: each.dispute_type,
        "mini_program": lambda each: each.mini_program_id,
        "root_cause": lambda each: each.handling.root_cause if hasattr(each, "handling") else "",
        "week": lambda each: wanted.first + (day_of(each) - wanted.first) // timedelta(days=7) * timedelta(days=7),
    }
    parts = {}
    for name, key in keys.items():
        values = Counter(key(each) for each in rows)
        figures = [_count([each for each in rows if key(each) == value], value) for value in values]
        by_number = sorted(figures, key=lambda each: (-each.filed, str(each.part)))
        parts[name] = sorted(figures, key=lambda each: each.part) if name == "week" else by_number
    return Found(_count(rows, None), parts)


def _count(rows: Iterable[Complaint], part: Any) -> Figures:
    rows = list(rows)
    handlings = [each.handling for each in rows if hasattr(each, "handling")]
    lost = {each.pk: _penalties_of(each) for each in rows}
    missed = [each for each in rows if any(penalty.kind == "complaint_timeout" for penalty in lost[each.pk])]
    minutes = sorted(
        int((handling.handled_at - handling.complaint.filed_at).total_seconds() // 60) for handling in handlings
    )
    issued = [penalty for found in lost.values() for penalty in found]
    paid = Refund.objects.filter(complaint__in=rows, status="succeeded")
    elsewhere = [handling.refund_amount or 0 for handling in handlings if handling.taken_in]
    return Figures(
        part=part,
        filed=len(rows),
        handled=len(handlings),
        in_time=sum(handling.in_time for handling in handlings),
        missed=len(missed),
        unhandled=sum(not hasattr(each, "handling") for each in missed),
        points_lost=sum(penalty.points for penalty in issued),
        points_given_back=sum(penalty.points for penalty in issued if penalty.status == "revoked"),
        repeated=sum(_repeats(each) for each in rows),
        from_consultation=sum(hasattr(each, "consultation") for each in rows),
        refunded=sum((refund.amount for refund in paid), Decimal(0)) + sum(elsewhere),
        median=minutes[ceil(len(minutes) * 0.5) - 1] if minutes else None,
        ninetieth=minutes[ceil(len(minutes) * 0.9) - 1] if minutes else None,
    )


def _penalties_of(complaint: Complaint) -> list[Penalty]:
    cases = RefundCase.objects.filter(complaint=complaint).values_list("pk", flat=True)
    timeouts = Penalty.objects.filter(kind="complaint_timeout", subject_id=complaint.pk)
    return [*timeouts, *Penalty.objects.filter(kind="refund_overdue", subject_id__in=list(cases))]


def _repeats(complaint: Complaint) -> bool:
    earlier = [
        each
        for each in Complaint.objects.filter(merchant_id=complaint.merchant_id)
        if each.filed_at < complaint.filed_at
    ]
    phone = complaint.consumer_phone
    return any(each.trade_no == complaint.trade_no or (phone and each.consumer_phone == phone) for each in earlier)


def day_of(complaint: Complaint) -> date:
    return complaint.filed_at.astimezone(BEIJING).date()


def listed(merchant_id: int, wanted: Range, outcome: str = "", cause: str | None = None) -> int:
    """Count what a list would hold that is narrowed to these days and this outcome."""
    rows = Complaint.objects.filter(
        merchant_id=merchant_id,
        filed_at__gte=datetime.combine(wanted.first, datetime.min.time(), BEIJING),
        filed_at__lt=datetime.combine(wanted.last + timedelta(days=1), datetime.min.time(), BEIJING),
    )
    rows = with_outcomes(rows, [outcome] if outcome else [])
    return with_root_causes(rows, [] if cause is None else [cause or NOT_SAID]).count()


BEHIND = {
    Outcome.HANDLED: lambda figures: figures.handled,
    Outcome.IN_TIME: lambda figures: figures.in_time,
    Outcome.LATE: lambda figures: figures.handled - figures.in_time,
    Outcome.MISSED: lambda figures: figures.missed,
    Outcome.REPEAT: lambda figures: figures.repeated,
    Outcome.ASKED_FIRST: lambda figures: figures.from_consultation,
}
"""The number that a link with this outcome stands behind."""


class History:
    """A merchant's months, step by step: each step takes the number that chooses among what there is."""

    def __init__(self, programs: list[MiniProgram]) -> None:
        self.programs = programs
        self.merchant = programs[0].merchant
        self.now = START

    def do(self, step: str, number: int) -> None:
        """Make one step; what the product refuses changes nothing."""
        self.now += timedelta(hours=7)
        try:
            getattr(self, step)(number)
        except PortalError:
            return

    def _filing(self, number: int, **fields: Any) -> Any:
        return make_filing(
            self.programs[number % len(self.programs)],
            trade_no=f"T{number % 5}",
            consumer_phone=("", "13800000000", "13900000000")[number % 3],
            dispute_type=("发货", "quality")[number % 2],
            **fields,
        )

    def _file(self, filing: Any, *, is_history: bool = False) -> None:
        platform = self.merchant.platform
        file_complaints(
            [filing], platform_id=platform.pk, actor=platform_actor(platform), now=self.now, is_history=is_history
        )

    def file(self, number: int) -> None:
        self._file(self._filing(number))

    def file_late(self, number: int) -> None:
        """Filed elsewhere days ago; it stands before others that are here already."""
        self._file(self._filing(number, filed_at=self.now - timedelta(days=1 + number % 9)))

    def take_in(self, number: int) -> None:
        """An old case that was handled elsewhere, in time or late."""
        filed_at = self.now - timedelta(days=12 + number % 5)
        handled = HandledElsewhere(
            method=Method.OTHER_REFUND if number % 2 else Method.SHIPPED,
            at=filed_at + timedelta(hours=40 * (1 + number % 4)),
            amount=Decimal("20.00") if number % 2 else None,
        )
        self._file(self._filing(number, filed_at=filed_at, handled=handled), is_history=True)

    def ask_first(self, number: int) -> None:
        asked = asked_at(self.now.isoformat(), self.programs[0])
        platform = self.merchant.platform
        consultations.complain(asked.pk, self._filing(number), actor=platform_actor(platform), now=self.now)

    def handle(self, number: int) -> None:
        if complaint := self._one(Complaint.objects.filter(status="pending"), number):
            method = (Method.OTHER_REFUND, Method.SHIPPED)[number % 2]
            cause = ("", "delivery", "price")[number % 3]
            handle_at(self.now, complaint, method, root_cause=cause)

    def withdraw(self, number: int) -> None:
        if complaint := self._one(Complaint.objects.all(), number):
            complaints.cancel(complaint.pk, reason="Solved.", actor=consumer_actor(complaint), now=self.now)

    def rule(self, number: int) -> None:
        if claim := self._one(NoRefundClaim.objects.filter(status="submitted"), number):
            rule_at(self.now.isoformat(), claim, ("overrule", "accept")[number % 2])

    def correct(self, number: int) -> None:
        if claim := self._one(NoRefundClaim.objects.exclude(status="submitted"), number):
            ruling = refunds.Ruling(reason_code="decided_wrongly", message="Looked at again.")
            refunds.correct(claim.pk, ruling, actor=staff(), now=self.now)

    def refund(self, number: int) -> None:
        if case := self._one(RefundCase.objects.filter(status="due"), number):
            part = case.amount if number % 2 else case.amount / 2
            refund_at(
                self.now.isoformat(), case, str(round(part, 2)), channel="elsewhere", reference=f"R{self.now:%d%H%M}"
            )

    def reverse(self, number: int) -> None:
        if refund := self._one(Refund.objects.filter(status="succeeded"), number):
            refunds.reverse_refund(refund.pk, reason="Came back.", actor=staff(), now=self.now)

    def sweep(self, number: int) -> None:
        self.now += timedelta(days=number % 9)
        for kind in ("handle", "refund", "finish"):
            run_sweep(kind, cut_off=self.now, issued_at=self.now, ran_by="test")

    def revoke(self, number: int) -> None:
        if penalty := self._one(Penalty.objects.filter(status="in_effect"), number):
            penalties.revoke(penalty.pk, reason="Our fault.", actor=REVOKER, now=self.now)

    def reinstate(self, number: int) -> None:
        if penalty := self._one(Penalty.objects.filter(status="revoked"), number):
            penalties.reinstate(penalty.pk, reason="A mistake.", actor=REVOKER, now=self.now)

    def _one(self, rows: Any, number: int) -> Any:
        found = list(rows.filter(merchant_id=self.merchant.pk).order_by("pk"))
        return found[number % len(found)] if found else None


STEPS = (
    "file",
    "file_late",
    "take_in",
    "ask_first",
    "handle",
    "withdraw",
    "rule",
    "correct",
    "refund",
    "reverse",
    "sweep",
    "revoke",
    "reinstate",
)
