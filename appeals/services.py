"""The verbs of an appeal. Locks are taken downwards: appeal, penalty, clock.

`now` is when the request arrived: a submission counts at its arrival. When a verb refuses, nothing has changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from appeals.models import PROOFS_OF, Appeal, AppealDraft
from appeals.permissions import has_conflict, require
from appeals.reasons import REASONS_OF
from appeals.states import APPEAL, Status
from appeals.windows import appealable, attempts_left, seems_unsolved
from common.actors import Actor
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from common.policy import policy_at
from complaints.models import HistoryLine
from deadlines.calendar import end_of_working_day
from deadlines.models import Deadline
from deadlines.reviewing import check_answer, give_back, take
from deadlines.services import start_clocks, stop_clock
from evidence.models import Evidence
from evidence.services import check_number
from notifications.services import emit
from penalties import services as penalties
from penalties.models import Penalty
from penalties.permissions import require as require_penalty
from penalties.states import Kind as PenaltyKind
from penalties.states import Status as PenaltyStatus

DESCRIPTION_LIMIT = 2000
DESCRIBE = {
    PenaltyKind.COMPLAINT_TIMEOUT: _("Describe how the consumer's problem was solved."),
    PenaltyKind.REFUND_OVERDUE: _("Describe how the refund stands, or why none is due."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealInput:
    """What a merchant says and proves. `knowingly`: they know that the problem seems unsolved, and go on."""

    description: str
    evidence: Sequence[Evidence] = ()
    proofs: Sequence[str] = ()
    knowingly: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What staff decide: a reason from the list, and words to the merchant."""

    reason_code: str
    message: str


@transaction.atomic
def submit(penalty_id: int, given: AppealInput, *, actor: Actor, now: datetime) -> Appeal:
    """Appeal a penalty. The window is judged at `now`; the review may end after it.

    Refuses: a window that has closed, an appeal that is open already, attempts that are spent, no description, no
    picture, evidence of another merchant, and a problem that seems unsolved unless the merchant goes on knowingly.
    """
    penalty = penalties.lock(penalty_id)
    require_penalty(actor, "appeal", penalty)
    earlier = list(Appeal.objects.filter(penalty=penalty).order_by("attempt"))
    answer = appealable(penalty, earlier, now=now)
    if answer.refusal is not None:
        raise IllegalMove(answer.refusal, code=answer.code)
    for problem in problems(given, penalty, now=now):
        raise problem
    review = end_of_working_day(now, policy_at(now).review_working_days)
    appeal = Appeal.objects.create(
        penalty=penalty,
        merchant_id=penalty.merchant_id,
        mini_program_id=penalty.mini_program_id,
        attempt=len(earlier) + 1,
        description=given.description.strip(),
        proofs=list(given.proofs),
        unsolved_knowingly=seems_unsolved(penalty) is not None,
        submitted_at=now,
        review_by=review.due_at,
        is_provisional=review.is_provisional,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
    )
    appeal.evidence.set(given.evidence)
    start_clocks([_review_clock(appeal, counted_from=now)])
    penalties.put_under_appeal(penalty, actor=actor, now=now)
    AppealDraft.objects.filter(penalty=penalty).delete()
    _write(appeal, "submit", "", Status.SUBMITTED, actor=actor, now=now)
    return appeal


@transaction.atomic
def supplement(appeal_id: int, text: str, *, evidence: Sequence[Evidence] = (), actor: Actor, now: datetime) -> Appeal:
    """Give what staff asked for; the review goes on, with three working days from now.

    Refuses: nothing given, evidence of another merchant, a time that is over, and an appeal that nobody asked about.
    """
    appeal = _lock(appeal_id)
    require(actor, "supplement", appeal)
    target = APPEAL.target("supplement", appeal.status)
    if appeal.supplement_by is None or now > appeal.supplement_by:
        raise IllegalMove(_("The time for more evidence is over; the review goes on with what is there."), code="late")
    if not text.strip() and not evidence:
        raise BadInput(_("Write what staff asked for, or add a picture."), field="supplement")
    if len(text) > DESCRIPTION_LIMIT:
        raise BadInput(_("Keep the text to %(limit)d characters.") % {"limit": DESCRIPTION_LIMIT}, field="supplement")
    _check_evidence(evidence, appeal.merchant_id, now=now)
    stop_clock(Deadline.Kind.SUPPLEMENT, appeal.pk, now=now)
    appeal.supplement = "\n\n".join(part for part in (appeal.supplement, text.strip()) if part)
    appeal.supplemented_at = now
    appeal.supplement_evidence.add(*evidence)
    _restart_review(appeal, now=now)
    return _move(appeal, "supplement", target, actor=actor, now=now)


@transaction.atomic
def withdraw(appeal_id: int, *, actor: Actor, now: datetime) -> Appeal:
    """Withdraw an open appeal. The penalty is in effect again; no attempt is spent."""
    appeal = _lock(appeal_id)
    require(actor, "withdraw", appeal)
    target = APPEAL.target("withdraw", appeal.status)
    penalties.uphold(penalties.lock(appeal.penalty_id), actor=actor, now=now)
    _stop_clocks(appeal)
    return _move(appeal, "withdraw", target, actor=actor, now=now)


@transaction.atomic
def claim(appeal_id: int, *, actor: Actor, now: datetime) -> Appeal:
    """Claim a review, so that nobody else decides it meanwhile; a claim that has gone cold can be taken over.

    Refuses, by name, what a colleague is working on or has decided, and whoever has a conflict.
    """
    appeal = _lock(appeal_id)
    require(actor, "claim", appeal)
    _refuse_conflict(actor, appeal)
    _refuse_withdrawn(appeal)
    take(appeal, actor, now=now)
    return appeal


@transaction.atomic
def release(appeal_id: int, *, actor: Actor, now: datetime) -> Appeal:
    """Give a claimed review back to the queue."""
    appeal = _lock(appeal_id)
    require(actor, "claim", appeal)
    give_back(appeal, actor, now=now)
    return appeal


@transaction.atomic
def ask(appeal_id: int, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    """Ask the merchant for more evidence. No attempt is spent; the review waits while a clock of its own runs."""
    appeal = _lock_to_decide(appeal_id, "ask", decision, actor=actor, now=now)
    target = APPEAL.target("ask", appeal.status)
    appeal.asked_at = now
    appeal.supplement_by = now + policy_at(now).supplement_within
    appeal.asked_reason_code, appeal.asked_for = decision.reason_code, decision.message.strip()
    Deadline.objects.filter(kind=Deadline.Kind.REVIEW, subject_id=appeal.pk).delete()
    start_clocks([_clock(appeal, Deadline.Kind.SUPPLEMENT, due_at=appeal.supplement_by)])
    return _say(appeal, "ask", target, decision, actor=actor, now=now)


@transaction.atomic
def approve(appeal_id: int, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    """Approve: the penalty is revoked and its points are given back, all in one transaction."""
    appeal = _lock_to_decide(appeal_id, "approve", decision, actor=actor, now=now)
    target = APPEAL.target("approve", appeal.status)
    penalty = penalties.lock(appeal.penalty_id)
    penalties.revoke_locked(penalty, reason=decision.message.strip(), actor=actor, now=now)
    return _decide(appeal, "approve", target, decision, actor=actor, now=now)


@transaction.atomic
def reject(appeal_id: int, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    """Reject: an attempt is spent, and the penalty is in effect again. The last one spent closes its window at once."""
    appeal = _lock_to_decide(appeal_id, "reject", decision, actor=actor, now=now)
    target = APPEAL.target("reject", appeal.status)
    penalty = penalties.lock(appeal.penalty_id)
    penalties.uphold(penalty, actor=actor, now=now)
    if not _leaves_attempts(appeal, penalty):
        penalties.close_window_locked(penalty, actor=actor, now=now)
    return _decide(appeal, "reject", target, decision, actor=actor, now=now)


@transaction.atomic
def correct(appeal_id: int, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    """Correct a wrong decision: approved becomes rejected, or rejected approved; both stand in the history.

    A penalty that comes back gets a whole new window, unless no attempt is left. Refuses while a later appeal against
    the penalty is open.
    """
    appeal = _lock(appeal_id)
    require(actor, "correct", appeal)
    _refuse_conflict(actor, appeal)
    _check_decision("correct", decision)
    target = APPEAL.target("correct", appeal.status, to=_opposite(appeal.status))
    penalty = penalties.lock(appeal.penalty_id)
    if penalty.status == PenaltyStatus.UNDER_APPEAL:
        raise IllegalMove(_("A later appeal against this penalty is under review; decide that one."))
    reason = decision.message.strip()
    if target == Status.APPROVED:
        penalties.revoke_locked(penalty, reason=reason, actor=actor, now=now)
    else:
        opens = _leaves_attempts(appeal, penalty)
        penalties.reinstate_locked(penalty, reason=reason, opens_window=opens, actor=actor, now=now)
    return _decide(appeal, "correct", target, decision, actor=actor, now=now)


def _opposite(status: str) -> str:
    return Status.REJECTED if status == Status.APPROVED else Status.APPROVED


def _leaves_attempts(appeal: Appeal, penalty: Penalty) -> bool:
    """Say whether an attempt is left once this appeal is rejected. The penalty's lock keeps the others as they are."""
    others = Appeal.objects.filter(penalty=penalty, status=Status.REJECTED).exclude(pk=appeal.pk).count()
    return attempts_left(penalty, spent=others + 1) > 0


def problems(given: AppealInput, penalty: Penalty, *, now: datetime) -> Iterator[BadInput]:
    """Yield everything that an appeal lacks, so that a form can say it all at once."""
    if not given.description.strip():
        yield BadInput(DESCRIBE[PenaltyKind(penalty.kind)], field="description")
    if len(given.description) > DESCRIPTION_LIMIT:
        yield BadInput(
            _("Keep the description to %(limit)d characters.") % {"limit": DESCRIPTION_LIMIT}, field="description"
        )
    if not set(given.proofs) <= set(PROOFS_OF[penalty.kind]):
        yield BadInput(_("Choose proofs that are named for this type of penalty."), field="proofs")
    if not given.evidence:
        yield BadInput(_("Add at least one picture that proves what you say."), field="pictures")
    try:
        _check_evidence(given.evidence, penalty.merchant_id, now=now)
    except BadInput as refusal:
        yield refusal
    unsolved = seems_unsolved(penalty)
    if unsolved is not None and not given.knowingly:
        yield BadInput(unsolved, field="knowingly", code="seems_unsolved")


def _check_evidence(evidence: Sequence[Evidence], merchant_id: int, *, now: datetime) -> None:
    check_number(len(evidence), now=now)
    if any(each.merchant_id != merchant_id for each in evidence):
        raise BadInput(_("A picture is not there any more, or is not yours. Add it again."), field="pictures")


def _check_decision(verb: str, decision: Decision) -> None:
    check_answer(decision.reason_code, decision.message, REASONS_OF[verb])


def _lock(appeal_id: int) -> Appeal:
    """Lock the appeal and look again."""
    return Appeal.objects.select_for_update(no_key=True).get(pk=appeal_id)


def _lock_to_decide(appeal_id: int, verb: str, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    """Lock an appeal for a decision. Refuses whoever may not, has a conflict, or has not claimed it."""
    appeal = _lock(appeal_id)
    require(actor, verb, appeal)
    _refuse_conflict(actor, appeal)
    _refuse_withdrawn(appeal)
    appeal.require_claim(actor, now=now)
    _check_decision(verb, decision)
    return appeal


def _refuse_withdrawn(appeal: Appeal) -> None:
    if appeal.status == Status.WITHDRAWN:
        raise Conflict(
            _("The merchant has withdrawn this appeal meanwhile; there is nothing left to decide."), code="withdrawn"
        )


def _refuse_conflict(actor: Actor, appeal: Appeal) -> None:
    if has_conflict(actor, appeal):
        raise NotAllowed(_("You issued or amended this penalty by hand, so a colleague must decide."), code="conflict")


def _decide(appeal: Appeal, verb: str, target: str, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    appeal.decided_by_id, appeal.decided_at = actor.id, now
    appeal.reason_code, appeal.message = decision.reason_code, decision.message.strip()
    _stop_clocks(appeal)
    return _say(appeal, verb, target, decision, actor=actor, now=now)


def _say(appeal: Appeal, verb: str, target: str, decision: Decision, *, actor: Actor, now: datetime) -> Appeal:
    """Make a move with its reason and its words in the line: the row keeps the last ones, the history keeps each."""
    words = {"reason": decision.reason_code, "message": decision.message.strip()}
    return _move(appeal, verb, target, actor=actor, now=now, **words)


def _restart_review(appeal: Appeal, *, now: datetime) -> None:
    review = end_of_working_day(now, policy_at(now).review_working_days)
    appeal.review_by, appeal.is_provisional = review.due_at, review.is_provisional
    start_clocks([_review_clock(appeal, counted_from=now)])


def _stop_clocks(appeal: Appeal) -> None:
    """Stop what runs for this appeal, late or not: nobody is penalised by these clocks."""
    kinds = (Deadline.Kind.REVIEW, Deadline.Kind.SUPPLEMENT)
    Deadline.objects.filter(kind__in=kinds, subject_id=appeal.pk).delete()


def _review_clock(appeal: Appeal, *, counted_from: datetime) -> Deadline:
    clock = _clock(appeal, Deadline.Kind.REVIEW, due_at=appeal.review_by)
    clock.is_provisional = appeal.is_provisional
    clock.counted_from = counted_from
    clock.working_days = policy_at(counted_from).review_working_days
    return clock


def _clock(appeal: Appeal, kind: Deadline.Kind, *, due_at: datetime) -> Deadline:
    return Deadline(
        kind=kind,
        subject_id=appeal.pk,
        complaint_id=appeal.penalty.complaint_id,
        merchant_id=appeal.merchant_id,
        mini_program_id=appeal.mini_program_id,
        due_at=due_at,
    )


EVENTS = {
    "submit": "submitted",
    "ask": "more_wanted",
    "supplement": "supplemented",
    "approve": "approved",
    "reject": "rejected",
    "withdraw": "withdrawn",
    "correct": "corrected",
}


def _move(appeal: Appeal, verb: str, to: str, *, actor: Actor, now: datetime, **detail: Any) -> Appeal:
    """Assign the status, and write the line of history and the event. Nothing else assigns an appeal's status."""
    before, appeal.status = appeal.status, to
    appeal.save()
    _write(appeal, verb, before, to, actor=actor, now=now, **detail)
    return appeal


def _write(appeal: Appeal, verb: str, before: str, to: str, *, actor: Actor, now: datetime, **detail: Any) -> None:
    HistoryLine.objects.create(
        complaint_id=appeal.penalty.complaint_id,
        noun="appeal",
        noun_id=appeal.pk,
        verb=verb,
        from_state=before,
        to_state=to,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        at=now,
        detail={"penalty_no": appeal.penalty.penalty_no, "attempt": appeal.attempt, **detail},
    )
    emit(
        f"appeal.{EVENTS[verb]}",
        merchant_id=appeal.merchant_id,
        subject_id=appeal.pk,
        at=now,
        payload={"penalty_no": appeal.penalty.penalty_no, "attempt": appeal.attempt, "status": to},
    )
