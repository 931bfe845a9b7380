"""Why a refund failed, by the code that is kept with it: in the language of whoever reads it."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, str | Promise] = {
    "absent": _("The payment system does not know a refund with this number for this trade."),
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": _("The merchant's balance at the payment system does not cover this refund."),
    "ACQ.TRADE_NOT_EXIST": _("The payment system does not know this trade."),
    "ACQ.TRADE_HAS_FINISHED": _("The trade is finished: the payment system refunds it no more."),
    "ACQ.TRADE_HAS_CLOSE": _("The trade is closed: the payment system refunds it no more."),
    "ACQ.TRADE_STATUS_ERROR": _("The trade is in a state in which it cannot be refunded; perhaps it was never paid."),
    "ACQ.TRADE_NOT_ALLOW_REFUND": _("The payment system does not allow a refund of this trade."),
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": _("The amount is more than can still be refunded of this trade."),
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": _("The payment system does not take this amount."),
    "ACQ.REFUND_FEE_ERROR": _("The payment system does not take this amount."),
    "ACQ.INVALID_PARAMETER": _("The payment system does not take this refund as it was sent."),
    "ACQ.BUYER_NOT_EXIST": _("The consumer's account at the payment system does not exist any more."),
    "ACQ.BUYER_ERROR": _("The consumer's account at the payment system cannot be refunded to."),
    "ACQ.CUSTOMER_VALIDATE_ERROR": _("The payment system could not identify the account of this trade."),
    "ACQ.NOT_ALLOW_PARTIAL_REFUND": _("The payment system refunds this trade only as a whole."),
    "ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND": _("The payment system does not allow a refund of this trade."),
    "ACQ.REFUND_ACCOUNT_NOT_EXIST": _("The account that would pay this refund does not exist."),
}
"""What a refusal means. Without a sentence here, the payment system's own words are shown."""


def why_failed(code: str, words: str) -> str | Promise:
    """Return the sentence of a code, or the words that were kept with it."""
    return SENTENCES.get(code, words)
