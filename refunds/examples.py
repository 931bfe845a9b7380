"""Examples for the description of the API: one refund that was ruled due, and the fund that pays it."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from complaints.examples import COMPLAINT_NO

CASE_NO = "2026112603309184726150483927"
REFUND_NO = "2026112704571938264018273645"
TOP_UP_NO = "2026112605840193756281940573"

_ABOUT = {
    "complaint_no": COMPLAINT_NO,
    "complaint_url": f"/api/v1/complaints/{COMPLAINT_NO}/",
    "case_no": CASE_NO,
    "case_url": f"/api/v1/refund-cases/{CASE_NO}/",
}
_CASE: dict[str, Any] = {
    "case_no": CASE_NO,
    "url": f"/api/v1/refund-cases/{CASE_NO}/",
    "status": "due",
    "allowed_actions": ["refund", "refuse"],
    "complaint_no": COMPLAINT_NO,
    "complaint_url": f"/api/v1/complaints/{COMPLAINT_NO}/",
    "app_id": "2021003128691234",
    "trade_no": "2026111822001456781234567890",
    "trade_amount": "128.00",
    "advance_protection": False,
    "amount": "100.00",
    "refunded": "0.00",
    "processing": "0.00",
    "rest": "100.00",
    "round": 1,
    "points": 1,
    "opened_at": "2026-11-26T02:00:00Z",
    "refund_by": "2026-12-03T02:00:00Z",
    "stopped_at": None,
    "ended_at": None,
}
_CLAIM: dict[str, Any] = {
    "id": 5120,
    "url": "/api/v1/no-refund-claims/5120/",
    "status": "overruled",
    "about": "handling",
    **_ABOUT,
    "case_no": None,
    "case_url": None,
    "text": "已于 11 月 21 日补发，物流显示签收。",
    "contested": "",
    "pictures": [],
    "submitted_at": "2026-11-23T01:30:00Z",
    "submitted_by": "shop backend",
    "review_by": "2026-11-26T15:59:59.999999Z",
    "review_is_provisional": False,
    "ruling": "overruled",
    "reason_code": "not_proven",
    "message": "您好，物流记录与该笔交易不符，您需向用户退款。",
    "decided_at": "2026-11-26T02:00:00Z",
}
_REFUSED = _CLAIM | {
    "id": 5207,
    "url": "/api/v1/no-refund-claims/5207/",
    "status": "submitted",
    "about": "refusal",
    **_ABOUT,
    "text": "消费者已于 11 月 26 日签收补发的商品，附签收记录。",
    "submitted_at": "2026-11-27T01:00:00Z",
    "review_by": "2026-12-02T15:59:59.999999Z",
    "ruling": "",
    "reason_code": "",
    "message": "",
    "decided_at": None,
}
_REFUND: dict[str, Any] = {
    "id": 901,
    "refund_no": REFUND_NO,
    "url": f"/api/v1/refunds/{REFUND_NO}/",
    "status": "succeeded",
    "channel": "fund",
    "amount": "100.00",
    **_ABOUT,
    "trade_no": _CASE["trade_no"],
    "requested_at": "2026-11-27T03:00:00Z",
    "requested_by": "shop backend",
    "ended_at": "2026-11-27T03:00:00Z",
    "is_verified": True,
    "reference": "",
    "failure_code": "",
    "failure": "",
    "paid_from": {"bonus": "33.33", "deposit": "66.67"},
    "pictures": [],
}
_PROCESSING = _REFUND | {
    "status": "processing",
    "channel": "api",
    "ended_at": None,
    "is_verified": False,
    "paid_from": None,
}
_TOP_UP: dict[str, Any] = {
    "number": TOP_UP_NO,
    "url": f"/api/v1/guarantee/top-ups/{TOP_UP_NO}/",
    "status": "credited",
    "channel": "online",
    "amount": "1000.00",
    "bonus": "300.00",
    "requested_at": "2026-11-26T06:00:00Z",
    "requested_by": "shop backend",
    "ended_at": "2026-11-26T06:02:10Z",
    "bank_reference": "",
    "reference": "2026112622001456784321098765",
    "reason": "",
}
_ACCOUNT: dict[str, Any] = {
    "enrolled_at": "2026-11-26T05:55:00Z",
    "enrolled_by": "shop backend",
    "deposit": "933.33",
    "bonus": "266.67",
    "bonus_granted": "300.00",
    "bonus_left": "9700.00",
    "bonus_percent": 30,
    "bonus_share": 3,
}
_LINE: dict[str, Any] = {
    "id": 3310,
    "at": "2026-11-27T03:00:00Z",
    "kind": "refund",
    "deposit": "-66.67",
    "bonus": "-33.33",
    "deposit_after": "933.33",
    "bonus_after": "266.67",
    "by": "shop backend",
    "top_up_number": None,
    "refund_no": REFUND_NO,
    "case_no": CASE_NO,
    "complaint_no": COMPLAINT_NO,
    "reverses": None,
}


def _page(row: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample("The last page", value={"results": [row], "next": None, "previous": None}, response_only=True)


def _made(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=["201"])


CASE_PAGE, CLAIM_PAGE, REFUND_PAGE = _page(_CASE), _page(_CLAIM), _page(_REFUND)
CASE = OpenApiExample(
    "A refund that is due, of a merchant in the guarantee plan",
    value=_CASE
    | {
        "merchant": "青山茶行",
        "mini_program": "青山茶行小程序",
        "at_most": "100.00",
        "from_fund": {
            "amount": "100.00",
            "bonus": "33.33",
            "deposit": "66.67",
            "deposit_after": "933.33",
            "bonus_after": "266.67",
            "missing": "0.00",
            "least_top_up": "0.00",
        },
        "refunds": [],
        "claims": [_CLAIM],
        "history": [
            {
                "noun": "refund_case",
                "verb": "open",
                "from_state": "",
                "to_state": "due",
                "by_kind": "staff",
                "by": "",
                "at": _CASE["opened_at"],
                "detail": {"case_no": CASE_NO, "amount": "100.00", "refund_by": "2026-12-03T02:00:00+00:00"},
            }
        ],
    },
    response_only=True,
)
FROM_FUND = OpenApiExample("From the guarantee fund", value={"channel": "fund", "amount": "100.00"}, request_only=True)
ELSEWHERE = OpenApiExample(
    "Refunded elsewhere",
    value={
        "channel": "elsewhere",
        "amount": "100.00",
        "reference": "RF-20261127-3",
        "pictures": [{"name": "refund.png", "content": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}],
    },
    request_only=True,
)
REFUNDED = _made("Paid from the guarantee fund", _REFUND)
PROCESSING = _made("The payment system is asked", _PROCESSING)
REFUND = OpenApiExample("A refund from the guarantee fund", value=_REFUND, response_only=True)
REFUSAL = OpenApiExample(
    "With a picture",
    value={
        "text": _REFUSED["text"],
        "pictures": [{"name": "signed.png", "content": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}],
    },
    request_only=True,
)
REFUSED = _made("Under review", _REFUSED)
RULED = OpenApiExample("Staff ruled that a refund is due", value=_CLAIM, response_only=True)

ACCOUNT = OpenApiExample("An account", value=_ACCOUNT, response_only=True)
JOINED = _made(
    "A new account",
    _ACCOUNT | {"deposit": "0.00", "bonus": "0.00", "bonus_granted": "0.00", "bonus_left": "10000.00"},
)
STATEMENT = _page(_LINE)
TOP_UP_PAGE = _page(_TOP_UP)
TOP_UP = OpenApiExample(
    "Back to the shop's own page",
    value={"amount": "1000.00", "return_to": "https://shop.example/paid"},
    request_only=True,
)
TOP_UP_STARTED = _made(
    "To be paid",
    _TOP_UP
    | {
        "status": "pending",
        "bonus": "0.00",
        "ended_at": None,
        "reference": "",
        "pay_address": "https://openapi.alipay.com/gateway.do?method=alipay.trade.page.pay&sign=…",
    },
)
TOP_UP_CREDITED = OpenApiExample("Credited", value=_TOP_UP | {"pay_address": None}, response_only=True)
