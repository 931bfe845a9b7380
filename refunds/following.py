"""What this app offers to complaints: it pays the ways of handling that refund, and opens the reviews of the others."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.functional import Promise

from common.actors import Actor
from complaints.followers import ToReview, register_follower
from complaints.methods import NOT_ENROLLED, register_payer
from complaints.models import Complaint, Handling, Method
from refunds import claims, refunding
from refunds.models import Channel, GuaranteeAccount


class FundPayer:
    """Pays from the guarantee fund, where the merchant is in the plan."""

    def refusal(self, complaint: Complaint) -> Promise | None:
        enrolled = GuaranteeAccount.objects.filter(merchant_id=complaint.merchant_id).exists()
        return None if enrolled else NOT_ENROLLED

    def pay(self, handling: Handling, amount: Decimal, *, actor: Actor, now: datetime) -> None:
        refunding.pay_for_handling(handling, amount, Channel.FUND, actor=actor, now=now)


class Recorder:
    """Writes down what the merchant says they have refunded already."""

    def refusal(self, complaint: Complaint) -> Promise | None:
        return None

    def pay(self, handling: Handling, amount: Decimal, *, actor: Actor, now: datetime) -> None:
        refunding.pay_for_handling(handling, amount, Channel.ELSEWHERE, actor=actor, now=now)


class Reviews:
    """Opens and drops no-refund claims as complaints go to staff, and end."""

    def reviews_begin(self, reviews: Sequence[ToReview], *, actor: Actor, now: datetime) -> None:
        claims.open_claims(reviews, actor=actor, now=now)

    def complaint_ended(self, complaint: Complaint, *, actor: Actor, now: datetime) -> None:
        claims.drop(complaint, actor=actor, now=now)


def register() -> None:
    """Offer all of it; called once, when the app is ready."""
    register_payer(Method.FUND_REFUND, FundPayer())
    register_payer(Method.OTHER_REFUND, Recorder())
    register_follower(Reviews())
