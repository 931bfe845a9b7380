"""What programs send: a complaint, in one shape for the API, the bulk API and the import; and what other verbs take.

`complaints.documents` says what programs are given.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.moments import MomentField
from complaints.intake import Filing, HandledElsewhere
from complaints.methods import NOTE_LIMIT, HandlingInput
from complaints.models import Method, RootCause
from complaints.services import MESSAGE_LIMIT
from complaints.states import Status
from evidence.api import SentPictureSerializer
from merchants.listing import PageWantedSerializer

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class TextField(serializers.CharField):
    """Text without control characters: the database takes no NUL, and a log line is one line."""

    def to_internal_value(self, data: Any) -> str:
        return CONTROL.sub("", super().to_internal_value(data))


def amount(**options: Any) -> serializers.DecimalField:
    """Return a field for yuan: not below zero, at most two decimals."""
    return serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, **options)


class ConsumerSerializer(serializers.Serializer[dict[str, str]]):
    """Who complains, as far as the platform tells."""

    reference = TextField(max_length=64, required=False, allow_blank=True, default="")
    name = TextField(max_length=100, required=False, allow_blank=True, default="")
    phone = TextField(max_length=32, required=False, allow_blank=True, default="")


class FilingSerializer(serializers.Serializer[Filing]):
    """A complaint as it is filed. Amounts are yuan as strings or numbers; moments are ISO 8601 with their offset."""

    app_id = TextField(max_length=64, help_text=_("The mini program or life account where the trade happened."))
    trade_no = TextField(max_length=64)
    merchant_order_no = TextField(max_length=64, required=False, allow_blank=True, default="")
    trade_amount = amount()
    paid_at = MomentField(required=False, allow_null=True, default=None)
    dispute_type = TextField(max_length=200)
    demand = TextField(max_length=200, required=False, allow_blank=True, default="")
    requested_refund_amount = amount(required=False, allow_null=True, default=None)
    description = TextField(max_length=20_000)
    consumer = ConsumerSerializer(required=False)
    advance_protection = serializers.BooleanField(required=False, default=False)
    filed_at = MomentField(
        required=False,
        allow_null=True,
        default=None,
        help_text=_("For what was filed elsewhere earlier: it starts the clock. Never in the future."),
    )
    upstream_id = TextField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Your own number of the complaint. The same one twice is the same complaint."),
    )


def filing_of(given: Mapping[str, Any]) -> Filing:
    """Return the filing that was validated."""
    values = dict(given)
    consumer = values.pop("consumer", {})
    return Filing(**values, **{f"consumer_{name}": value for name, value in consumer.items()})


class FilingWithPicturesSerializer(FilingSerializer):
    """A complaint as it is filed one at a time, with its pictures."""

    pictures = SentPictureSerializer(many=True, required=False, default=list)


class HandledFilingSerializer(FilingSerializer):
    """A complaint that may have been handled before it came here; imports and the bulk API take these."""

    handled_at = MomentField(required=False, allow_null=True, default=None)
    handling_method = serializers.ChoiceField(Method.values, required=False, allow_blank=True, default="")
    handling_note = TextField(max_length=1000, required=False, allow_blank=True, default="")
    refund_amount = amount(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        handled = HandledElsewhere(
            method=attrs.pop("handling_method"),
            at=attrs.pop("handled_at"),
            note=attrs.pop("handling_note"),
            amount=attrs.pop("refund_amount"),
        )
        if bool(handled.method) != (handled.at is not None):
            raise serializers.ValidationError(
                {"handled_at": _("Give both the way of handling and its moment, or neither.")}
            )
        return {**attrs, "handled": handled if handled.method else None}


class HandleSerializer(serializers.Serializer[HandlingInput]):
    """How a merchant handled a complaint; each way of handling needs its own part of it."""

    method = serializers.ChoiceField(Method.choices)
    note = TextField(
        max_length=NOTE_LIMIT,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Needed, with at least one picture, by every way that does not refund."),
    )
    refund_amount = amount(required=False, allow_null=True, default=None)
    refund_reference = TextField(max_length=64, required=False, allow_blank=True, default="")
    tracking = TextField(max_length=100, required=False, allow_blank=True, default="")
    root_cause = serializers.ChoiceField(
        RootCause.choices,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("What led to the complaint, as you see it; the insights count by it."),
    )
    pictures = SentPictureSerializer(many=True, required=False, default=list)


class MessageSerializer(serializers.Serializer[dict[str, Any]]):
    """A message: a text, pictures, or both."""

    text = TextField(max_length=MESSAGE_LIMIT, required=False, allow_blank=True, default="")
    pictures = SentPictureSerializer(many=True, required=False, default=list)


class ReasonSerializer(serializers.Serializer[dict[str, str]]):
    """Why a move is made; it stands in the history."""

    reason = TextField(max_length=NOTE_LIMIT)


class OptionalReasonSerializer(serializers.Serializer[dict[str, str]]):
    """Why a move is made, as far as the consumer says; it stands in the history."""

    reason = TextField(max_length=NOTE_LIMIT, required=False, allow_blank=True, default="")


class ComplaintsWantedSerializer(PageWantedSerializer):
    """Which complaints a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(
        choices=Status.choices, required=False, help_text=_("May be given several times.")
    )
    filed_after = MomentField(required=False, help_text=_("Filed at this moment or later."))
    filed_before = MomentField(required=False, help_text=_("Filed before this moment."))
    app_id = TextField(max_length=64, required=False)
    trade_no = TextField(max_length=64, required=False)
