"""What this app offers to complaints: it pays the ways of handling that refund, and opens the reviews of the others."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import Sentence
from common.policy import policy_at
from common.wording import yuan
from common.written import written
from complaints.followers import ToReview, register_follower
from complaints.methods import NOT_ENROLLED, Foreseen, register_payer
from complaints.models import Complaint, Handling, Method
from refunds import claims, fund, refunding
from refunds.fund import Balance
from refunds.models import Channel, GuaranteeAccount, RefundedTrade


@written
def _accounts(merchant_id: int) -> QuerySet[GuaranteeAccount, int]:
    return GuaranteeAccount.objects.filter(merchant_id=merchant_id).values_list("pk", flat=True)


class FundPayer:
    """Pays from the guarantee fund, where the merchant is in the plan."""

    def refusal(self, complaint: Complaint) -> Promise | None:
        return None if _accounts(complaint.merchant_id) else NOT_ENROLLED

    def pay(self, handling: Handling, amount: Decimal, *, actor: Actor, now: datetime) -> None:
        refunding.pay_for_handling(handling, amount, Channel.FUND, actor=actor, now=now)

    def foresee(self, refunds: Sequence[Foreseen], *, now: datetime) -> list[Sentence | None]:
        account = GuaranteeAccount.objects.filter(merchant_id=refunds[0][0].merchant_id).first()
        return _foresee(refunds, fund.balance_of(account) if account else Balance(), now=now)


class Recorder:
    """Writes down what the merchant says they have refunded already."""

    def refusal(self, complaint: Complaint) -> Promise | None:
        return None

    def pay(self, handling: Handling, amount: Decimal, *, actor: Actor, now: datetime) -> None:
        refunding.pay_for_handling(handling, amount, Channel.ELSEWHERE, actor=actor, now=now)

    def foresee(self, refunds: Sequence[Foreseen], *, now: datetime) -> list[Sentence | None]:
        return _foresee(refunds, None, now=now)


def _foresee(refunds: Sequence[Foreseen], balance: Balance | None, *, now: datetime) -> list[Sentence | None]:
    """Go through refunds of one merchant in their order, as far as trades and, with a balance, the fund allow."""
    policy = policy_at(now)
    merchant_id, numbers = refunds[0][0].merchant_id, {complaint.trade_no for complaint, _amount in refunds}
    trades = {
        trade.trade_no: trade for trade in RefundedTrade.objects.filter(merchant_id=merchant_id, trade_no__in=numbers)
    }
    found: list[Sentence | None] = []
    for complaint, amount in refunds:
        # With the first refund of a trade its row is made; here it is made in memory, and never saved.
        new = RefundedTrade(trade_no=complaint.trade_no, trade_amount=complaint.trade_amount)
        trade = trades.setdefault(complaint.trade_no, new)
        rest = min(trade.trade_amount, complaint.trade_amount) - trade.refunded
        parts = fund.split(amount, balance, policy=policy) if balance is not None else None
        if amount > rest:
            sentence = _("Of this trade %(amount)s at most can still be refunded.")
            found.append(sentence % {"amount": yuan(max(fund.ZERO, rest))})
        elif parts is not None and parts.missing:
            sentence = _("With the refunds above it, the fund is short by %(missing)s.")
            found.append(sentence % {"missing": yuan(parts.missing)})
        else:
            trade.refunded += amount
            balance = parts.after if parts is not None else None
            found.append(None)
    return found


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
