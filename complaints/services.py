"""The verbs of a complaint.

Each one locks, looks again, guards, changes, writes the history and emits the event, in one transaction.

`now` is when the request arrived. Who may not make a move gets `NotAllowed`; what cannot be done now is `IllegalMove`;
what is incomplete is `BadInput`. When a verb refuses, nothing has changed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput
from common.policy import policy_at
from complaints import followers, methods
from complaints.followers import ToReview
from complaints.methods import HandlingInput
from complaints.models import REFUNDING, Complaint, Handling, HistoryLine, Message
from complaints.permissions import require
from complaints.repeats import said_just_now
from complaints.states import COMPLAINT, OPEN, Status
from deadlines.models import Deadline
from deadlines.services import start_clocks, stop_clock
from evidence.models import Evidence
from notifications.services import emit

MESSAGE_LIMIT = 2000
ROLES = {
    ActorKind.MEMBER: "merchant",
    ActorKind.MERCHANT: "merchant",
    ActorKind.CONSUMER: "consumer",
    ActorKind.PLATFORM: "consumer",
    ActorKind.STAFF: "platform",
}


@transaction.atomic
def handle(complaint_id: int, given: HandlingInput, *, actor: Actor, now: datetime) -> Handling:
    """Handle a complaint: stop its clock in time, or leave a late one to the sweep; it must be handled all the same.

    A way that refunds leads to `handled`, and the consumer's time to answer starts; one that does not goes to staff.
    Refuses: a complaint that is not pending, a way that lacks what it needs, and whoever may not handle.
    """
    complaint = lock(complaint_id)
    require(actor, "handle", complaint)
    refunds = given.method in REFUNDING
    target = COMPLAINT.target("handle", complaint.status, to=Status.HANDLED if refunds else Status.IN_REVIEW)
    methods.check(complaint, given)
    stopped = stop_clock(Deadline.Kind.HANDLE, complaint.pk, now=now)
    handling = Handling.objects.create(
        complaint=complaint,
        method=given.method,
        note=given.note.strip(),
        refund_amount=given.refund_amount,
        refund_reference=given.refund_reference.strip(),
        tracking=given.tracking.strip(),
        root_cause=given.root_cause,
        handled_at=now,
        in_time=now <= complaint.handle_by and (stopped or complaint.is_history),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
    )
    handling.evidence.add(*given.evidence)
    _move(complaint, "handle", target, actor=actor, now=now, method=given.method, in_time=handling.in_time)
    methods.pay(handling, given, actor=actor, now=now)
    if refunds:
        start_clocks([finish_clock(complaint, handled_at=now)])
    else:
        followers.reviews_begin([ToReview(complaint, handling)], actor=actor, now=now)
    return handling


@transaction.atomic
def leave_message(
    complaint_id: int, text: str, *, evidence: Sequence[Evidence] = (), actor: Actor, now: datetime
) -> Message:
    """Leave a message with the other side. It is not handling: it stops no clock.

    Refuses an empty message, one above the limit of characters, and any message once the complaint has ended. What a
    person sends twice in one breath is the same message.
    """
    complaint = lock(complaint_id)
    require(actor, "leave_message", complaint)
    COMPLAINT.target("leave_message", complaint.status)
    text = text.strip()
    if not text and not evidence:
        raise BadInput(_("Write a message, or add a picture."), field="text")
    if len(text) > MESSAGE_LIMIT:
        raise BadInput(_("Keep the message to %(limit)d characters.") % {"limit": MESSAGE_LIMIT}, field="text")
    if said := said_just_now(complaint.messages.prefetch_related("evidence"), text, evidence, actor=actor, now=now):
        return said
    message = Message.objects.create(
        complaint=complaint, role=ROLES[actor.kind], actor_id=actor.id, actor_name=actor.name, text=text, at=now
    )
    message.evidence.add(*evidence)
    emit(
        "complaint.message_left",
        merchant_id=complaint.merchant_id,
        subject_id=complaint.pk,
        at=now,
        payload={"complaint_no": complaint.complaint_no, "role": message.role},
    )
    return message


@transaction.atomic
def confirm(complaint_id: int, *, actor: Actor, now: datetime) -> Complaint:
    """The consumer says that the problem is solved: the complaint finishes."""
    return _answer(complaint_id, "confirm", Status.FINISHED, actor=actor, now=now)


@transaction.atomic
def contest(complaint_id: int, *, reason: str, actor: Actor, now: datetime) -> Complaint:
    """The consumer says that the problem is not solved: staff look at the case."""
    complaint = _answer(complaint_id, "contest", Status.IN_REVIEW, actor=actor, now=now, reason=reason)
    followers.reviews_begin([ToReview(complaint, complaint.handling, contested=reason)], actor=actor, now=now)
    return complaint


@transaction.atomic
def cancel(complaint_id: int, *, reason: str, actor: Actor, now: datetime) -> Complaint:
    """Withdraw a complaint. In time it costs nothing; a deadline that was missed before stays missed."""
    return _end(complaint_id, "cancel", Status.CANCELLED, reason=reason, actor=actor, now=now)


@transaction.atomic
def close(complaint_id: int, *, reason: str, actor: Actor, now: datetime) -> Complaint:
    """Close a complaint on behalf of the platform; the same rule about its deadline as when it is withdrawn."""
    return _end(complaint_id, "close", Status.CLOSED, reason=reason, actor=actor, now=now)


def rule(complaint: Complaint, to: str, *, actor: Actor, now: datetime, **detail: Any) -> Complaint:
    """Staff have ruled: a refund is due, or none is and the complaint is finished.

    The caller holds the lock and has judged who may, as for the two moves below.
    """
    return _move(complaint, "rule", COMPLAINT.target("rule", complaint.status, to=to), actor=actor, now=now, **detail)


def settle(complaint: Complaint, *, actor: Actor, now: datetime, **detail: Any) -> Complaint:
    """What was due is refunded, or is not due any more: the complaint is finished."""
    return _move(complaint, "settle", COMPLAINT.target("settle", complaint.status), actor=actor, now=now, **detail)


def reopen(complaint: Complaint, *, actor: Actor, now: datetime, **detail: Any) -> Complaint:
    """A refund is due after all: a ruling was corrected, or the money came back."""
    return _move(complaint, "reopen", COMPLAINT.target("reopen", complaint.status), actor=actor, now=now, **detail)


def _answer(complaint_id: int, verb: str, to: str, *, actor: Actor, now: datetime, **detail: Any) -> Complaint:
    complaint = lock(complaint_id)
    require(actor, verb, complaint)
    target = COMPLAINT.target(verb, complaint.status, to=to)
    stop_clock(Deadline.Kind.FINISH, complaint.pk, now=now)
    return _move(complaint, verb, target, actor=actor, now=now, **detail)


def _end(complaint_id: int, verb: str, to: str, *, reason: str, actor: Actor, now: datetime) -> Complaint:
    complaint = lock(complaint_id)
    require(actor, verb, complaint)
    target = COMPLAINT.target(verb, complaint.status, to=to)
    stop_clock(Deadline.Kind.HANDLE, complaint.pk, now=now)
    stop_clock(Deadline.Kind.FINISH, complaint.pk, now=now)
    followers.complaint_ended(complaint, actor=actor, now=now)
    return _move(complaint, verb, target, actor=actor, now=now, reason=reason)


def lock(complaint_id: int) -> Complaint:
    """Lock the complaint and look again. The lock lets a sweep's foreign key pass: it changes no key."""
    return Complaint.objects.select_for_update(no_key=True).get(pk=complaint_id)


def _move(complaint: Complaint, verb: str, to: str, *, actor: Actor, now: datetime, **detail: Any) -> Complaint:
    """Assign the status, and write the line of history and the event. Nothing else assigns a complaint's status."""
    before, complaint.status = complaint.status, to
    complaint.ended_at = None if to in OPEN else now
    complaint.save(update_fields=["status", "ended_at"])
    history_line(complaint, verb, before, to, actor=actor, at=now, **detail).save()
    emit(
        f"complaint.{EVENTS[verb]}",
        merchant_id=complaint.merchant_id,
        subject_id=complaint.pk,
        at=now,
        payload={"complaint_no": complaint.complaint_no, "status": to},
    )
    return complaint


EVENTS = {
    "handle": "handled",
    "confirm": "confirmed",
    "contest": "contested",
    "rule": "ruled",
    "settle": "settled",
    "reopen": "reopened",
    "cancel": "cancelled",
    "close": "closed",
}


def history_line(
    complaint: Complaint, verb: str, before: str, to: str, *, actor: Actor, at: datetime, **detail: Any
) -> HistoryLine:
    """Return the line that a move of the complaint itself leaves; the caller saves it."""
    return HistoryLine(
        complaint=complaint,
        noun="complaint",
        noun_id=complaint.pk,
        verb=verb,
        from_state=before,
        to_state=to,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        at=at,
        detail=detail,
    )


def handle_clock(complaint: Complaint) -> Deadline:
    """Return the clock that runs until the complaint is handled; it carries what missing it costs."""
    policy = policy_at(complaint.filed_at)
    return Deadline(
        kind=Deadline.Kind.HANDLE,
        subject_id=complaint.pk,
        complaint_id=complaint.pk,
        merchant_id=complaint.merchant_id,
        mini_program_id=complaint.mini_program_id,
        points=policy.handle_points,
        due_at=complaint.handle_by,
        remind_at=policy.reminds_at(complaint.handle_by, complaint.received_at),
    )


def finish_clock(complaint: Complaint, *, handled_at: datetime) -> Deadline:
    return Deadline(
        kind=Deadline.Kind.FINISH,
        subject_id=complaint.pk,
        complaint_id=complaint.pk,
        merchant_id=complaint.merchant_id,
        mini_program_id=complaint.mini_program_id,
        due_at=handled_at.astimezone(UTC) + policy_at(handled_at).finish_after,
    )
