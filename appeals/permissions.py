"""Which appeals an actor sees, and which moves are theirs."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from appeals.models import Appeal
from common.actors import Actor, ActorKind
from common.errors import NotAllowed
from complaints.models import HistoryLine
from merchants.models import Grant
from penalties.permissions import MERCHANT_SIDE

DECIDE = "appeals.decide_appeal"
"""The permission of staff who review appeals."""


def visible_to(actor: Actor) -> QuerySet[Appeal]:
    """Return the appeals that exist for this actor; what belongs to another merchant or platform does not."""
    appeals = Appeal.objects.all()
    if actor.kind in MERCHANT_SIDE and Grant.VIEW in actor.grants:
        return appeals.filter(merchant_id=actor.own_merchant_id)
    if actor.kind == ActorKind.PLATFORM:
        return appeals.filter(merchant__platform_id=actor.own_platform_id)
    if actor.kind in (ActorKind.STAFF, ActorKind.SYSTEM):
        return appeals
    return appeals.none()


def may(actor: Actor, verb: str, appeal: Appeal) -> bool:
    """Say whether a move is this actor's: the merchant supplements and withdraws, staff with the permission decide."""
    if verb in ("supplement", "withdraw"):
        own = actor.kind in MERCHANT_SIDE and appeal.merchant_id == actor.merchant_id
        return own and Grant.APPEAL in actor.grants
    return actor.kind == ActorKind.STAFF and DECIDE in actor.grants


def require(actor: Actor, verb: str, appeal: Appeal) -> None:
    """Refuse with `NotAllowed` when the move is not this actor's."""
    if not may(actor, verb, appeal):
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))


def has_conflict(actor: Actor, appeal: Appeal) -> bool:
    """Say whether this person issued or amended the penalty by hand, and so cannot decide about it."""
    return HistoryLine.objects.filter(
        complaint_id=appeal.penalty.complaint_id,
        noun="penalty",
        noun_id=appeal.penalty_id,
        detail__by_hand=True,
        actor_kind=ActorKind.STAFF,
        actor_id=actor.id,
    ).exists()
