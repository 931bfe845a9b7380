"""Which claims, pending refunds, refunds and accounts an actor sees, and which moves are theirs."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import NotAllowed
from complaints.permissions import MERCHANT_SIDE
from merchants.models import Grant
from refunds.models import GuaranteeAccount, NoRefundClaim, Refund, RefundCase

Row = TypeVar("Row", bound=Model)

DECIDE = "refunds.decide_norefundclaim"
"""The permission of staff who rule on no-refund claims."""
RECORD = "refunds.add_topup"
"""The permission of staff who record bank transfers."""
APPROVE = "refunds.approve_topup"
"""The permission of staff who look a second time, who reverse, and who ask the payment system."""

GRANT_FOR = {
    "refund": Grant.REFUND,
    "refuse": Grant.REFUND,
    "enrol": Grant.FUND,
    "top_up": Grant.FUND,
}
STAFF_FOR = {
    "claim": DECIDE,
    "accept": DECIDE,
    "overrule": DECIDE,
    "correct": DECIDE,
    "record_top_up": RECORD,
    "decide_top_up": APPROVE,
    "reverse": APPROVE,
    "ask": APPROVE,
}


def _own(rows: QuerySet[Row], actor: Actor, grant: Grant) -> QuerySet[Row]:
    """Narrow rows to those that exist for this actor; what belongs to another merchant or platform does not."""
    if actor.kind in MERCHANT_SIDE and grant in actor.grants:
        return rows.filter(merchant_id=actor.own_merchant_id)
    if actor.kind == ActorKind.PLATFORM:
        return rows.filter(merchant__platform_id=actor.own_platform_id)
    if actor.kind in (ActorKind.STAFF, ActorKind.SYSTEM):
        return rows
    return rows.none()


def visible_cases(actor: Actor) -> QuerySet[RefundCase]:
    """Return the pending refunds that exist for this actor."""
    return _own(RefundCase.objects.all(), actor, Grant.VIEW)


def visible_refunds(actor: Actor) -> QuerySet[Refund]:
    """Return the refunds that exist for this actor."""
    return _own(Refund.objects.all(), actor, Grant.VIEW)


def visible_claims(actor: Actor) -> QuerySet[NoRefundClaim]:
    """Return the no-refund claims that exist for this actor."""
    return _own(NoRefundClaim.objects.all(), actor, Grant.VIEW)


def visible_accounts(actor: Actor) -> QuerySet[GuaranteeAccount]:
    """Return the guarantee accounts that exist for this actor: to look at the money needs its own grant."""
    return _own(GuaranteeAccount.objects.all(), actor, Grant.FUND)


def may(actor: Actor, verb: str, merchant_id: int | None = None) -> bool:
    """Say whether a move is this actor's to make, about what belongs to this merchant."""
    if verb in GRANT_FOR:
        own = actor.kind in MERCHANT_SIDE and merchant_id in (None, actor.merchant_id)
        return own and GRANT_FOR[verb] in actor.grants
    return actor.kind == ActorKind.STAFF and STAFF_FOR[verb] in actor.grants


def require(actor: Actor, verb: str, merchant_id: int | None = None) -> None:
    """Refuse with `NotAllowed` when the move is not this actor's."""
    if not may(actor, verb, merchant_id):
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
