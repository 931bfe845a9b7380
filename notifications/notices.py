"""Which events members are told of, and as what kind of notice."""

from collections.abc import Callable, Mapping
from typing import Any

from notifications.models import Event, Kind

Payload = Mapping[str, Any]
MERCHANT = "merchant"


def _always(_payload: Payload) -> bool:
    return True


def _is_new(payload: Payload) -> bool:
    """Old cases that are taken in as history are no news, and neither are those that came handled."""
    return not payload.get("is_history") and payload["status"] == "pending"


def _from_others(payload: Payload) -> bool:
    """Nobody is told what their own side said."""
    return payload.get("role") != MERCHANT


TOLD: dict[str, tuple[Kind, Callable[[Payload], bool]]] = {
    "complaint.filed": (Kind.COMPLAINT, _is_new),
    "complaint.message_left": (Kind.MESSAGE, _from_others),
    "complaint.confirmed": (Kind.ANSWER, _always),
    "complaint.contested": (Kind.ANSWER, _always),
    "complaint.cancelled": (Kind.ANSWER, _always),
    "complaint.closed": (Kind.ANSWER, _always),
    "no_refund_claim.accepted": (Kind.RULING, _always),
    "refund_case.opened": (Kind.RULING, _always),
    "refund_case.overruled": (Kind.RULING, _always),
    "refund_case.reopened": (Kind.RULING, _always),
    "refund_case.waived": (Kind.RULING, _always),
    "refund.failed": (Kind.REFUND, _always),
    "refund.reversed": (Kind.REFUND, _always),
    "penalty.issued": (Kind.PENALTY, _always),
    "penalty.revoked": (Kind.PENALTY, _always),
    "penalty.reinstated": (Kind.PENALTY, _always),
    "appeal.more_wanted": (Kind.RULING, _always),
    "appeal.approved": (Kind.RULING, _always),
    "appeal.rejected": (Kind.RULING, _always),
    "appeal.corrected": (Kind.RULING, _always),
    "deadline.near": (Kind.DEADLINE, _always),
    "consultation.asked": (Kind.CONSULTATION, _always),
    "consultation.asked_again": (Kind.CONSULTATION, _always),
    "robot.failed": (Kind.ROBOT, _always),
}


def kind_of(event: Event) -> Kind | None:
    """Return what kind of notice an event makes, or None when nobody is told of it."""
    kind, is_told = TOLD.get(event.name, (None, _always))
    return kind if kind and is_told(event.payload) else None
