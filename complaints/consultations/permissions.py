"""Which consultations an actor sees, and which moves are theirs."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import NotAllowed
from complaints.models import Consultation
from complaints.permissions import CONSUMER_SIDE, MERCHANT_SIDE
from merchants.models import Grant

WHO_MAY: dict[str, tuple[ActorKind, ...]] = {
    "ask": CONSUMER_SIDE,
    "reply": MERCHANT_SIDE,
    "close": (*CONSUMER_SIDE, *MERCHANT_SIDE),
    "complain": CONSUMER_SIDE,
}


def case_of(consultation: Consultation) -> str:
    """Return how a consumer's link names a consultation (see `Actor.case`)."""
    return f"consultation:{consultation.pk}"


def visible_to(actor: Actor) -> QuerySet[Consultation]:
    """Return the consultations that exist for this actor; what belongs to others does not."""
    consultations = Consultation.objects.all()
    if actor.kind in MERCHANT_SIDE and Grant.VIEW in actor.grants:
        return consultations.filter(merchant_id=actor.own_merchant_id)
    if actor.kind == ActorKind.PLATFORM:
        return consultations.filter(platform_id=actor.own_platform_id)
    if actor.kind in (ActorKind.STAFF, ActorKind.SYSTEM):
        return consultations
    if actor.kind == ActorKind.CONSUMER:
        return consultations.filter(pk=actor.number_of("consultation"))
    return consultations.none()


def may(actor: Actor, verb: str, consultation: Consultation | None = None) -> bool:
    """Say whether a move is this actor's to make; whether it is possible now the table of moves says."""
    if actor.kind not in WHO_MAY[verb]:
        return False
    if actor.kind in MERCHANT_SIDE:
        own = consultation is None or consultation.merchant_id == actor.merchant_id
        return own and Grant.HANDLE in actor.grants
    if actor.kind == ActorKind.PLATFORM:
        return consultation is None or consultation.platform_id == actor.platform_id
    return consultation is None or actor.case == case_of(consultation)


def require(actor: Actor, verb: str, consultation: Consultation | None = None) -> None:
    """Refuse with `NotAllowed` when the move is not this actor's."""
    if not may(actor, verb, consultation):
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
