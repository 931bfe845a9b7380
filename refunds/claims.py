"""No-refund claims: opened with a handling, a contest or a refusal; claimed by one person of staff, who rules.

Locks are taken in one order: complaint, case, claim, clock. When a verb refuses, nothing has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from common.actors import SYSTEM, Actor
from common.errors import BadInput, Conflict, IllegalMove
from common.policy import policy_at
from complaints import services as complaints
from complaints.followers import ToReview
from complaints.models import Complaint, Handling
from complaints.states import Status as ComplaintStatus
from deadlines import reviewing
from deadlines.calendar import WorkingDeadline, end_of_working_day
from deadlines.models import Deadline
from deadlines.services import start_clocks
from evidence.models import Evidence
from refunds import cases, fund, refunding
from refunds.models import Channel, NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.permissions import require
from refunds.reasons import REASONS_OF
from refunds.records import Record, write
from refunds.states import NO_REFUND_CLAIM, REFUND_CASE, CaseStatus, ClaimStatus, RefundStatus

TEXT_LIMIT = 1000
NOUN = "no_refund_claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What staff rule: a reason from the list, words to the merchant, and how much is due.

    Without an `amount` all is due that the consumer asked for and has not got, as far as the trade still allows.
    `refund_not_made` says that the refund which the merchant named when handling never reached the consumer, so that it
    counts no longer.
    """

    reason_code: str
    message: str
    amount: Decimal | None = None
    refund_not_made: bool = False


def open_claims(reviews: Sequence[ToReview], *, actor: Actor, now: datetime) -> list[NoRefundClaim]:
    """Open a claim for each complaint that went to staff, with a handful of statements. The complaints are locked."""
    review = end_of_working_day(now, policy_at(now).review_working_days)
    claims = NoRefundClaim.objects.bulk_create(
        _claim(
            each.complaint,
            each.handling.note,
            review,
            actor=actor,
            now=now,
            handling=each.handling,
            contested=each.contested,
        )
        for each in reviews
    )
    by_handling = {each.handling.pk: claim.pk for each, claim in zip(reviews, claims, strict=True)}
    of_handling, of_claim = Handling.evidence.through, NoRefundClaim.evidence.through
    given = of_handling.objects.filter(handling_id__in=by_handling).values_list("handling_id", "evidence_id")
    of_claim.objects.bulk_create(
        of_claim(norefundclaim_id=by_handling[handling_id], evidence_id=evidence_id)
        for handling_id, evidence_id in given
    )
    _begin(claims, actor=actor, now=now)
    return claims


@transaction.atomic
def refuse(case_id: int, text: str, *, evidence: Sequence[Evidence], actor: Actor, now: datetime) -> NoRefundClaim:
    """Refuse a pending refund: the clock stops, and staff rule on what the merchant says and proves.

    Refuses: no text or no picture, evidence of another merchant, a second refusal, a refund that is being processed,
    and a case that is not due.
    """
    case = cases.lock(case_id)
    require(actor, "refuse", case.merchant_id)
    check_refusable(case)
    check_refusal(text, evidence, case.merchant_id, now=now)
    cases.refuse(case, actor=actor, now=now)
    review = end_of_working_day(now, policy_at(now).review_working_days)
    claim = _claim(case.complaint, text.strip(), review, actor=actor, now=now, refund_case=case)
    claim.save()
    claim.evidence.set(evidence)
    _begin([claim], actor=actor, now=now)
    return claim


def check_refusable(case: RefundCase) -> None:
    """Refuse when a case cannot be refused now: it is not due, was refused before, or is being paid."""
    REFUND_CASE.target("refuse", case.status)
    if not has_refusals_left(case, refused=case.refusals.count()):
        raise IllegalMove(_("This refund was refused before, and staff ruled that it is due."), code="refused_before")
    cases.refuse_while_processing(case)


def has_refusals_left(case: RefundCase, *, refused: int) -> bool:
    """Say whether a case that was refused so often can be refused once more, as far as the policy goes."""
    return refused < policy_at(case.opened_at).refusals_per_refund


def can_be_refused(case: RefundCase, claims: Sequence[NoRefundClaim]) -> bool:
    """Say whether a case can still be refused by its deadline; `claims` are all about its complaint."""
    refused = sum(1 for each in claims if each.refund_case_id == case.pk)
    return "refuse" in REFUND_CASE.allowed(case.status) and has_refusals_left(case, refused=refused)


def check_refusal(text: str, evidence: Sequence[Evidence], merchant_id: int, *, now: datetime) -> None:
    """Refuse a refusal that lacks its text or its proof."""
    if not text.strip():
        raise BadInput(_("Say why no refund is due: what was delivered, when, and what was agreed."), field="text")
    if len(text) > TEXT_LIMIT:
        raise BadInput(_("Keep the text to %(limit)d characters.") % {"limit": TEXT_LIMIT}, field="text")
    if not evidence:
        raise BadInput(_("Add at least one picture that proves what you say."), field="pictures")
    refunding.check_evidence(evidence, merchant_id, now=now)


@transaction.atomic
def claim(claim_id: int, *, actor: Actor, now: datetime) -> NoRefundClaim:
    """Claim a review, so that nobody else rules meanwhile. Refuses, by name, what a colleague has."""
    review = _lock(claim_id)
    require(actor, "claim")
    _refuse_lapsed(review)
    reviewing.take(review, actor, now=now)
    return review


@transaction.atomic
def release(claim_id: int, *, actor: Actor, now: datetime) -> NoRefundClaim:
    """Give a claimed review back to the queue."""
    review = _lock(claim_id)
    require(actor, "claim")
    reviewing.give_back(review, actor, now=now)
    return review


@transaction.atomic
def accept(claim_id: int, ruling: Ruling, *, actor: Actor, now: datetime) -> NoRefundClaim:
    """Rule that no refund is due: the complaint is finished."""
    review = _lock_to_rule(claim_id, "accept", ruling, actor=actor, now=now)
    if review.refund_case is not None:
        cases.waive(review.refund_case, actor=actor, now=now)
    else:
        complaints.rule(review.complaint, ComplaintStatus.FINISHED, actor=actor, now=now, ruling="accepted")
    return _rule(review, "accept", ClaimStatus.ACCEPTED, ruling, actor=actor, now=now)


@transaction.atomic
def overrule(claim_id: int, ruling: Ruling, *, actor: Actor, now: datetime) -> NoRefundClaim:
    """Rule that a refund is due: a pending refund opens with its seven days, or begins its next round.

    Refuses an amount above what the trade still allows, and when it allows nothing.
    """
    review = _lock_to_rule(claim_id, "overrule", ruling, actor=actor, now=now)
    if review.refund_case is not None:
        _next_round(review.refund_case, "overrule", actor=actor, now=now)
    else:
        complaints.rule(review.complaint, ComplaintStatus.REFUND_DUE, actor=actor, now=now, ruling="overruled")
        _open_case(review, ruling, actor=actor, now=now)
    return _rule(review, "overrule", ClaimStatus.OVERRULED, ruling, actor=actor, now=now)


@transaction.atomic
def correct(claim_id: int, ruling: Ruling, *, actor: Actor, now: datetime) -> NoRefundClaim:
    """Correct a wrong ruling; both stand in the history. What is due after all begins anew, with its whole time.

    Refuses once a refund has been made for it, while the refusal of it is under review, and when the complaint has
    moved on otherwise. Penalties stay: whoever may revoke them looks at each.
    """
    review = _lock(claim_id)
    require(actor, "correct")
    _check_ruling("correct", ruling)
    was_accepted = review.status == ClaimStatus.ACCEPTED
    target = ClaimStatus.OVERRULED if was_accepted else ClaimStatus.ACCEPTED
    NO_REFUND_CLAIM.target("correct", review.status, to=target)
    case = review.refund_case or RefundCase.objects.filter(complaint_id=review.complaint_id).first()
    if case is not None:
        case.complaint = review.complaint
    if was_accepted:
        complaints.reopen(review.complaint, actor=actor, now=now)
        if case is None:
            _open_case(review, ruling, actor=actor, now=now)
        else:
            _next_round(case, "reopen", actor=actor, now=now)
    else:
        _take_back(case, actor=actor, now=now)
    return _rule(review, "correct", target, ruling, actor=actor, now=now)


def _take_back(case: RefundCase | None, *, actor: Actor, now: datetime) -> None:
    """Nothing was due after all. Refuses when it is paid, or when another review is open about it."""
    if case is None or case.status != CaseStatus.DUE:
        raise IllegalMove(_("The pending refund has moved on, so this ruling can no longer be corrected."))
    if case.refunds.filter(status=RefundStatus.SUCCEEDED).exists():
        raise IllegalMove(_("A refund was made because of this ruling. Reverse it first, if it never arrived."))
    cases.waive(case, actor=actor, now=now)


def drop(complaint: Complaint, *, actor: Actor, now: datetime) -> None:
    """The complaint was withdrawn or closed: what was open about it lapses. The complaint is locked."""
    for case in RefundCase.objects.select_for_update(no_key=True).filter(complaint=complaint):
        case.complaint = complaint
        cases.drop(case, actor=actor, now=now)
    for review in NoRefundClaim.objects.select_for_update(no_key=True).filter(
        complaint=complaint, status=ClaimStatus.SUBMITTED
    ):
        review.complaint = complaint
        _stop_clock(review)
        _move(review, "lapse", ClaimStatus.LAPSED, actor=SYSTEM, now=now)


def _open_case(review: NoRefundClaim, ruling: Ruling, *, actor: Actor, now: datetime) -> RefundCase:
    complaint = review.complaint
    if ruling.refund_not_made:
        _reverse_named_refund(complaint, ruling, actor=actor, now=now)
    rest = _can_be_due(complaint)
    amount = fund.check_amount(_not_got_yet(complaint, rest) if ruling.amount is None else ruling.amount)
    if amount > rest:
        raise BadInput(_("At most ¥%(rest)s of this trade can still be refunded.") % {"rest": rest}, field="amount")
    return cases.open_case(complaint, amount, actor=actor, now=now)


def _next_round(case: RefundCase, verb: str, *, actor: Actor, now: datetime) -> None:
    """Begin the next round of a case. What the trade no longer allows meanwhile is no longer due."""
    case.amount = min(case.amount, cases.sum_of_refunds(case) + _can_be_due(case.complaint))
    cases.next_round(case, verb, actor=actor, now=now)


def _can_be_due(complaint: Complaint) -> Decimal:
    """Lock a complaint's trade, and return what is neither refunded of it nor due for another complaint about it.

    Refuses when that is nothing: a merchant cannot be made to pay what no payment system would take.
    """
    refunding.lock_trade(complaint)
    rest = refundable(complaint)
    if not rest:
        raise IllegalMove(
            _("All of this trade is refunded or due already, so nothing more can be due."), code="refunded_in_full"
        )
    return rest


def _not_got_yet(complaint: Complaint, rest: Decimal) -> Decimal:
    """Return what the consumer asked for and has not got; all of the rest when they named no amount, or got it."""
    got = complaint.refunds.filter(status__in=cases.COUNTING).aggregate(sum=Sum("amount"))["sum"] or fund.ZERO
    left = (complaint.requested_refund_amount or fund.ZERO) - got
    return min(rest, left) if left > 0 else rest


def refundable(complaint: Complaint) -> Decimal:
    """Return how much of a complaint's trade is neither refunded yet nor due for another complaint about it."""
    others = RefundCase.objects.filter(
        merchant_id=complaint.merchant_id,
        complaint__trade_no=complaint.trade_no,
        status__in=[CaseStatus.DUE, CaseStatus.REFUSED],
    ).exclude(complaint=complaint)
    return max(fund.ZERO, _not_refunded(complaint) - cases.rests_of(others))


def _not_refunded(complaint: Complaint) -> Decimal:
    trade = RefundedTrade.objects.filter(merchant_id=complaint.merchant_id, trade_no=complaint.trade_no).first()
    amount: Decimal = complaint.trade_amount
    return amount if trade is None else max(fund.ZERO, min(trade.trade_amount, amount) - trade.refunded)


def _reverse_named_refund(complaint: Complaint, ruling: Ruling, *, actor: Actor, now: datetime) -> None:
    """Let the refund that was named with the handling count no longer: it stands on the merchant's word alone."""
    named = Refund.objects.select_for_update(no_key=True).filter(
        complaint=complaint, refund_case=None, channel=Channel.ELSEWHERE, status=RefundStatus.SUCCEEDED
    )
    for made in named:
        made.complaint = complaint
        refunding.reverse_locked(made, reason=ruling.message.strip(), actor=actor, now=now)


def _lock(claim_id: int) -> NoRefundClaim:
    """Lock the complaint, the case that is refused, and the claim, in this order, and look again."""
    complaint_id, case_id = NoRefundClaim.objects.values_list("complaint_id", "refund_case_id").get(pk=claim_id)
    complaint = complaints.lock(complaint_id)
    case = RefundCase.objects.select_for_update(no_key=True).get(pk=case_id) if case_id else None
    review = NoRefundClaim.objects.select_for_update(no_key=True).get(pk=claim_id)
    review.complaint, review.refund_case = complaint, case
    if case is not None:
        case.complaint = complaint
    return review


def _lock_to_rule(claim_id: int, verb: str, ruling: Ruling, *, actor: Actor, now: datetime) -> NoRefundClaim:
    """Lock a claim for a ruling. Refuses whoever may not or has not claimed it, and a ruling that lacks something."""
    review = _lock(claim_id)
    require(actor, verb)
    _refuse_lapsed(review)
    review.require_claim(actor, now=now)
    NO_REFUND_CLAIM.target(verb, review.status)
    _check_ruling(verb, ruling)
    return review


def _refuse_lapsed(review: NoRefundClaim) -> None:
    if review.status == ClaimStatus.LAPSED:
        raise Conflict(
            _("The complaint was withdrawn or closed meanwhile; there is nothing left to rule on."), code="lapsed"
        )


def _check_ruling(verb: str, ruling: Ruling) -> None:
    reviewing.check_answer(ruling.reason_code, ruling.message, REASONS_OF[verb])


def _claim(
    complaint: Complaint, text: str, review: WorkingDeadline, *, actor: Actor, now: datetime, **about: Any
) -> NoRefundClaim:
    return NoRefundClaim(
        complaint=complaint,
        merchant_id=complaint.merchant_id,
        mini_program_id=complaint.mini_program_id,
        text=text,
        submitted_at=now,
        review_by=review.due_at,
        is_provisional=review.is_provisional,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        **about,
    )


def _begin(claims: Sequence[NoRefundClaim], *, actor: Actor, now: datetime) -> None:
    """Start the review clocks of new claims, and write their first lines."""
    start_clocks(
        Deadline(
            kind=Deadline.Kind.REVIEW,
            subject_id=each.pk,
            complaint_id=each.complaint_id,
            merchant_id=each.merchant_id,
            mini_program_id=each.mini_program_id,
            due_at=each.review_by,
            is_provisional=each.is_provisional,
            counted_from=now,
            working_days=policy_at(now).review_working_days,
        )
        for each in claims
    )
    write(
        (
            Record(NOUN, each.pk, "submit", "", each.status, each.complaint, "submitted", {"about": about(each)})
            for each in claims
        ),
        actor=actor,
        now=now,
    )


def about(review: NoRefundClaim) -> str:
    """Say what a claim is about: a handling, one that the consumer contested, or a refusal."""
    if review.refund_case_id is not None:
        return "refusal"
    return "contest" if review.is_contested else "handling"


def _rule(
    review: NoRefundClaim, verb: str, target: str, ruling: Ruling, *, actor: Actor, now: datetime
) -> NoRefundClaim:
    review.decided_by_id, review.decided_at = actor.id, now
    review.reason_code, review.message = ruling.reason_code, ruling.message.strip()
    _stop_clock(review)
    detail = {"reason": ruling.reason_code, "message": review.message}
    return _move(review, verb, target, actor=actor, now=now, **detail)


def _stop_clock(review: NoRefundClaim) -> None:
    """Stop what runs for this review, late or not: nobody is penalised by this clock."""
    Deadline.objects.filter(kind=Deadline.Kind.REVIEW, subject_id=review.pk).delete()


EVENTS = {"accept": "accepted", "overrule": "overruled", "lapse": "lapsed", "correct": "corrected"}


def _move(review: NoRefundClaim, verb: str, to: str, *, actor: Actor, now: datetime, **detail: Any) -> NoRefundClaim:
    """Assign the status, and write the line of history and the event. Nothing else assigns a claim's status."""
    before, review.status = review.status, to
    review.save()
    record = Record(
        NOUN, review.pk, verb, before, to, review.complaint, EVENTS[verb], {"about": about(review), **detail}
    )
    write([record], actor=actor, now=now)
    return review
