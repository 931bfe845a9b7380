"""What programs send about pending refunds, refunds, claims and the guarantee plan; and what their lists can be asked.

`refunds.documents` says what programs are given.
"""

from typing import Any

from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.moments import MomentField
from complaints.serializers import TextField, amount
from evidence.api import SentPictureSerializer
from merchants.listing import PageWantedSerializer
from refunds.claims import TEXT_LIMIT
from refunds.models import Channel, TopUp
from refunds.refunding import NUMBER_LIMIT
from refunds.states import CaseStatus, ClaimStatus, RefundStatus, TopUpStatus

SEVERAL = _("May be given several times.")


class CasesWantedSerializer(PageWantedSerializer):
    """Which pending refunds a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(choices=CaseStatus.choices, required=False, help_text=SEVERAL)
    app_id = TextField(max_length=64, required=False)
    complaint_no = TextField(max_length=32, required=False)
    trade_no = TextField(max_length=64, required=False)
    opened_after = MomentField(required=False, help_text=_("Opened at this moment or later."))
    opened_before = MomentField(required=False, help_text=_("Opened before this moment."))
    refund_by_before = MomentField(
        required=False, help_text=_("The deadline is before this moment; with the status “due”, what is urgent.")
    )


class RefundsWantedSerializer(PageWantedSerializer):
    """Which refunds a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(choices=RefundStatus.choices, required=False, help_text=SEVERAL)
    channel = serializers.MultipleChoiceField(choices=Channel.choices, required=False, help_text=SEVERAL)
    refund_no = TextField(max_length=NUMBER_LIMIT, required=False)
    case_no = TextField(max_length=32, required=False)
    complaint_no = TextField(max_length=32, required=False)
    requested_after = MomentField(required=False, help_text=_("Requested at this moment or later."))
    requested_before = MomentField(required=False, help_text=_("Requested before this moment."))


class ClaimsWantedSerializer(PageWantedSerializer):
    """Which no-refund claims a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(choices=ClaimStatus.choices, required=False, help_text=SEVERAL)
    case_no = TextField(max_length=32, required=False)
    complaint_no = TextField(max_length=32, required=False)
    submitted_after = MomentField(required=False, help_text=_("Submitted at this moment or later."))
    submitted_before = MomentField(required=False, help_text=_("Submitted before this moment."))


class TopUpsWantedSerializer(PageWantedSerializer):
    """Which top-ups a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(choices=TopUpStatus.choices, required=False, help_text=SEVERAL)
    channel = serializers.ChoiceField(choices=TopUp.Channel.choices, required=False)


class StatementWantedSerializer(PageWantedSerializer):
    """Which days a statement shows, in Beijing, both included; what is left out narrows nothing."""

    first_day = serializers.DateField(required=False, allow_null=True, default=None)
    last_day = serializers.DateField(required=False, allow_null=True, default=None)


class RefundGivenSerializer(serializers.Serializer[dict[str, Any]]):
    """A refund of a part of what is due, or of all of it."""

    channel = serializers.ChoiceField(
        choices=Channel.choices,
        help_text=_(
            "“fund” moves money at once; “api” asks the payment system to refund; “elsewhere” records a refund."
        ),
    )
    amount = amount(help_text=_("Above zero, and at most the rest."))
    reference = TextField(
        max_length=NUMBER_LIMIT,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("The refund's number, as the payment system has it. Needed for “elsewhere”."),
    )
    pictures = SentPictureSerializer(
        many=True, required=False, default=list, help_text=_("Proof of the refund. Needed for “elsewhere”.")
    )


class RefusalSerializer(serializers.Serializer[dict[str, Any]]):
    """Why a merchant refuses a pending refund, with at least one picture."""

    text = TextField(max_length=TEXT_LIMIT, help_text=_("What was delivered, when, and what was agreed."))
    pictures = SentPictureSerializer(many=True, required=False, default=list)


class TopUpGivenSerializer(serializers.Serializer[dict[str, Any]]):
    """How much a merchant pays into the deposit."""

    amount = amount(help_text=_("Above zero."))
    return_to = TextField(
        max_length=500,
        required=False,
        allow_blank=True,
        default="",
        validators=[URLValidator(["https", "http"])],
        help_text=_("Where the payment page sends the payer afterwards; without it, to the portal."),
    )
