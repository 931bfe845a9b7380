"""What the sandbox does for each method of the protocol: from business parameters to the node of the answer."""

from collections.abc import Callable

from refunds.sandbox.books import PAID, Books, Refusal, Trade, in_yuan
from refunds.sandbox.protocol import Node, cents, failure, success

PAGE_PAY = "alipay.trade.page.pay"
LONGEST_NUMBER = 64
BUYER = "sand***@example.com"

Parameters = dict[str, str]


def refund(books: Books, given: Parameters) -> Node:
    """`alipay.trade.refund`: refund once; the same number again answers `fund_change` N."""
    _require_trade(given)
    amount, number = cents(given.get("refund_amount", "")), given.get("out_request_no", "")
    if amount is None or len(number) > LONGEST_NUMBER:
        raise Refusal("ACQ.INVALID_PARAMETER", "参数无效")
    done = books.refund(given, number, amount, given.get("refund_reason", ""))
    return success(
        **_names(done.trade),
        buyer_logon_id=BUYER,
        fund_change="Y" if done.is_new else "N",
        gmt_refund_pay=done.refunded_at,
        refund_fee=in_yuan(done.trade.refunded),  # of the trade in all, not of this request
    )


def query_refund(books: Books, given: Parameters) -> Node:
    """`alipay.trade.fastpay.refund.query`: without `refund_status` when there is no such refund."""
    _require_trade(given)
    if not given.get("out_request_no"):
        raise Refusal("ACQ.INVALID_PARAMETER", "参数无效")
    found = books.find_refund(given, given["out_request_no"])
    if found is None:
        return success()
    return success(
        **_names(found.trade),
        out_request_no=found.out_request_no,
        refund_amount=in_yuan(found.amount),
        refund_reason=found.reason,
        refund_status="REFUND_SUCCESS",
        gmt_refund_pay=found.refunded_at,
        total_amount=in_yuan(found.trade.total),
    )


def query_trade(books: Books, given: Parameters) -> Node:
    """`alipay.trade.query`: what became of a payment."""
    _require_trade(given)
    trade = books.find_trade(given)
    paid = {"send_pay_date": trade.paid_at} if trade.paid_at else {}
    return success(
        **_names(trade),
        **paid,
        buyer_logon_id=BUYER,
        total_amount=in_yuan(trade.total),
        trade_status=trade.status,
    )


METHODS: dict[str, Callable[[Books, Parameters], Node]] = {
    "alipay.trade.refund": refund,
    "alipay.trade.fastpay.refund.query": query_refund,
    "alipay.trade.query": query_trade,
}


def carry_out(books: Books, method: str, given: Parameters) -> Node:
    """Return the node of the answer; what the books refuse is a business failure."""
    try:
        return METHODS[method](books, given)
    except Refusal as refusal:
        return failure(refusal.code, refusal.message)


def open_payment(books: Books, given: Parameters) -> Trade:
    """`alipay.trade.page.pay`: begin a payment, or come back to it."""
    amount, number = cents(given.get("total_amount", "")), given.get("out_trade_no", "")
    return_url = given.get("return_url", "")
    is_address = return_url.startswith(("http://", "https://")) or not return_url
    if amount is None or not 0 < len(number) <= LONGEST_NUMBER or not given.get("subject") or not is_address:
        raise Refusal("ACQ.INVALID_PARAMETER", "参数无效")
    return books.open_payment(number, amount, given["subject"], return_url, given.get("time_expire", ""))


def return_parameters(trade: Trade) -> dict[str, str]:
    """Return what the payer brings back to the shop. It proves nothing: the shop asks with `alipay.trade.query`."""
    if trade.status != PAID:
        return {}
    return {"method": f"{PAGE_PAY}.return", **_names(trade), "total_amount": in_yuan(trade.total)}


def _require_trade(given: Parameters) -> None:
    names = (given.get("trade_no", ""), given.get("out_trade_no", ""))
    if not any(names) or any(len(name) > LONGEST_NUMBER for name in names):
        raise Refusal("ACQ.INVALID_PARAMETER", "参数无效")


def _names(trade: Trade) -> dict[str, str]:
    return {"trade_no": trade.trade_no} | ({"out_trade_no": trade.out_trade_no} if trade.out_trade_no else {})
