"""The verbs of a penalty. It is issued by a sweep; never deleted; every move leaves its line in the case's history."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import IllegalMove
from common.policy import policy_at
from complaints.models import HistoryLine
from deadlines.models import Deadline
from deadlines.services import start_clocks
from notifications.services import emit
from penalties import attempts
from penalties.models import Penalty
from penalties.permissions import require_revoking
from penalties.queries import was_revoked_by_hand
from penalties.revoking import checked_reason
from penalties.revoking import preview_run as preview_run  # noqa: PLC0414 (offered here, beside the other verbs)
from penalties.revoking import revoke_run as revoke_run  # noqa: PLC0414
from penalties.states import PENALTY, Status


def lock(penalty_id: int) -> Penalty:
    """Lock a penalty and look again."""
    return Penalty.objects.select_for_update(no_key=True).get(pk=penalty_id)


def put_under_appeal(penalty: Penalty, *, actor: Actor, now: datetime) -> None:
    """An appeal was submitted. The caller holds the lock, and has made sure that the appeal is possible."""
    _move(penalty, "appeal", PENALTY.target("appeal", penalty.status), actor=actor, now=now)


def uphold(penalty: Penalty, *, actor: Actor, now: datetime) -> None:
    """The appeal was rejected or withdrawn: the penalty is in effect again. The caller holds the lock."""
    _move(penalty, "uphold", PENALTY.target("uphold", penalty.status), actor=actor, now=now)


def revoke_locked(penalty: Penalty, *, reason: str, actor: Actor, now: datetime, by_hand: bool = False) -> None:
    """Revoke a penalty and give its points back. The caller holds the lock and has judged who may."""
    target = PENALTY.target("revoke", penalty.status)
    penalty.revoked_at, penalty.revoked_by, penalty.revoked_reason = now, actor.name, reason
    # Late or not: a window that closes costs nothing, and this one has nothing left to close.
    Deadline.objects.filter(kind=Deadline.Kind.APPEAL, subject_id=penalty.pk).delete()
    _move(penalty, "revoke", target, actor=actor, now=now, reason=reason, by_hand=by_hand)


def close_window_locked(penalty: Penalty, *, actor: Actor, now: datetime) -> None:
    """Close the appeal window before its end: nothing can be submitted in it any more. The caller holds the lock.

    A window that is closed already stays as it is. The line and the event are those that the sweep writes.
    """
    if penalty.window_closed_at is not None:
        return
    penalty.window_closed_at = now
    Deadline.objects.filter(kind=Deadline.Kind.APPEAL, subject_id=penalty.pk).delete()
    penalty.save(update_fields=["window_closed_at"])
    history_line(penalty, "close_window", penalty.status, penalty.status, actor=actor, at=now).save()
    _tell(penalty, "window_closed", {"penalty_no": penalty.penalty_no}, now=now)


@transaction.atomic
def revoke(penalty_id: int, *, reason: str, actor: Actor, now: datetime) -> Penalty:
    """Revoke a penalty without an appeal: the platform was at fault.

    Refuses: no reason, one that is too long, a penalty that is revoked already, one under appeal (decide the appeal
    instead), and whoever may not.
    """
    penalty = lock(penalty_id)
    require_revoking(actor)
    reason = checked_reason(reason)
    if penalty.status == Status.UNDER_APPEAL:
        raise IllegalMove(_("An appeal against this penalty is under review. Decide the appeal instead."))
    revoke_locked(penalty, reason=reason, actor=actor, now=now, by_hand=True)
    return penalty


@transaction.atomic
def reinstate(penalty_id: int, *, reason: str, actor: Actor, now: datetime) -> Penalty:
    """Put a penalty that was revoked without an appeal, by mistake, in effect again: its points count again.

    It gets a whole new window while attempts are left. Refuses: no reason, one that is too long, a penalty that is not
    revoked, one that an appeal revoked (correct its decision instead), and whoever may not.
    """
    penalty = lock(penalty_id)
    require_revoking(actor)
    reason = checked_reason(reason)
    PENALTY.target("reinstate", penalty.status)
    if not was_revoked_by_hand(penalty):
        raise IllegalMove(_("An appeal revoked this penalty. Correct the decision on the appeal instead."))
    opens = attempts.are_left(penalty)
    reinstate_locked(penalty, reason=reason, opens_window=opens, actor=actor, now=now, by_hand=True)
    return penalty


def reinstate_locked(
    penalty: Penalty, *, reason: str, opens_window: bool, actor: Actor, now: datetime, by_hand: bool = False
) -> None:
    """Put a penalty that was revoked by mistake in effect again, with a whole new appeal window.

    Without attempts left there is nothing to open: then the window stays closed, or is closed now. The caller holds
    the lock and has judged both this and who may.
    """
    target = PENALTY.target("reinstate", penalty.status)
    penalty.revoked_at, penalty.revoked_by, penalty.revoked_reason = None, "", ""
    if opens_window:
        penalty.appeal_by = now + policy_at(now).appeal_within(penalty.kind)
        penalty.window_closed_at = None
        start_clocks([appeal_clock(penalty)])
    detail = {"reason": reason, "by_hand": by_hand, "opens_window": opens_window}
    _move(penalty, "reinstate", target, actor=actor, now=now, **detail)
    if not opens_window:
        close_window_locked(penalty, actor=actor, now=now)


def appeal_clock(penalty: Penalty) -> Deadline:
    """Return the clock of a penalty's appeal window."""
    return Deadline(
        kind=Deadline.Kind.APPEAL,
        subject_id=penalty.pk,
        complaint_id=penalty.complaint_id,
        merchant_id=penalty.merchant_id,
        mini_program_id=penalty.mini_program_id,
        due_at=penalty.appeal_by,
    )


EVENTS = {"appeal": "under_appeal", "uphold": "upheld", "revoke": "revoked", "reinstate": "reinstated"}


def _move(penalty: Penalty, verb: str, to: str, *, actor: Actor, now: datetime, **detail: Any) -> None:
    """Assign the status, and write the line of history and the event. Nothing else assigns a penalty's status."""
    before, penalty.status = penalty.status, to
    penalty.save()
    history_line(penalty, verb, before, to, actor=actor, at=now, **detail).save()
    facts = {"penalty_no": penalty.penalty_no, "kind": penalty.kind, "points": penalty.points}
    _tell(penalty, EVENTS[verb], facts, now=now)


def _tell(penalty: Penalty, what: str, payload: dict[str, Any], *, now: datetime) -> None:
    emit(f"penalty.{what}", merchant_id=penalty.merchant_id, subject_id=penalty.pk, at=now, payload=payload)


def history_line(
    penalty: Penalty, verb: str, before: str, to: str, *, actor: Actor, at: datetime, **detail: Any
) -> HistoryLine:
    """Return the line that a move of a penalty leaves in its case; the caller saves it."""
    return HistoryLine(
        complaint_id=penalty.complaint_id,
        noun="penalty",
        noun_id=penalty.pk,
        verb=verb,
        from_state=before,
        to_state=to,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        at=at,
        detail={"penalty_no": penalty.penalty_no, **detail},
    )
