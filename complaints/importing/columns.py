"""The columns that the portal knows by itself: the names of the API's fields, and what merchants' tables call them."""

import re
from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from complaints.models import Method
from complaints.serializers import HandledFilingSerializer

ALIASES: dict[str, tuple[str, ...]] = {
    "app_id": ("小程序ID", "小程序APPID", "应用ID", "APPID", "生活号ID"),
    "trade_no": ("交易号", "支付宝交易号", "交易单号"),
    "merchant_order_no": ("商家订单号", "商户订单号", "订单号"),
    "trade_amount": ("交易金额", "订单金额"),
    "paid_at": ("付款时间", "支付时间", "交易时间"),
    "dispute_type": ("纠纷类型", "投诉类型"),
    "demand": ("诉求", "用户诉求", "投诉诉求"),
    "requested_refund_amount": ("申请退款金额", "诉求金额"),
    "description": ("投诉内容", "投诉描述", "问题描述"),
    "consumer_reference": ("用户标识", "用户ID", "用户编号"),
    "consumer_name": ("用户姓名", "用户名称", "姓名"),
    "consumer_phone": ("联系电话", "用户电话", "手机号"),
    "advance_protection": ("先行保障",),
    "filed_at": ("投诉时间", "投诉发起时间"),
    "upstream_id": ("投诉编号", "投诉单号", "外部单号"),
    "handled_at": ("处理时间",),
    "handling_method": ("处理办法", "处理方式"),
    "handling_note": ("处理说明",),
    "refund_amount": ("退款金额",),
}
METHODS = {
    "使用体验保障金退款": Method.FUND_REFUND,
    "通过其他方式退款": Method.OTHER_REFUND,
    "已发货": Method.SHIPPED,
    "其他": Method.OTHER,
    "已完成售后服务": Method.AFTER_SALES,
    "非我方责任范围": Method.NOT_LIABLE,
}
NUMBERS = ("app_id", "trade_no", "merchant_order_no", "upstream_id", "consumer_reference", "consumer_phone")
"""Texts that look like numbers, and that a spreadsheet likes to round."""
UNIT = re.compile(r"[（(][^）)]*[）)]$")


def known_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """Return every field that a row may have, `consumer` laid flat, by its name as a column."""
    fields: dict[str, serializers.Field[Any, Any, Any, Any]] = {}
    for name, field in HandledFilingSerializer().fields.items():
        if isinstance(field, serializers.Serializer):
            fields |= {f"{name}_{inner}": each for inner, each in field.fields.items()}
        elif not isinstance(field, serializers.ListField | serializers.ListSerializer):
            fields[name] = field
    return fields


def required_fields() -> list[str]:
    return [name for name, field in known_fields().items() if field.required]


def field_of(column: str) -> str | None:
    """Return the field that a column holds, or None. Case, spaces and a unit in brackets do not count."""
    return _BY_NAME.get(_plain(column))


def described(fields: Iterable[str]) -> str:
    """Return names for a sentence, each with the first of its Chinese ones."""
    return ", ".join(f"{name} ({ALIASES[name][0]})" if name in ALIASES else name for name in fields)


def _plain(column: str) -> str:
    return UNIT.sub("", column.strip()).replace(" ", "").replace("_", "").casefold()


_BY_NAME = {_plain(name): name for name in ALIASES} | {
    _plain(alias): name for name, aliases in ALIASES.items() for alias in aliases
}
