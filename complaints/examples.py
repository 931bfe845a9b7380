"""Examples for the description of the API: one case from filing to handling, told in order."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

COMPLAINT_NO = "2026112001042719483756201948"
CONSUMER_URL = "https://portal.example.org/c/WyJjIiw0MiwwLDE4MTA1NDU2MDBd:1vOC5s:Jq3h0Xm2k1c7rE9ZbT4w/"

_FILING: dict[str, Any] = {
    "app_id": "2021003128691234",
    "trade_no": "2026111822001456781234567890",
    "merchant_order_no": "SO-20261118-0042",
    "trade_amount": "128.00",
    "paid_at": "2026-11-18T19:24:08+08:00",
    "dispute_type": "未收到货",
    "demand": "退款",
    "requested_refund_amount": "128.00",
    "description": "付款两天了，商家一直没有发货，客服也联系不上。",
    "advance_protection": False,
    "upstream_id": "CP-88213",
}

_COMPLAINT: dict[str, Any] = {
    "complaint_no": COMPLAINT_NO,
    "url": f"/api/v1/complaints/{COMPLAINT_NO}/",
    "status": "pending",
    "allowed_actions": ["cancel", "close", "leave_message"],
    **{name: value for name, value in _FILING.items() if name != "description"},
    "paid_at": "2026-11-18T11:24:08Z",
    "filed_at": "2026-11-20T02:00:00Z",
    "received_at": "2026-11-20T02:00:00Z",
    "handle_by": "2026-11-24T02:00:00Z",
    "ended_at": None,
    "is_history": False,
}

_ONE_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SENT_PICTURE = {"name": "chat.png", "content": _ONE_PIXEL}

_MESSAGE = {
    "role": "merchant",
    "by": "shop backend",
    "text": "您好，订单今天补发，运费由我们承担。",
    "pictures": [],
    "at": "2026-11-20T03:10:00Z",
}

_HANDLING = {
    "method": "other_refund",
    "refund_amount": "128.00",
    "refund_reference": "RF-20261121-7",
    "root_cause": "delivery",
}

_CONSUMER = {"reference": "2088-7781", "name": "韩梅梅", "phone": "13800001234"}

_CASE = _COMPLAINT | {
    "status": "handled",
    "allowed_actions": ["leave_message"],
    "merchant": "青山茶行",
    "mini_program": "青山茶行小程序",
    "description": _FILING["description"],
    "consumer": _CONSUMER,
    "pictures": [],
    "handling": {
        **_HANDLING,
        "note": "",
        "tracking": "",
        "pictures": [],
        "handled_at": "2026-11-21T01:30:00Z",
        "in_time": True,
        "by": "shop backend",
    },
    "messages": [_MESSAGE],
    "history": [
        {
            "noun": "complaint",
            "verb": "file",
            "from_state": "",
            "to_state": "pending",
            "by_kind": "platform",
            "by": "intake",
            "at": "2026-11-20T02:00:00Z",
            "detail": {},
        },
        {
            "noun": "complaint",
            "verb": "handle",
            "from_state": "pending",
            "to_state": "handled",
            "by_kind": "merchant",
            "by": "shop backend",
            "at": "2026-11-21T01:30:00Z",
            "detail": {"method": "other_refund", "in_time": True},
        },
    ],
}

FILING = OpenApiExample(
    "A complaint with a picture",
    value=_FILING | {"consumer": _CONSUMER, "pictures": [_SENT_PICTURE]},
    request_only=True,
)
FILED = OpenApiExample(
    "A new complaint", value=_COMPLAINT | {"consumer_url": CONSUMER_URL}, response_only=True, status_codes=["201"]
)
PAGE = OpenApiExample(
    "The last page", value={"results": [_COMPLAINT], "next": None, "previous": None}, response_only=True
)
CASE = OpenApiExample("A handled complaint", value=_CASE, response_only=True)
HANDLING = OpenApiExample("Refunded in another way", value=_HANDLING, request_only=True)
MESSAGE = OpenApiExample("A message", value={"text": _MESSAGE["text"]}, request_only=True)
MESSAGE_LEFT = OpenApiExample("The message as it is kept", value=_MESSAGE, response_only=True)
REASON = OpenApiExample("A reason", value={"reason": "消费者来电说明情况"}, request_only=True)
