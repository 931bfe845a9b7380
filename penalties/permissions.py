"""Which penalties an actor sees, and which moves are theirs."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import NotAllowed
from merchants.models import Grant
from penalties.models import Penalty

MERCHANT_SIDE = (ActorKind.MEMBER, ActorKind.MERCHANT)
REVOKE = "penalties.revoke_penalty"
"""The permission of staff who may revoke a penalty without an appeal."""


def visible_to(actor: Actor) -> QuerySet[Penalty]:
    """Return the penalties that exist for this actor; what belongs to another merchant or platform does not."""
    penalties = Penalty.objects.all()
    if actor.kind in MERCHANT_SIDE and Grant.VIEW in actor.grants:
        return penalties.filter(merchant_id=actor.own_merchant_id)
    if actor.kind == ActorKind.PLATFORM:
        return penalties.filter(merchant__platform_id=actor.own_platform_id)
    if actor.kind in (ActorKind.STAFF, ActorKind.SYSTEM):
        return penalties
    return penalties.none()


def may(actor: Actor, verb: str, penalty: Penalty) -> bool:
    """Say whether a move is this actor's: a merchant appeals its own penalties, staff with the permission the rest."""
    if verb == "appeal":
        own = actor.kind in MERCHANT_SIDE and penalty.merchant_id == actor.merchant_id
        return own and Grant.APPEAL in actor.grants
    return verb in ("revoke", "reinstate") and may_revoke(actor)


def may_revoke(actor: Actor) -> bool:
    """Say whether this actor may revoke penalties without an appeal, and put back what was revoked so."""
    return actor.kind == ActorKind.STAFF and REVOKE in actor.grants


def require_revoking(actor: Actor) -> None:
    """Refuse with `NotAllowed` whoever may neither revoke penalties nor put them back."""
    if not may_revoke(actor):
        raise NotAllowed(
            _("You may neither revoke penalties nor put them in effect again. Ask whoever manages the groups of staff.")
        )


def require(actor: Actor, verb: str, penalty: Penalty) -> None:
    """Refuse with `NotAllowed` when the move is not this actor's."""
    if not may(actor, verb, penalty):
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
