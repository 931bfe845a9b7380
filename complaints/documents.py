"""What programs are told about complaints.

The serializers describe it; plain functions make it, because serializers take twice as long for a page of rows.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.actors import Actor, ActorKind
from complaints.models import Complaint, Handling, HistoryLine, Message, Method, RootCause
from complaints.permissions import WHO_MAY, may
from complaints.serializers import ConsumerSerializer
from complaints.states import COMPLAINT, Status
from evidence.api import PictureSerializer, picture_document
from merchants.listing import NeighboursSerializer

ACTIONS = [verb for verb in COMPLAINT.moves if verb in WHO_MAY]


class YuanField(serializers.DecimalField):
    """An amount in yuan, as a string with two decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=14, decimal_places=2, **options)


class ComplaintSerializer(serializers.Serializer[Any]):
    """A complaint as it stands in a list."""

    complaint_no = serializers.CharField()
    url = serializers.CharField(help_text=_("Where the complaint is, with all that belongs to it."))
    status = serializers.ChoiceField(Status.choices)
    allowed_actions = serializers.ListField(
        child=serializers.ChoiceField(ACTIONS), help_text=_("What this key may do with the complaint now.")
    )
    app_id = serializers.CharField()
    upstream_id = serializers.CharField()
    trade_no = serializers.CharField()
    merchant_order_no = serializers.CharField()
    trade_amount = YuanField()
    paid_at = serializers.DateTimeField(allow_null=True)
    dispute_type = serializers.CharField()
    demand = serializers.CharField()
    requested_refund_amount = YuanField(allow_null=True)
    advance_protection = serializers.BooleanField()
    filed_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    handle_by = serializers.DateTimeField(help_text=_("The last moment at which handling it is in time."))
    ended_at = serializers.DateTimeField(allow_null=True)
    is_history = serializers.BooleanField(help_text=_("An old case, taken in without starting a clock."))


class FiledSerializer(ComplaintSerializer):
    """A complaint as it was just filed, with what leads its consumer to it."""

    consumer_url = serializers.CharField(
        allow_null=True,
        help_text=_("The consumer's page: hand it to them, and to nobody else. None once the platform ended it."),
    )


class PageSerializer(NeighboursSerializer):
    """A page of complaints, newest first."""

    results = ComplaintSerializer(many=True)


class HandlingDocumentSerializer(serializers.Serializer[Any]):
    """How the complaint was handled."""

    method = serializers.ChoiceField(Method.choices)
    note = serializers.CharField()
    refund_amount = YuanField(allow_null=True)
    refund_reference = serializers.CharField()
    tracking = serializers.CharField()
    root_cause = serializers.ChoiceField(
        RootCause.choices, allow_blank=True, help_text=_("What led to the complaint, as the merchant sees it.")
    )
    pictures = PictureSerializer(many=True)
    handled_at = serializers.DateTimeField()
    in_time = serializers.BooleanField()
    by = serializers.CharField()


class MessageDocumentSerializer(serializers.Serializer[Any]):
    """What one side said to the other."""

    role = serializers.ChoiceField(["merchant", "consumer", "platform"])
    by = serializers.CharField(help_text=_("Staff of the platform have no name here."))
    text = serializers.CharField()
    pictures = PictureSerializer(many=True)
    at = serializers.DateTimeField()


class HistoryLineSerializer(serializers.Serializer[Any]):
    """One move in the case."""

    noun = serializers.CharField(help_text=_("What moved: the complaint itself, or something about it."))
    verb = serializers.CharField()
    from_state = serializers.CharField()
    to_state = serializers.CharField()
    by_kind = serializers.ChoiceField([kind.value for kind in ActorKind])
    by = serializers.CharField(help_text=_("Staff of the platform have no name here."))
    at = serializers.DateTimeField()
    detail = serializers.DictField()


class CaseSerializer(ComplaintSerializer):
    """A complaint with all that belongs to it."""

    merchant = serializers.CharField()
    mini_program = serializers.CharField()
    description = serializers.CharField()
    consumer = ConsumerSerializer()
    pictures = PictureSerializer(many=True)
    handling = HandlingDocumentSerializer(allow_null=True)
    messages = MessageDocumentSerializer(many=True, help_text=_("Newest first."))
    history = HistoryLineSerializer(many=True, help_text=_("Oldest first."))


def actions_of(actor: Actor) -> frozenset[str]:
    """Return the moves that are this actor's to make on any complaint that they see."""
    return frozenset(verb for verb in ACTIONS if may(actor, verb))


def complaint_document(complaint: Complaint, own_actions: frozenset[str]) -> dict[str, Any]:
    """Return what `ComplaintSerializer` describes; `own_actions` are those of whoever asks."""
    return _document(complaint, complaint.mini_program.app_id, own_actions)


def listed_document(row: Any, own_actions: frozenset[str]) -> dict[str, Any]:
    """Return the same document of a row that `complaints.queries.listed` read."""
    return _document(row, row.mini_program__app_id, own_actions)


def _document(complaint: Any, app_id: str, own_actions: frozenset[str]) -> dict[str, Any]:
    return {
        "complaint_no": complaint.complaint_no,
        "url": f"{_address_before(get_script_prefix())}{complaint.complaint_no}/",
        "status": complaint.status,
        "allowed_actions": list(_allowed(complaint.status, own_actions)),
        "app_id": app_id,
        "upstream_id": complaint.upstream_id,
        "trade_no": complaint.trade_no,
        "merchant_order_no": complaint.merchant_order_no,
        "trade_amount": yuan(complaint.trade_amount),
        "paid_at": utc(complaint.paid_at),
        "dispute_type": complaint.dispute_type,
        "demand": complaint.demand,
        "requested_refund_amount": yuan(complaint.requested_refund_amount),
        "advance_protection": complaint.advance_protection,
        "filed_at": utc(complaint.filed_at),
        "received_at": utc(complaint.received_at),
        "handle_by": utc(complaint.handle_by),
        "ended_at": utc(complaint.ended_at),
        "is_history": complaint.is_history,
    }


@cache
def _allowed(status: str, own_actions: frozenset[str]) -> tuple[str, ...]:
    return tuple(verb for verb in COMPLAINT.allowed(status) if verb in own_actions)


@cache
def _address_before(prefix: str) -> str:
    """Return how the address of every complaint begins, where the portal stands under this prefix."""
    return reverse("api:complaints")


def case_document(complaint: Complaint, own_actions: frozenset[str]) -> dict[str, Any]:
    """Return what `CaseSerializer` describes, of a complaint that came with everything."""
    handling = getattr(complaint, "handling", None)
    return complaint_document(complaint, own_actions) | {
        "merchant": complaint.merchant.name,
        "mini_program": complaint.mini_program.name,
        "description": complaint.description,
        "consumer": {
            "reference": complaint.consumer_reference,
            "name": complaint.consumer_name,
            "phone": complaint.consumer_phone,
        },
        "pictures": [picture_document(picture) for picture in complaint.pictures.all()],
        "handling": handling and handling_document(handling),
        "messages": [message_document(message) for message in complaint.messages.all()],
        "history": [
            line_document(line) for line in sorted(complaint.history.all(), key=lambda line: (line.at, line.pk))
        ],
    }


def handling_document(handling: Handling) -> dict[str, Any]:
    """Return what `HandlingDocumentSerializer` describes."""
    return {
        "method": handling.method,
        "note": handling.note,
        "refund_amount": yuan(handling.refund_amount),
        "refund_reference": handling.refund_reference,
        "tracking": handling.tracking,
        "root_cause": handling.root_cause,
        "pictures": [picture_document(picture) for picture in handling.evidence.all()],
        "handled_at": handling.handled_at,
        "in_time": handling.in_time,
        "by": handling.actor_name,
    }


def message_document(message: Message) -> dict[str, Any]:
    """Return what `MessageDocumentSerializer` describes."""
    return {
        "role": message.role,
        "by": "" if message.role == "platform" else message.actor_name,
        "text": message.text,
        "pictures": [picture_document(picture) for picture in message.evidence.all()],
        "at": message.at,
    }


def line_document(line: HistoryLine) -> dict[str, Any]:
    """Return what `HistoryLineSerializer` describes."""
    return {
        "noun": line.noun,
        "verb": line.verb,
        "from_state": line.from_state,
        "to_state": line.to_state,
        "by_kind": line.actor_kind,
        "by": "" if line.actor_kind == ActorKind.STAFF else line.actor_name,
        "at": line.at,
        "detail": line.detail,
    }


def utc(moment: datetime | None) -> str | None:
    """Write a moment in UTC, as the framework writes one that the database gave back, which is in UTC already."""
    if moment is None:
        return None
    return f"{(moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[:-6]}Z"


def yuan(amount: Decimal | None) -> str | None:
    """Write an amount in yuan with two decimals."""
    return None if amount is None else f"{amount:.2f}"
