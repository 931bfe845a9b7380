"""What programs are given and send about consultations."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from common.actors import Actor
from common.moments import MomentField
from complaints.consultations.permissions import WHO_MAY, may
from complaints.consultations.services import TEXT_LIMIT, Question
from complaints.consultations.states import CONSULTATION, Status
from complaints.documents import utc
from complaints.models import Consultation, ConsultationLine
from complaints.serializers import ConsumerSerializer, FilingSerializer, TextField
from evidence.api import PictureSerializer, SentPictureSerializer, picture_document
from merchants.listing import NeighboursSerializer, PageWantedSerializer


class QuestionSerializer(serializers.Serializer[dict[str, Any]]):
    """What a consumer asks a merchant, before anything is a complaint."""

    app_id = TextField(max_length=64, help_text=_("The mini program or life account that the question is about."))
    text = TextField(max_length=TEXT_LIMIT)
    trade_no = TextField(max_length=64, required=False, allow_blank=True, default="")
    consumer = ConsumerSerializer(required=False)
    upstream_id = TextField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Your own number of the consultation. The same one twice is the same consultation."),
    )
    pictures = SentPictureSerializer(many=True, required=False, default=list)

    def to_question(self) -> Question:
        """Return the validated question."""
        data = {name: value for name, value in self.validated_data.items() if name != "pictures"}
        consumer = data.pop("consumer", {})
        return Question(**data, **{f"consumer_{name}": value for name, value in consumer.items()})


class SaidSerializer(serializers.Serializer[dict[str, Any]]):
    """A text, pictures, or both."""

    text = TextField(max_length=TEXT_LIMIT, required=False, allow_blank=True, default="")
    pictures = SentPictureSerializer(many=True, required=False, default=list)


class BecomeSerializer(FilingSerializer):
    """The complaint that a consultation becomes, now; its mini program is the consultation's, and so is its consumer.

    What is said of the consumer here is taken instead of what was said before.
    """

    app_id = None  # type: ignore[assignment]  # DRF's way to leave a field of the parent out
    filed_at = None  # type: ignore[assignment]  # its clock starts now
    upstream_id = TextField(max_length=64, required=False, allow_blank=True, default="")


class ConsultationsWantedSerializer(PageWantedSerializer):
    """Which consultations a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(
        choices=Status.choices, required=False, help_text=_("May be given several times.")
    )
    asked_after = MomentField(required=False, help_text=_("Asked at this moment or later."))
    asked_before = MomentField(required=False, help_text=_("Asked before this moment."))
    app_id = TextField(max_length=64, required=False)


class ConsultationSerializer(serializers.Serializer[Any]):
    """A consultation as a list shows it."""

    consultation_no = serializers.CharField()
    url = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    allowed_actions = serializers.ListField(child=serializers.CharField())
    app_id = serializers.CharField()
    upstream_id = serializers.CharField()
    trade_no = serializers.CharField()
    asked_at = serializers.DateTimeField()
    waiting_since = serializers.DateTimeField(
        allow_null=True, help_text=_("Since when a question has had no answer; none when all are answered.")
    )
    answered_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    complaint_no = serializers.CharField(allow_null=True, help_text=_("The complaint that it became."))


class ConsultationLineSerializer(serializers.Serializer[Any]):
    """One thing that was said or done."""

    verb = serializers.ChoiceField(ConsultationLine.Verb.choices)
    role = serializers.ChoiceField(["merchant", "consumer", "platform"])
    by = serializers.CharField()
    text = serializers.CharField()
    pictures = PictureSerializer(many=True)
    at = serializers.DateTimeField()


class WholeConsultationSerializer(ConsultationSerializer):
    """A consultation with all that was said."""

    merchant = serializers.CharField()
    mini_program = serializers.CharField()
    text = serializers.CharField()
    consumer = ConsumerSerializer()
    pictures = PictureSerializer(many=True)
    lines = ConsultationLineSerializer(many=True, help_text=_("Oldest first."))


class ConsultationPageSerializer(NeighboursSerializer):
    """A page of consultations, newest first."""

    results = ConsultationSerializer(many=True)


class BecameSerializer(serializers.Serializer[Any]):
    """The complaint that a consultation became."""

    complaint_no = serializers.CharField()
    url = serializers.CharField()


def actions_of(actor: Actor) -> frozenset[str]:
    """Return the moves that are this actor's to make on any consultation that they see."""
    return frozenset(verb for verb in WHO_MAY if may(actor, verb))


def consultation_document(consultation: Consultation, own_actions: Iterable[str]) -> dict[str, Any]:
    """Return what `ConsultationSerializer` describes."""
    return {
        "consultation_no": consultation.consultation_no,
        "url": reverse("api:consultation", args=[consultation.consultation_no]),
        "status": consultation.status,
        "allowed_actions": [verb for verb in CONSULTATION.allowed(consultation.status) if verb in own_actions],
        "app_id": consultation.mini_program.app_id,
        "upstream_id": consultation.upstream_id,
        "trade_no": consultation.trade_no,
        "asked_at": utc(consultation.asked_at),
        "waiting_since": utc(consultation.waiting_since),
        "answered_at": utc(consultation.answered_at),
        "closed_at": utc(consultation.closed_at),
        "complaint_no": consultation.complaint.complaint_no if consultation.complaint else None,
    }


def whole_document(consultation: Consultation, own_actions: Iterable[str]) -> dict[str, Any]:
    """Return what `WholeConsultationSerializer` describes, of a consultation that `with_everything` fetched."""
    return consultation_document(consultation, own_actions) | {
        "merchant": consultation.merchant.name,
        "mini_program": consultation.mini_program.name,
        "text": consultation.text,
        "consumer": {
            "reference": consultation.consumer_reference,
            "name": consultation.consumer_name,
            "phone": consultation.consumer_phone,
        },
        "pictures": [picture_document(picture) for picture in consultation.pictures.all()],
        "lines": [
            {
                "verb": line.verb,
                "role": line.role,
                "by": line.actor_name,
                "text": line.text,
                "pictures": [picture_document(picture) for picture in line.evidence.all()],
                "at": utc(line.at),
            }
            for line in consultation.lines.all()
        ],
    }


NO = "2026112008413962032760335636"
COMPLAINT_NO = "2026112101042719483756201948"
_ASKED: dict[str, Any] = {
    "consultation_no": NO,
    "url": f"/api/v1/consultations/{NO}/",
    "status": "open",
    "allowed_actions": ["ask", "close", "complain"],
    "app_id": "2021004100000001",
    "upstream_id": "ask-7741",
    "trade_no": "2026111822001400001234567890",
    "asked_at": "2026-11-20T02:00:00Z",
    "waiting_since": "2026-11-20T02:00:00Z",
    "answered_at": None,
    "closed_at": None,
    "complaint_no": None,
}
_QUESTION = "I ordered on Friday. When will it be sent?"
_CONSUMER = {"reference": "", "name": "Han Meimei", "phone": "13800001234"}
_REPLY = {
    "verb": "reply",
    "role": "merchant",
    "by": "Li Lei",
    "text": "It left today with SF Express 1234.",
    "pictures": [],
    "at": "2026-11-20T04:00:00Z",
}
_ANSWERED = _ASKED | {"status": "answered", "waiting_since": None, "answered_at": "2026-11-20T04:00:00Z"}
ASKING = OpenApiExample(
    "Is the parcel on its way?",
    value={
        "app_id": "2021004100000001",
        "text": _QUESTION,
        "trade_no": "2026111822001400001234567890",
        "consumer": {"name": "Han Meimei", "phone": "13800001234"},
        "upstream_id": "ask-7741",
    },
    request_only=True,
)
ASKED = OpenApiExample("It waits for an answer", value=_ASKED, response_only=True)
PAGE = OpenApiExample(
    "The last page", value={"results": [_ANSWERED], "next": None, "previous": None}, response_only=True
)
SAID = OpenApiExample("It is on its way", value={"text": "It left today with SF Express 1234."}, request_only=True)
ASKED_AGAIN = OpenApiExample("Nothing came", value={"text": "It did not arrive. Where is it?"}, request_only=True)
WHOLE = OpenApiExample(
    "It was answered",
    value=_ANSWERED
    | {
        "merchant": "Qinghe Fruit",
        "mini_program": "Qinghe Fruit Shop",
        "text": _QUESTION,
        "consumer": _CONSUMER,
        "pictures": [],
        "lines": [_REPLY],
    },
    response_only=True,
)
BECOMING = OpenApiExample(
    "Nothing came",
    value={
        "trade_no": "2026111822001400001234567890",
        "trade_amount": "128.00",
        "dispute_type": "not delivered",
        "demand": "refund",
        "description": "The parcel never came.",
    },
    request_only=True,
)
BECAME = OpenApiExample(
    "It is a complaint",
    value={"complaint_no": COMPLAINT_NO, "url": f"/api/v1/complaints/{COMPLAINT_NO}/"},
    response_only=True,
)
