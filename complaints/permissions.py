"""Which complaints an actor sees, and which moves are theirs."""

from django.db.models import BigIntegerField, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import NotAllowed
from complaints.models import Complaint
from merchants.models import Grant

MERCHANT_SIDE = (ActorKind.MEMBER, ActorKind.MERCHANT)
CONSUMER_SIDE = (ActorKind.CONSUMER, ActorKind.PLATFORM)
"""Consumers speak on the page of their case; those without one speak through the platform's systems."""

WHO_MAY: dict[str, tuple[ActorKind, ...]] = {
    "file": CONSUMER_SIDE,
    "handle": MERCHANT_SIDE,
    # What members arrange among themselves: assignments, notes, replies. No program has a part in it.
    "arrange": (ActorKind.MEMBER,),
    "leave_message": (*MERCHANT_SIDE, *CONSUMER_SIDE, ActorKind.STAFF),
    "confirm": CONSUMER_SIDE,
    "contest": CONSUMER_SIDE,
    "cancel": CONSUMER_SIDE,
    "close": (ActorKind.PLATFORM, ActorKind.STAFF),
}

WRITE = "complaints.add_message"
"""The permission of support staff to write to both sides of a case."""


def visible_to(actor: Actor) -> QuerySet[Complaint]:
    """Return the complaints that exist for this actor; what belongs to another merchant or platform does not."""
    complaints = Complaint.objects.all()
    if actor.kind in MERCHANT_SIDE and Grant.VIEW in actor.grants:
        # A bigint, as the column is one: the indexes of the search compare it with nothing else.
        return complaints.filter(merchant_id=Cast(Value(actor.own_merchant_id), BigIntegerField()))
    if actor.kind == ActorKind.PLATFORM:
        return complaints.filter(platform_id=actor.own_platform_id)
    if actor.kind in (ActorKind.STAFF, ActorKind.SYSTEM):
        return complaints
    if actor.kind == ActorKind.CONSUMER:
        return complaints.filter(pk=actor.number_of("complaint"))
    return complaints.none()


def may(actor: Actor, verb: str, complaint: Complaint | None = None) -> bool:
    """Say whether a move is this actor's to make (not whether it is possible now: the table of moves says that)."""
    if actor.kind not in WHO_MAY[verb]:
        return False
    if actor.kind in MERCHANT_SIDE:
        own = complaint is None or complaint.merchant_id == actor.merchant_id
        return own and Grant.HANDLE in actor.grants
    if actor.kind == ActorKind.PLATFORM:
        return complaint is None or complaint.platform_id == actor.platform_id
    if actor.kind == ActorKind.CONSUMER:
        return complaint is None or actor.number_of("complaint") == complaint.pk
    return verb != "leave_message" or WRITE in actor.grants


def require(actor: Actor, verb: str, complaint: Complaint | None = None) -> None:
    """Refuse with `NotAllowed` when the move is not this actor's."""
    if not may(actor, verb, complaint):
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
