"""Refunds and payments through the Alipay OpenAPI.

An answer counts when its signature holds and it is about what was asked. Whatever else happens, `UNKNOWN` is said, and
the money is asked about later; nothing is ever concluded from silence.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from common.numbers import BEIJING
from refunds.failures import SENTENCES
from refunds.gateways import Answer, Outcome, RefundOrder
from refunds.gateways.alipay_client import Client, Node, Unclear

log = structlog.get_logger(__name__)

CENT = Decimal("0.01")
YUAN = re.compile(r"\d{1,12}(\.\d{1,2})?", re.ASCII)
REASON_LIMIT = 256
SUBJECT_LIMIT = 256
SUCCESS = "10000"
BUSINESS_FAILED = "40004"

NOT_A_NO = ("SYSTEM_ERROR", "DISCORDANT_REPEAT_REQUEST")
"""Failures that do not say that nothing moved: under the number of the second, money of another amount did."""


class Refused(Exception):
    """The payment system understood the request, and does not do it. No money moves."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class AlipayGateway:
    """Refunds with `alipay.trade.refund`, payments with `alipay.trade.page.pay`, and asks about both."""

    name = "alipay"

    def __init__(self) -> None:
        """Read the settings; the system checks have refused wrong ones with a sentence."""
        try:
            self.client = Client(
                url=settings.ALIPAY_GATEWAY_URL,
                app_id=settings.ALIPAY_APP_ID,
                app_private_key=settings.ALIPAY_APP_PRIVATE_KEY,
                public_key=settings.ALIPAY_PUBLIC_KEY,
                timeout=settings.ALIPAY_TIMEOUT,
            )
        except ValueError as error:
            raise ImproperlyConfigured(f"A key of the payment system cannot be used: {error}.") from None

    def refund(self, order: RefundOrder) -> Answer:
        """Send a refund. The same number again moves nothing, and is a success when the first one was.

        `fund_change` says whether *this* request moved money. When it did not, an earlier one with the same number
        may have, or not yet: that is asked at once, not guessed.
        """
        wish = {
            "trade_no": order.trade_no,
            "out_request_no": order.request_no,
            "refund_amount": written(order.amount),
        }
        if order.reason:
            wish["refund_reason"] = order.reason[:REASON_LIMIT]

        def understood(node: Node) -> Answer:
            _require_same(node, "trade_no", order.trade_no)
            if node.get("fund_change") == "Y":
                return Answer(Outcome.SUCCEEDED, reference=order.trade_no, amount=order.amount)
            found = self.query(order)
            if found.outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN):
                return found
            raise Unclear("not_found_yet", "The refund was taken, but the payment system does not show it yet.")

        return self._ask("alipay.trade.refund", order.request_no, wish, understood)

    def query(self, order: RefundOrder) -> Answer:
        """Ask what became of a refund: `SUCCEEDED` with the amount that was refunded under this number, or `ABSENT`."""

        def understood(node: Node) -> Answer:
            if "refund_status" not in node and "refund_amount" not in node:
                return Answer(Outcome.ABSENT)
            _require_same(node, "trade_no", order.trade_no)
            _require_same(node, "out_request_no", order.request_no)
            if node.get("refund_status") != "REFUND_SUCCESS":
                raise Unclear(str(node.get("refund_status", "no_status")), "The refund is not through yet.")
            return Answer(Outcome.SUCCEEDED, reference=order.trade_no, amount=_read(node.get("refund_amount")))

        wish = {"trade_no": order.trade_no, "out_request_no": order.request_no}
        return self._ask("alipay.trade.fastpay.refund.query", order.request_no, wish, understood, is_question=True)

    def pay_address(self, *, number: str, amount: Decimal, subject: str, return_to: str, until: datetime) -> str:
        """Return the signed address of the page on which to pay.

        Offer it as a link. A form that leads there is stopped by browsers, for the portal's pages (`form-action` of the
        Content-Security-Policy) send forms to the portal only, also when the portal answers with a redirect.
        """
        signed = self.client.api_alipay_trade_page_pay(
            subject[:SUBJECT_LIMIT],
            number,
            written(amount),
            return_url=return_to,
            time_expire=f"{until.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        )
        return f"{self.client.address}?{signed}"

    def query_payment(self, number: str) -> Answer:
        """Ask whether a payment arrived. One that was begun and is neither paid nor closed is `UNKNOWN`."""

        def understood(node: Node) -> Answer:
            _require_same(node, "out_trade_no", number)
            status, reference = str(node.get("trade_status")), str(node.get("trade_no", ""))
            if status in ("TRADE_SUCCESS", "TRADE_FINISHED"):
                return Answer(
                    Outcome.SUCCEEDED, code=status, reference=reference, amount=_read(node.get("total_amount"))
                )
            if status == "TRADE_CLOSED":
                return Answer(Outcome.FAILED, status, str(_("The payment was closed without money.")), reference)
            return Answer(Outcome.UNKNOWN, status, str(_("The payment is not made yet.")), reference)

        return self._ask("alipay.trade.query", number, {"out_trade_no": number}, understood, is_question=True)

    def _ask(
        self,
        method: str,
        number: str,
        wish: dict[str, str],
        understood: Callable[[Node], Answer],
        *,
        is_question: bool = False,
    ) -> Answer:
        """Send a request and say what its answer means; a refusal to answer a question refuses nothing else."""
        try:
            try:
                return understood(_accepted(self.client.ask(method, wish)))
            except Refused as refusal:
                if is_question and refusal.code == "ACQ.TRADE_NOT_EXIST":
                    return Answer(Outcome.ABSENT, refusal.code)
                if is_question:
                    raise Unclear(refusal.code, refusal.message) from None
                return Answer(Outcome.FAILED, refusal.code, str(SENTENCES.get(refusal.code, refusal.message)))
        except Unclear as doubt:
            log.warning("payment_system_unclear", method=method, number=number, code=doubt.code, reason=doubt.message)
            return Answer(Outcome.UNKNOWN, doubt.code, doubt.message)


def _accepted(node: Node) -> Node:
    """Return the answer to a request that was carried out; raise `Refused` for one that was not, `Unclear` else.

    Only a business failure says that nothing moved. A refusal at the door (a wrong key, a missing right) is about this
    request alone: one with the same number may have come through before.
    """
    code, sub_code = str(node.get("code", "")), str(node.get("sub_code", ""))
    message = str(node.get("sub_msg") or node.get("msg") or sub_code or code or "The answer says nothing.")
    if code == SUCCESS and not sub_code:
        return node
    is_business = code == BUSINESS_FAILED and sub_code and not sub_code.lower().startswith(("isp.", "aop.", "isv."))
    if is_business and not sub_code.endswith(NOT_A_NO):
        raise Refused(sub_code, message)
    raise Unclear(sub_code or code or "unreadable", message)


def _require_same(node: Node, field: str, wanted: str) -> None:
    """Refuse to believe an answer about something else: a signature says who wrote it, not what was asked."""
    if node.get(field) != wanted:
        raise Unclear("other_answer", f"The answer is about another {field}: {node.get(field)!r}.")


def written(amount: Decimal) -> str:
    """Return an amount as it is sent; refuse with ValueError what is not above zero and to the cent."""
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(CENT):
        raise ValueError(f"{amount} is not an amount to the cent.")
    return f"{amount:.2f}"


def _read(value: Any) -> Decimal:
    """Return an amount of an answer, which is a text or a number."""
    text = str(value)
    if not YUAN.fullmatch(text):
        raise Unclear("unreadable", f"The answer's amount cannot be read: {text[:40]!r}.")
    return Decimal(text).quantize(CENT)
