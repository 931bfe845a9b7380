"""Refunds: from the fund, through the trade refund API, or made elsewhere and recorded here.

A refund is written down, and its amount promised against the trade, before a payment system hears of it; what the
system answers is taken in afterwards. So a refund whose answer was lost is neither repeated nor forgotten.

Locks are taken in one order: complaint, case, refund, account, trade, clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from common.actors import SYSTEM, Actor
from common.errors import BadInput, Conflict, IllegalMove
from common.numbers import new_number
from complaints import services as complaints
from complaints.models import Complaint, Handling
from complaints.states import Status as ComplaintStatus
from evidence.models import Evidence
from evidence.services import check_number
from refunds import cases, fund
from refunds.failures import why_failed
from refunds.gateways import Answer, Outcome, refund_gateway
from refunds.models import Channel, Refund, RefundCase, RefundedTrade
from refunds.permissions import require
from refunds.records import Record, write
from refunds.states import REFUND, REFUND_CASE, CaseStatus, RefundStatus
from refunds.waiting import next_ask

log = structlog.get_logger(__name__)

LEDGER = "ledger"
KEY_LIMIT = 64
NUMBER_LIMIT = 64
REFERENCE_LIMIT = 128
CODE_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundInput:
    """What a merchant wants refunded, and how. `request_key` names the wish: sent twice, it is one refund.

    `reference` and `evidence` prove a refund that was made elsewhere.
    """

    channel: str
    amount: Decimal
    request_key: str
    reference: str = ""
    evidence: Sequence[Evidence] = ()


@transaction.atomic
def refund(case_id: int, given: RefundInput, *, actor: Actor, now: datetime) -> Refund:
    """Refund a part of what is due, or all of it; when all is paid the case and the complaint are finished.

    From the fund the money moves at once. What a payment system has to do or to confirm is `processing` until it
    answers; when it is all that is due, the clock stops meanwhile.

    Refuses: an amount that is none or above the rest, a fund that falls short, a channel that is not offered, a refund
    elsewhere without number or proof, a number that was recorded before, and a case that is not due. The same request
    again is answered with the refund that it made.
    """
    case = cases.lock(case_id)
    require(actor, "refund", case.merchant_id)
    before = _same_request(case, given)
    if before is not None:
        return before
    if given.channel not in Channel.values:
        raise BadInput(_("Choose how to refund."), field="channel")
    check_wanted(case, given.amount)
    made = _MAKERS[Channel(given.channel)](case, given, actor=actor, now=now)
    if not cases.settle_if_paid(case, actor=actor, now=now) and not cases.rest_of(case):
        cases.stop(case, now=now)
    return made


def check_wanted(case: RefundCase, amount: Decimal) -> None:
    """Refuse to refund of a case that is not due or has no rest, and an amount that is none or above the rest."""
    REFUND_CASE.target("refund", case.status)
    amount = fund.check_amount(amount)
    rest = cases.rest_of(case)
    if not rest:
        raise IllegalMove(_("All that is due is refunded, or being processed already."), code="nothing_left")
    if amount > rest:
        raise BadInput(_("Refund at most ¥%(rest)s: that is what is still due.") % {"rest": rest}, field="amount")


def _from_fund(case: RefundCase, given: RefundInput, *, actor: Actor, now: datetime) -> Refund:
    return _pay(case.complaint, given.amount, given.request_key, case=case, actor=actor, now=now)


def _pay(
    complaint: Complaint,
    amount: Decimal,
    request_key: str,
    *,
    actor: Actor,
    now: datetime,
    case: RefundCase | None = None,
    field: str = "amount",
    way_field: str | None = None,
) -> Refund:
    """Pay a refund from the fund at once. Refuses a merchant who is not in the plan, and a fund that falls short."""
    account = fund.lock_account(complaint.merchant_id)
    if account is None:
        raise IllegalMove(
            _("This merchant is not in the guarantee plan. Join it, or refund in another way."),
            field=way_field,
            code="not_enrolled",
        )
    made = _new(
        complaint, amount, Channel.FUND, request_key, case=case, gateway=LEDGER, actor=actor, now=now, field=field
    )
    parts = fund.pay_refund(made, account, actor=actor, now=now, field=field)
    return _begin(made, "pay", actor=actor, now=now, bonus=parts.bonus, deposit=parts.deposit)


def _by_api(case: RefundCase, given: RefundInput, *, actor: Actor, now: datetime) -> Refund:
    gateway = refund_gateway()
    if gateway is None:
        raise IllegalMove(
            _("Refunds through the trade refund API are not set up here. Choose another way."), code="no_gateway"
        )
    made = _new(
        case.complaint,
        given.amount,
        Channel.API,
        given.request_key,
        case=case,
        gateway=gateway.name,
        actor=actor,
        now=now,
    )
    return _begin(made, "request", actor=actor, now=now)


def _elsewhere(case: RefundCase, given: RefundInput, *, actor: Actor, now: datetime) -> Refund:
    reference = given.reference.strip()
    if not reference:
        raise BadInput(_("Give the refund's number, as the payment system has it."), field="reference")
    if len(reference) > NUMBER_LIMIT:
        raise BadInput(
            _("Keep the refund's number to %(limit)d characters.") % {"limit": NUMBER_LIMIT}, field="reference"
        )
    if not given.evidence:
        raise BadInput(_("Add a picture of the refund record as proof."), field="pictures")
    check_evidence(given.evidence, case.merchant_id, now=now)
    gateway = refund_gateway()
    made = _new(
        case.complaint,
        given.amount,
        Channel.ELSEWHERE,
        given.request_key,
        case=case,
        gateway=gateway.name if gateway else "",
        refund_no=reference,
        actor=actor,
        now=now,
    )
    made.evidence.set(given.evidence)
    return _begin(made, "record", actor=actor, now=now)


_MAKERS = {Channel.FUND: _from_fund, Channel.API: _by_api, Channel.ELSEWHERE: _elsewhere}


def check_evidence(evidence: Sequence[Evidence], merchant_id: int, *, now: datetime) -> None:
    """Refuse more pictures than a submission may have, and those of another merchant."""
    check_number(len(evidence), now=now)
    if any(each.merchant_id != merchant_id for each in evidence):
        raise BadInput(_("A picture is not there any more, or is not yours. Add it again."), field="pictures")


def pay_for_handling(handling: Handling, amount: Decimal, channel: str, *, actor: Actor, now: datetime) -> Refund:
    """Refund, or record a refund, as the way in which a complaint is handled. The complaint is locked."""
    complaint = handling.complaint
    key = f"handling-{handling.pk}"
    if channel == Channel.FUND:
        return _pay(complaint, amount, key, actor=actor, now=now, field="refund_amount", way_field="method")
    made = _new(
        complaint,
        amount,
        channel,
        key,
        refund_no=handling.refund_reference,
        actor=actor,
        now=now,
        field="refund_amount",
        number_field="refund_reference",
    )
    made.evidence.add(*handling.evidence.all())
    return _begin(made, "record", actor=actor, now=now)


@transaction.atomic
def learn(refund_id: int, answer: Answer, *, now: datetime) -> Refund:
    """Take in what the payment system says about a refund. What is over stays as it is.

    That money moved for a refund which failed, as when two asked at once, is an error in the log: nothing else would
    tell of it, and the same amount may be refunded again meanwhile.
    """
    made = _lock(refund_id)
    if made.status == RefundStatus.FAILED and answer.outcome == Outcome.SUCCEEDED:
        log.error("refund_succeeded_after_it_failed", refund=made.refund_no, amount=str(answer.amount or made.amount))
    if made.status != RefundStatus.PROCESSING:
        return made
    differs = answer.outcome == Outcome.SUCCEEDED and answer.amount not in (None, made.amount)
    # Money of another amount under a number of ours moved, and must not be promised to a second refund: staff look.
    if answer.outcome == Outcome.UNKNOWN or (differs and made.channel == Channel.API):
        made.ask_at = next_ask(now, made.asked)
        made.save(update_fields=["ask_at"])
        return made
    if differs:
        answer = Answer(
            Outcome.FAILED,
            "amount_differs",
            str(_("The payment system says ¥%(amount)s for this number.") % {"amount": answer.amount}),
        )
    if answer.outcome == Outcome.SUCCEEDED:
        return _succeed(made, answer, now=now)
    return _fail(made, answer, now=now)


def _succeed(made: Refund, answer: Answer, *, now: datetime) -> Refund:
    made.reference, made.is_verified = answer.reference[:REFERENCE_LIMIT], True
    _move(made, "succeed", actor=SYSTEM, now=now)
    if made.refund_case is not None:
        cases.settle_if_paid(made.refund_case, actor=SYSTEM, now=now)
    return made


def _fail(made: Refund, answer: Answer, *, now: datetime) -> Refund:
    made.failure_code = (answer.code or answer.outcome)[:CODE_LIMIT]
    made.failure = answer.message or str(why_failed(made.failure_code, made.failure_code))
    _move(made, "fail", actor=SYSTEM, now=now, failure_code=made.failure_code)
    _give_back(made)
    if made.refund_case is not None:
        cases.let_run_again(made.refund_case, actor=SYSTEM, now=now)
    return made


@transaction.atomic
def reverse_refund(refund_id: int, *, reason: str, actor: Actor, now: datetime) -> Refund:
    """A refund did not reach the consumer: its money goes back where it came from, and what it paid is due again.

    A case that was refunded begins a new round with its whole time; one that is due still has the time that was left. A
    refund by which a complaint was handled has no case: the complaint stays as it is.
    Refuses: no reason, and a refund that did not succeed.
    """
    require(actor, "reverse")
    if not reason.strip():
        raise BadInput(_("Give the reason; it stays with the record."), field="reason")
    made = _lock(refund_id)
    reverse_locked(made, reason=reason.strip(), actor=actor, now=now)
    case = made.refund_case
    if case is not None and case.status == CaseStatus.REFUNDED and case.complaint.status == ComplaintStatus.FINISHED:
        cases.next_round(case, "reopen", actor=actor, now=now)
        complaints.reopen(case.complaint, actor=actor, now=now, case_no=case.case_no)
    elif case is not None:
        cases.let_run_again(case, actor=actor, now=now)
    return made


def reverse_locked(made: Refund, *, reason: str, actor: Actor, now: datetime) -> None:
    """Reverse a refund whose complaint, case and row are locked."""
    REFUND.target("reverse", made.status)
    fund.reverse(list(made.transfers.filter(reverses=None).prefetch_related("entries")), actor=actor, now=now)
    made.failure = reason
    _move(made, "reverse", actor=actor, now=now, message=reason)
    _give_back(made)


def _same_request(case: RefundCase, given: RefundInput) -> Refund | None:
    """Return the refund that this very request made before; refuse the same key for another wish."""
    if not given.request_key or len(given.request_key) > KEY_LIMIT:
        raise BadInput(_("Open the page again: the request has no number of its own."), field="request_key")
    before = Refund.objects.filter(merchant_id=case.merchant_id, request_key=given.request_key).first()
    if before is None:
        return None
    is_same = (before.refund_case_id, before.channel, before.amount) == (case.pk, given.channel, given.amount)
    if not is_same or (given.channel == Channel.ELSEWHERE and before.refund_no != given.reference.strip()):
        raise _key_used()
    return before


def _key_used() -> Conflict:
    return Conflict(
        _("This request was used for another refund already. Open the page again."), code="request_key_used"
    )


def lock_trade(complaint: Complaint) -> RefundedTrade:
    """Lock the row of a complaint's trade; with the first refund of it the row is made."""
    wanted = {"merchant_id": complaint.merchant_id, "trade_no": complaint.trade_no}
    RefundedTrade.objects.bulk_create(
        [RefundedTrade(**wanted, trade_amount=complaint.trade_amount)], ignore_conflicts=True
    )
    return RefundedTrade.objects.select_for_update(no_key=True).get(**wanted)


def _promise(complaint: Complaint, amount: Decimal, field: str) -> RefundedTrade:
    """Lock a trade and promise an amount of it; refuse what would go above what it cost."""
    trade = lock_trade(complaint)
    rest = min(trade.trade_amount, complaint.trade_amount) - trade.refunded
    if amount > rest:
        raise BadInput(
            _("Of this trade ¥%(amount)s at most can still be refunded; the rest is refunded already.")
            % {"amount": max(fund.ZERO, rest)},
            field=field,
            code="above_the_trade",
        )
    trade.refunded += amount
    trade.save(update_fields=["refunded"])
    return trade


def _give_back(made: Refund) -> None:
    """Take a promise back: nothing of it was paid, or it came back."""
    RefundedTrade.objects.filter(pk=made.trade_id).update(refunded=F("refunded") - made.amount)


def _new(
    complaint: Complaint,
    amount: Decimal,
    channel: str,
    request_key: str,
    *,
    actor: Actor,
    now: datetime,
    case: RefundCase | None = None,
    gateway: str = "",
    refund_no: str = "",
    field: str = "amount",
    number_field: str = "reference",
) -> Refund:
    """Write a refund down and promise its amount. With a payment system to ask it is processing, else it succeeded."""
    trade = _promise(complaint, amount, field)
    if refund_no and trade.refunds.filter(refund_no=refund_no).exclude(status=RefundStatus.FAILED).exists():
        raise BadInput(_("A refund with this number was recorded before."), field=number_field, code="recorded_already")
    waits = bool(gateway) and gateway != LEDGER
    made = Refund(
        refund_no=refund_no or new_number(now, "04"),
        request_key=request_key,
        refund_case=case,
        complaint=complaint,
        merchant_id=complaint.merchant_id,
        trade=trade,
        channel=channel,
        gateway=gateway,
        amount=amount,
        status=RefundStatus.PROCESSING if waits else RefundStatus.SUCCEEDED,
        requested_at=now,
        ended_at=None if waits else now,
        ask_at=now if waits else None,
        is_verified=gateway == LEDGER,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:  # at the same moment, for another case: that one was not locked
        raise _key_used() from error
    return made


def _lock(refund_id: int) -> Refund:
    """Lock complaint, case and refund, in this order, and look again."""
    complaint_id, case_id = Refund.objects.values_list("complaint_id", "refund_case_id").get(pk=refund_id)
    case = cases.lock(case_id) if case_id else None
    complaint = case.complaint if case else complaints.lock(complaint_id)
    made = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
    made.refund_case, made.complaint = case, complaint
    return made


EVENTS = {"succeed": "succeeded", "fail": "failed", "reverse": "reversed"}


def _begin(made: Refund, verb: str, *, actor: Actor, now: datetime, **detail: Any) -> Refund:
    """Write the first line about a refund: paid from the fund, requested, or recorded."""
    event = "requested" if made.status == RefundStatus.PROCESSING else "succeeded"
    _tell(made, verb, "", event, actor=actor, now=now, channel=made.channel, **detail)
    return made


def _move(made: Refund, verb: str, *, actor: Actor, now: datetime, **detail: Any) -> None:
    """Assign the status, and write the line of history and the event. Nothing else assigns a refund's status."""
    before, made.status = made.status, REFUND.target(verb, made.status)
    made.ended_at, made.ask_at = now, None
    made.save()
    _tell(made, verb, before, EVENTS[verb], actor=actor, now=now, **detail)


def _tell(made: Refund, verb: str, before: str, event: str, *, actor: Actor, now: datetime, **detail: Any) -> None:
    facts = {"refund_no": made.refund_no, "amount": made.amount, **detail}
    write([Record("refund", made.pk, verb, before, made.status, made.complaint, event, facts)], actor=actor, now=now)
