"""File complaints, one or many: the same verb for the API, the bulk API and the import."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, PortalError
from common.inserting import NEW_ID, insert_new, insert_new_with, insert_together
from common.numbers import new_complaint_no
from common.policy import policy_at
from common.written import written
from complaints import followers
from complaints.followers import ToReview
from complaints.models import REFUNDING, Complaint, Handling, HistoryLine
from complaints.permissions import require
from complaints.services import finish_clock, handle_clock, history_line
from complaints.states import Status
from deadlines.models import Deadline
from evidence.models import Evidence
from merchants.models import MiniProgram
from notifications.models import Event
from notifications.services import to_emit

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No trade here is older: what says so comes from a program that counts from year 1, or from a cell that was empty."""

ONE_PER_UPSTREAM_ID = "(platform_id, upstream_id) WHERE NOT upstream_id = ''"
"""What makes a complaint that is filed again the same one, as SQL names the target of a conflict."""


@dataclass(frozen=True, slots=True)
class HandledElsewhere:
    """How and when a complaint was handled before it came here.

    `amount` is in yuan, for the ways that refund; None when nobody tells how much it was.
    """

    method: str
    at: datetime
    note: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """One complaint as it is filed. Amounts are yuan to the cent; moments carry their zone.

    `filed_at` is for what was filed elsewhere earlier, and starts the clock; without it the clock starts now.
    """

    app_id: str
    trade_no: str
    trade_amount: Decimal
    dispute_type: str
    description: str
    merchant_order_no: str = ""
    paid_at: datetime | None = None
    demand: str = ""
    requested_refund_amount: Decimal | None = None
    consumer_reference: str = ""
    consumer_name: str = ""
    consumer_phone: str = ""
    advance_protection: bool = False
    filed_at: datetime | None = None
    upstream_id: str = ""
    handled: HandledElsewhere | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one filing: a complaint that is new, or the first one with the same upstream id."""

    complaint: Complaint
    is_new: bool


Outcome = Filed | PortalError


def file_complaint(
    filing: Filing, *, pictures: Sequence[Evidence] = (), platform_id: int, actor: Actor, now: datetime
) -> Filed:
    """File one complaint and start its clock. Raises the `PortalError` that `file_complaints` would return."""
    require(actor, "file")
    is_one_statement = filing.handled is None and not pictures  # and needs no transaction around it
    with nullcontext() if is_one_statement else transaction.atomic(savepoint=False):
        if filing.handled is None:
            outcome = _file_one(filing, platform_id=platform_id, actor=actor, now=now)
        else:
            (outcome,) = _file([filing], platform_id=platform_id, actor=actor, now=now, is_history=False)
        if isinstance(outcome, Filed) and outcome.is_new and pictures:
            outcome.complaint.pictures.set(pictures)
    if isinstance(outcome, PortalError):
        raise outcome
    return outcome


def file_complaints(
    filings: Sequence[Filing], *, platform_id: int, actor: Actor, now: datetime, is_history: bool = False
) -> list[Outcome]:
    """File many complaints with a handful of statements; the outcomes stand in the order of the filings.

    A filing that cannot be taken is answered with the refusal and does not stop the others: an unknown mini program, a
    moment in the future or too long ago, a refund asked above the trade. The same upstream id twice is the same
    complaint.
    `is_history` takes old cases in without starting a clock.
    """
    require(actor, "file")
    with transaction.atomic(savepoint=False):
        return _file(filings, platform_id=platform_id, actor=actor, now=now, is_history=is_history)


def _file(
    filings: Sequence[Filing], *, platform_id: int, actor: Actor, now: datetime, is_history: bool
) -> list[Outcome]:
    wanted = list({filing.app_id for filing in filings})
    programs = {program.app_id: program for program in _programs(platform_id, wanted)}
    outcomes: list[Outcome | Complaint] = []
    for filing in filings:
        refusal = _refusal(filing, programs, now=now)
        outcomes.append(refusal or _complaint(filing, programs[filing.app_id], now=now, is_history=is_history))
    created = _insert([each for each in outcomes if isinstance(each, Complaint)])
    first = _first_ones([each for each in outcomes if isinstance(each, Complaint) and each.complaint_no not in created])
    result: list[Outcome] = []
    taken_in: list[tuple[Complaint, Filing]] = []
    for filing, outcome in zip(filings, outcomes, strict=True):
        if not isinstance(outcome, Complaint):
            result.append(outcome)
        elif outcome.complaint_no in created:
            outcome.pk = created[outcome.complaint_no]
            taken_in.append((outcome, filing))
            result.append(Filed(outcome, is_new=True))
        else:
            result.append(Filed(first[outcome.upstream_id], is_new=False))
    _take_in(taken_in, actor=actor, is_history=is_history)
    return result


def _file_one(filing: Filing, *, platform_id: int, actor: Actor, now: datetime) -> Outcome:
    """File one complaint that nobody has handled yet: what begins with it goes in the same statement."""
    programs = {program.app_id: program for program in _programs(platform_id, [filing.app_id])}
    refusal = _refusal(filing, programs, now=now)
    if refusal is not None:
        return refusal
    complaint = _complaint(filing, programs[filing.app_id], now=now, is_history=False)
    complaint.pk = NEW_ID
    begun = [
        _first_line(complaint, actor=actor),
        *_clocks([(complaint, filing)]),
        *_events([(complaint, filing)], is_history=False),
    ]
    new_id = insert_new_with(complaint, begun, unless=ONE_PER_UPSTREAM_ID)
    if new_id is None:
        return Filed(_first_ones([complaint])[complaint.upstream_id], is_new=False)
    complaint.pk = new_id
    return Filed(complaint, is_new=True)


@written
def _programs(platform_id: int, app_ids: list[str]) -> QuerySet[MiniProgram]:
    return MiniProgram.objects.filter(platform_id=platform_id, app_id__in=app_ids)


def _refusal(filing: Filing, programs: dict[str, MiniProgram], *, now: datetime) -> BadInput | None:
    """Return why a filing cannot be taken, or None."""
    if filing.app_id not in programs:
        return BadInput(
            _("“%(app_id)s” is not a mini program of this platform.") % {"app_id": filing.app_id},
            field="app_id",
            code="unknown_app_id",
        )
    for name, moment in (("filed_at", filing.filed_at), ("paid_at", filing.paid_at)):
        if moment is not None and not EARLIEST <= moment <= now:
            return _refusal_of_moment(name, moment)
    for name, amount in (
        ("trade_amount", filing.trade_amount),
        ("requested_refund_amount", filing.requested_refund_amount),
    ):
        if amount is not None and (amount < 0 or amount != amount.quantize(Decimal("0.01"))):
            return BadInput(_("Give the amount in yuan, not below zero, with at most two decimals."), field=name)
    if filing.requested_refund_amount is not None and filing.requested_refund_amount > filing.trade_amount:
        return BadInput(_("The refund that is asked for exceeds the trade's amount."), field="requested_refund_amount")
    if filing.handled is not None:
        return _refusal_of_handling(filing, filing.handled, now=now)
    return None


def _refusal_of_moment(name: str, moment: datetime) -> BadInput:
    if moment < EARLIEST:
        words = _("This moment lies before the year %(year)d.") % {"year": EARLIEST.year}
        return BadInput(words, field=name, code="too_long_ago")
    return BadInput(_("This moment lies in the future."), field=name, code="in_the_future")


def _refusal_of_handling(filing: Filing, handled: HandledElsewhere, *, now: datetime) -> BadInput | None:
    if not (filing.filed_at or now) <= handled.at <= now:
        return BadInput(_("It must have been handled after it was filed, and not in the future."), field="handled_at")
    if handled.amount is None:
        return None
    if handled.method not in REFUNDING:
        return BadInput(_("This way of handling does not refund; leave the amount empty."), field="refund_amount")
    if not 0 < handled.amount <= filing.trade_amount:
        return BadInput(
            _("Give the amount that was refunded, above zero and not above the trade's, or leave it empty."),
            field="refund_amount",
        )
    return None


def _complaint(filing: Filing, program: MiniProgram, *, now: datetime, is_history: bool) -> Complaint:
    filed_at = (filing.filed_at or now).astimezone(UTC)  # hours added to a local time could gain or lose one
    return Complaint(
        complaint_no=new_complaint_no(filed_at),
        platform_id=program.platform_id,
        merchant_id=program.merchant_id,
        mini_program=program,
        upstream_id=filing.upstream_id,
        trade_no=filing.trade_no,
        merchant_order_no=filing.merchant_order_no,
        trade_amount=filing.trade_amount,
        paid_at=filing.paid_at,
        dispute_type=filing.dispute_type,
        demand=filing.demand,
        requested_refund_amount=filing.requested_refund_amount,
        description=filing.description,
        consumer_reference=filing.consumer_reference,
        consumer_name=filing.consumer_name,
        consumer_phone=filing.consumer_phone,
        advance_protection=filing.advance_protection,
        status=_first_status(filing.handled),
        filed_at=filed_at,
        received_at=now,
        handle_by=filed_at + policy_at(filed_at).handle_within,
        is_history=is_history,
    )


def _first_status(handled: HandledElsewhere | None) -> Status:
    if handled is None:
        return Status.PENDING
    return Status.HANDLED if handled.method in REFUNDING else Status.IN_REVIEW


def _insert(complaints: list[Complaint]) -> Mapping[str, int]:
    """Insert what has no upstream id that is there already; return the new ones' ids by complaint number."""
    # In one order for everybody: two transactions that insert the same ids crosswise would wait for each other.
    in_order = sorted(complaints, key=lambda each: each.upstream_id)
    return insert_new(in_order, unless=ONE_PER_UPSTREAM_ID, by="complaint_no")


def _first_ones(again: list[Complaint]) -> dict[str, Complaint]:
    """Return the complaints that were first with these upstream ids."""
    if not again:
        return {}
    wanted = {complaint.upstream_id for complaint in again}
    first = Complaint.objects.filter(platform_id=again[0].platform_id, upstream_id__in=wanted)
    return {complaint.upstream_id: complaint for complaint in first.select_related("mini_program")}


def _take_in(taken_in: list[tuple[Complaint, Filing]], *, actor: Actor, is_history: bool) -> None:
    """Start the clocks, and write handlings, history and events of complaints that were just inserted."""
    handlings = [_handling(complaint, filing.handled, actor=actor) for complaint, filing in taken_in if filing.handled]
    if handlings:
        Handling.objects.bulk_create(handlings, batch_size=1000)
    lines = [_first_line(complaint, actor=actor) for complaint, _filing in taken_in]
    lines += [
        history_line(
            handling.complaint,
            "handle",
            Status.PENDING,
            handling.complaint.status,
            actor=actor,
            at=handling.handled_at,
            method=handling.method,
            in_time=handling.in_time,
        )
        for handling in handlings
    ]
    insert_together(lines, [] if is_history else list(_clocks(taken_in)), _events(taken_in, is_history=is_history))
    to_review = [ToReview(each.complaint, each) for each in handlings if each.complaint.status == Status.IN_REVIEW]
    if to_review and not is_history:
        followers.reviews_begin(to_review, actor=actor, now=to_review[0].complaint.received_at)


def _first_line(complaint: Complaint, *, actor: Actor) -> HistoryLine:
    return history_line(complaint, "file", "", Status.PENDING, actor=actor, at=complaint.filed_at)


def _events(taken_in: list[tuple[Complaint, Filing]], *, is_history: bool) -> list[Event]:
    return to_emit(
        Event(
            name="complaint.filed",
            merchant_id=complaint.merchant_id,
            subject_id=complaint.pk,
            at=complaint.received_at,
            payload={
                "complaint_no": complaint.complaint_no,
                "status": complaint.status,
                **({"is_history": True} if is_history else {}),
                **({"handle_by": complaint.handle_by.isoformat()} if complaint.status == Status.PENDING else {}),
            },
        )
        for complaint, _filing in taken_in
    )


def _clocks(taken_in: list[tuple[Complaint, Filing]]) -> Iterable[Deadline]:
    """Yield the clocks that run: one for the sweep where it was not handled in time, one for a refund's consumer."""
    for complaint, filing in taken_in:
        handled = filing.handled
        if handled is None or handled.at > complaint.handle_by:
            yield handle_clock(complaint)
        if handled is not None and complaint.status == Status.HANDLED:
            yield finish_clock(complaint, handled_at=handled.at)


def _handling(complaint: Complaint, handled: HandledElsewhere, *, actor: Actor) -> Handling:
    return Handling(
        complaint=complaint,
        method=handled.method,
        note=handled.note,
        refund_amount=handled.amount,
        taken_in=True,
        handled_at=handled.at,
        in_time=handled.at <= complaint.handle_by,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
    )
