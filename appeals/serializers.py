"""What programs send about appeals, and what they are told.

The serializers describe it; a plain function makes the documents, as with complaints.
"""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from appeals.models import Appeal, Proof
from appeals.permissions import may
from appeals.reasons import Reason
from appeals.services import DESCRIPTION_LIMIT
from appeals.states import APPEAL, Status
from common.actors import Actor
from common.moments import MomentField
from complaints.documents import utc
from complaints.serializers import TextField
from evidence.api import PictureSerializer, SentPictureSerializer, picture_document
from merchants.listing import NeighboursSerializer, PageWantedSerializer

ACTIONS = ("supplement", "withdraw")


class AppealsWantedSerializer(PageWantedSerializer):
    """Which appeals a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(
        choices=Status.choices, required=False, help_text=_("May be given several times.")
    )
    penalty_no = TextField(max_length=32, required=False)
    submitted_after = MomentField(required=False, help_text=_("Submitted at this moment or later."))
    submitted_before = MomentField(required=False, help_text=_("Submitted before this moment."))


class EvidenceGivenSerializer(serializers.Serializer[dict[str, Any]]):
    """New pictures, and pictures that the case has already."""

    pictures = SentPictureSerializer(many=True, required=False, default=list)
    evidence = serializers.ListField(
        child=TextField(max_length=64),
        required=False,
        default=list,
        max_length=100,
        help_text=_("Pictures that were given before, each by the last part of its address."),
    )


class SubmitSerializer(EvidenceGivenSerializer):
    """An appeal: at least one picture, new or given before, and a description."""

    description = TextField(
        max_length=DESCRIPTION_LIMIT, help_text=_("How the consumer's problem was solved, or how the refund stands.")
    )
    proofs = serializers.ListField(
        child=serializers.ChoiceField(Proof.choices),
        required=False,
        default=list,
        help_text=_("What the pictures prove, of what is named for this type of penalty."),
    )
    knowingly = serializers.BooleanField(
        required=False,
        default=False,
        help_text=_("True to appeal although the problem seems unsolved; without it such an appeal is refused."),
    )


class SupplementSerializer(EvidenceGivenSerializer):
    """What staff asked for: a text, pictures, or both."""

    text = TextField(max_length=DESCRIPTION_LIMIT, required=False, allow_blank=True, default="")


class AppealSerializer(serializers.Serializer[Any]):
    """An appeal, how far it is, and what was decided."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    penalty_no = serializers.CharField()
    penalty_url = serializers.CharField()
    attempt = serializers.IntegerField()
    status = serializers.ChoiceField(Status.choices)
    allowed_actions = serializers.ListField(
        child=serializers.ChoiceField(ACTIONS), help_text=_("What this key may do with the appeal now.")
    )
    description = serializers.CharField()
    proofs = serializers.ListField(child=serializers.ChoiceField(Proof.choices))
    pictures = PictureSerializer(many=True)
    unsolved_knowingly = serializers.BooleanField(help_text=_("It was submitted although the problem seemed unsolved."))
    submitted_at = serializers.DateTimeField()
    submitted_by = serializers.CharField()
    review_by = serializers.DateTimeField(help_text=_("The end of the working day by which staff review it."))
    review_is_provisional = serializers.BooleanField(
        help_text=_("The public holidays of that time are not published yet: it may move, only ever later.")
    )
    asked_at = serializers.DateTimeField(allow_null=True)
    asked_reason_code = serializers.ChoiceField(
        Reason.choices, allow_blank=True, help_text=_("Why staff last asked for more evidence.")
    )
    asked_for = serializers.CharField(help_text=_("What staff last asked the merchant for; a decision leaves it."))
    supplement_by = serializers.DateTimeField(allow_null=True)
    supplement = serializers.CharField()
    supplement_pictures = PictureSerializer(many=True)
    supplemented_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reason_code = serializers.ChoiceField(Reason.choices, allow_blank=True, help_text=_("Why staff decided so."))
    message = serializers.CharField(help_text=_("What staff say to the merchant about their decision."))


class AppealPageSerializer(NeighboursSerializer):
    """A page of appeals, newest first."""

    results = AppealSerializer(many=True)


def appeal_document(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Return what `AppealSerializer` describes, for whoever asks. Who of the staff decided stays with the platform."""
    penalty_no = appeal.penalty.penalty_no
    return {
        "id": appeal.pk,
        "url": reverse("api:appeal", args=[appeal.pk]),
        "penalty_no": penalty_no,
        "penalty_url": reverse("api:penalty", args=[penalty_no]),
        "attempt": appeal.attempt,
        "status": appeal.status,
        "allowed_actions": [
            verb for verb in APPEAL.allowed(appeal.status) if verb in ACTIONS and may(actor, verb, appeal)
        ],
        "description": appeal.description,
        "proofs": appeal.proofs,
        "pictures": [picture_document(picture) for picture in appeal.evidence.all()],
        "unsolved_knowingly": appeal.unsolved_knowingly,
        "submitted_at": utc(appeal.submitted_at),
        "submitted_by": appeal.actor_name,
        "review_by": utc(appeal.review_by),
        "review_is_provisional": appeal.is_provisional,
        "asked_at": utc(appeal.asked_at),
        "asked_reason_code": appeal.asked_reason_code,
        "asked_for": appeal.asked_for,
        "supplement_by": utc(appeal.supplement_by),
        "supplement": appeal.supplement,
        "supplement_pictures": [picture_document(picture) for picture in appeal.supplement_evidence.all()],
        "supplemented_at": utc(appeal.supplemented_at),
        "decided_at": utc(appeal.decided_at),
        "reason_code": appeal.reason_code,
        "message": appeal.message,
    }


_APPEAL: dict[str, Any] = {
    "id": 4812,
    "url": "/api/v1/appeals/4812/",
    "penalty_no": "2026112402000000000000004711",
    "penalty_url": "/api/v1/penalties/2026112402000000000000004711/",
    "attempt": 1,
    "status": "submitted",
    "allowed_actions": ["withdraw"],
    "description": "已于 11 月 24 日全额退款，用户短信确认问题已解决。",
    "proofs": ["refund_record", "consumer_confirmation"],
    "pictures": [],
    "unsolved_knowingly": False,
    "submitted_at": "2026-11-24T06:00:00Z",
    "submitted_by": "shop backend",
    "review_by": "2026-11-27T15:59:59.999999Z",
    "review_is_provisional": False,
    "asked_at": None,
    "asked_reason_code": "",
    "asked_for": "",
    "supplement_by": None,
    "supplement": "",
    "supplement_pictures": [],
    "supplemented_at": None,
    "decided_at": None,
    "reason_code": "",
    "message": "",
}
SUBMITTED = OpenApiExample("A new appeal", value=_APPEAL, response_only=True, status_codes=["201"])
PAGE = OpenApiExample("The last page", value={"results": [_APPEAL], "next": None, "previous": None}, response_only=True)
SUBMIT = OpenApiExample(
    "With a picture that the case has already",
    value={
        "description": _APPEAL["description"],
        "proofs": _APPEAL["proofs"],
        "evidence": ["0f5b2c4e9d6a48f7b1c3d5e7f9a1b3c5"],
        "knowingly": False,
    },
    request_only=True,
)
