"""Pending refunds: opened by a ruling, ended by refunds that add up, refused once, opened again.

Functions here take a case whose complaint the caller has locked, then the case itself: always in this order.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import IllegalMove
from common.numbers import new_number
from common.policy import policy_at
from complaints import services as complaints
from complaints.models import Complaint, HistoryLine
from deadlines.models import Deadline, Extended, Extension
from deadlines.services import start_clocks, stop_clock
from refunds.models import RefundCase
from refunds.records import Record, write
from refunds.states import REFUND_CASE, CaseStatus, RefundStatus

ZERO = Decimal("0.00")
COUNTING = (RefundStatus.PROCESSING, RefundStatus.SUCCEEDED)
"""Refunds in these states count against what is due: one that is being processed may succeed any moment."""


def lock(case_id: int) -> RefundCase:
    """Lock the complaint of a case, then the case, and look again."""
    complaint_id = RefundCase.objects.values_list("complaint_id", flat=True).get(pk=case_id)
    complaint = complaints.lock(complaint_id)
    case = RefundCase.objects.select_for_update(no_key=True).get(pk=case_id)
    case.complaint = complaint
    return case


def sum_of_refunds(case: RefundCase, statuses: Sequence[str] = COUNTING) -> Decimal:
    """Return how much of a case is refunded, or promised by refunds that are being processed."""
    paid: Decimal | None = case.refunds.filter(status__in=statuses).aggregate(sum=Sum("amount"))["sum"]
    return paid or ZERO


def rest_of(case: RefundCase) -> Decimal:
    """Return what is still to be refunded."""
    amount: Decimal = case.amount
    return max(ZERO, amount - sum_of_refunds(case))


def rests_of(cases: QuerySet[RefundCase]) -> Decimal:
    """Return what is still to be refunded of all these cases together, in one query."""
    counting = Q(refunds__status__in=COUNTING)
    sums = cases.annotate(paid=Coalesce(Sum("refunds__amount", filter=counting), ZERO, output_field=DecimalField()))
    rests = sums.annotate(rest=Greatest(F("amount") - F("paid"), ZERO, output_field=DecimalField()))
    return sum(rests.values_list("rest", flat=True), ZERO)


def open_case(complaint: Complaint, amount: Decimal, *, actor: Actor, now: datetime) -> RefundCase:
    """Staff ruled that a refund is due: open the case and start its clock. The complaint is locked."""
    case = RefundCase.objects.create(
        case_no=new_number(now, "03"),
        complaint=complaint,
        merchant_id=complaint.merchant_id,
        mini_program_id=complaint.mini_program_id,
        amount=amount,
        points=policy_at(now).refund_points,
        opened_at=now,
        refund_by=now.astimezone(UTC) + policy_at(now).refund_within,
    )
    start_clocks([clock(case, now=now)])
    _tell(case, "open", "", actor=actor, now=now, event="opened", amount=amount, refund_by=case.refund_by)
    return case


def clock(case: RefundCase, *, now: datetime) -> Deadline:
    """Return the clock of a case's round; it carries what missing it costs."""
    return Deadline(
        kind=Deadline.Kind.REFUND,
        subject_id=case.pk,
        complaint_id=case.complaint_id,
        merchant_id=case.merchant_id,
        mini_program_id=case.mini_program_id,
        round=case.round,
        points=case.points,
        due_at=case.refund_by,
        remind_at=policy_at(now).reminds_at(case.refund_by, now),
    )


def stop(case: RefundCase, *, now: datetime) -> None:
    """Stop the clock in time; a late one is left to the sweep. Remembers since when it stands still."""
    if stop_clock(Deadline.Kind.REFUND, case.pk, now=now):
        case.stopped_at = now
        case.save(update_fields=["stopped_at"])


def let_run_again(case: RefundCase, *, actor: Actor, now: datetime) -> None:
    """Part of what had stopped the clock failed or came back: it runs on, with the time that was left when it stopped.

    How long a payment system takes to say no costs the merchant nothing. An extension that was carried out meanwhile
    moved the clocks that ran; to this one it gives its time now.
    """
    if case.status != CaseStatus.DUE or case.stopped_at is None or not rest_of(case):
        return
    case.refund_by = now.astimezone(UTC) + (case.refund_by - case.stopped_at)
    _extend(case, ran_until=case.stopped_at)
    case.stopped_at = None
    case.save(update_fields=["refund_by", "stopped_at"])
    start_clocks([clock(case, now=now)])
    _tell(case, "run_again", case.status, actor=actor, now=now, event="", refund_by=case.refund_by)


def _extend(case: RefundCase, *, ran_until: datetime) -> None:
    """Give a case the time of the extensions that came while its clock stood still: of each, as much as it lost."""
    lines = HistoryLine.objects.filter(complaint_id=case.complaint_id, noun="refund_case", noun_id=case.pk)
    begun = lines.filter(verb__in=EVENTS).order_by("-at").values_list("at", flat=True).first() or case.opened_at
    kind = Deadline.Kind.REFUND
    missed = Extension.objects.filter(status=Extension.Status.DONE, kinds__contains=[kind], done_at__gte=ran_until)
    had = Extended.objects.filter(kind=kind, subject_id=case.pk).values("extension")
    for each in missed.exclude(pk__in=had).order_by("pk"):
        lost = min(each.ended_at, ran_until) - max(each.began_at, begun)
        if lost > timedelta(0):
            before, case.refund_by = case.refund_by, case.refund_by + lost
            Extended.objects.create(
                extension=each,
                kind=kind,
                subject_id=case.pk,
                complaint_id=case.complaint_id,
                due_before=before,
                due_after=case.refund_by,
            )


def settle_if_paid(case: RefundCase, *, actor: Actor, now: datetime) -> bool:
    """End the case when its refunds that succeeded add up to what is due, and say whether they do."""
    if case.status != CaseStatus.DUE or sum_of_refunds(case, (RefundStatus.SUCCEEDED,)) < case.amount:
        return False
    stop(case, now=now)
    _move(case, "refund", actor=actor, now=now, event="refunded")
    complaints.settle(case.complaint, actor=actor, now=now, case_no=case.case_no)
    return True


def waive(case: RefundCase, *, actor: Actor, now: datetime) -> None:
    """Staff ruled that no refund is due, so the complaint is finished."""
    refuse_while_processing(case)
    REFUND_CASE.target("waive", case.status)
    # Late or not: what was never due cannot be missed.
    Deadline.objects.filter(kind=Deadline.Kind.REFUND, subject_id=case.pk).delete()
    _move(case, "waive", actor=actor, now=now, event="waived")
    complaints.settle(case.complaint, actor=actor, now=now, case_no=case.case_no)


def drop(case: RefundCase, *, actor: Actor, now: datetime) -> None:
    """The complaint was withdrawn or closed, so nothing is due any more; a deadline missed before stays missed."""
    if "waive" in REFUND_CASE.allowed(case.status):
        stop(case, now=now)
        _move(case, "waive", actor=actor, now=now, event="waived")


def refuse(case: RefundCase, *, actor: Actor, now: datetime) -> None:
    """The merchant refuses to refund: the clock stops, and staff look at why."""
    refuse_while_processing(case)
    stop(case, now=now)
    _move(case, "refuse", actor=actor, now=now, event="refused")


def next_round(case: RefundCase, verb: str, *, actor: Actor, now: datetime) -> None:
    """A refund is due all the same: a new round begins, with its whole time.

    Refuses while the missed clock of an earlier round still waits for its sweep, which takes a minute.
    """
    target = REFUND_CASE.target(verb, case.status)
    if Deadline.objects.filter(kind=Deadline.Kind.REFUND, subject_id=case.pk).exists():
        raise IllegalMove(
            _("The deadline of the round before was missed and waits for its sweep. Try again in a minute."),
            code="sweep_first",
        )
    case.round += 1
    case.points = policy_at(now).refund_points
    case.refund_by = now.astimezone(UTC) + policy_at(now).refund_within
    case.stopped_at = None
    start_clocks([clock(case, now=now)])
    facts = {"round": case.round, "amount": case.amount, "refund_by": case.refund_by}
    _move(case, verb, actor=actor, now=now, event=EVENTS[verb], to=target, **facts)


EVENTS = {"overrule": "overruled", "reopen": "reopened"}


def refuse_while_processing(case: RefundCase) -> None:
    """Refuse what must not overtake a refund that is being processed."""
    if case.refunds.filter(status=RefundStatus.PROCESSING).exists():
        raise IllegalMove(
            _("A refund is being processed. Wait for its result, which takes a few minutes at most."),
            code="refund_processing",
        )


def _move(case: RefundCase, verb: str, *, actor: Actor, now: datetime, event: str, to: str = "", **detail: Any) -> None:
    """Assign the status, and write the line of history and the event. Nothing else assigns a case's status."""
    before = case.status
    case.status = to or REFUND_CASE.target(verb, case.status)
    case.ended_at = now if case.status in (CaseStatus.REFUNDED, CaseStatus.WAIVED) else None
    case.save()
    _tell(case, verb, before, actor=actor, now=now, event=event, **detail)


def _tell(case: RefundCase, verb: str, before: str, *, actor: Actor, now: datetime, event: str, **detail: Any) -> None:
    facts = {"case_no": case.case_no, **detail}
    told = Record("refund_case", case.pk, verb, before, case.status, case.complaint, event, facts)
    write([told], actor=actor, now=now)
