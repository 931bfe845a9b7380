"""The API of consultations: ask, look, reply, ask again, close, complain."""

from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.keyset import Segment
from complaints.api import WITH_PICTURES
from complaints.consultations import services
from complaints.consultations.documents import (
    ASKED,
    ASKED_AGAIN,
    ASKING,
    BECAME,
    BECOMING,
    PAGE,
    SAID,
    WHOLE,
    BecameSerializer,
    BecomeSerializer,
    ConsultationPageSerializer,
    ConsultationSerializer,
    ConsultationsWantedSerializer,
    QuestionSerializer,
    SaidSerializer,
    WholeConsultationSerializer,
    actions_of,
    consultation_document,
    whole_document,
)
from complaints.consultations.permissions import require, visible_to
from complaints.consultations.queries import with_everything
from complaints.intake import Filing
from complaints.models import Consultation
from evidence.api import keep_sent_pictures
from evidence.models import Evidence
from merchants.api import ApiView
from merchants.listing import narrowed

TAGS = ["Consultations"]
NAMES = {
    "status": "status__in",
    "asked_after": "asked_at__gte",
    "asked_before": "asked_at__lt",
    "app_id": "mini_program__app_id",
}


class ConsultationApiView(ApiView):
    """What the views of consultations have in common."""

    blind = _("This key may not see consultations. Make one with the grant “view”.")

    def seen(self) -> QuerySet[Consultation]:
        """Return the consultations that exist for this key. Refuses a merchant's key that may not look at all."""
        self.require_sight()
        return visible_to(self.actor)

    def consultation(self, consultation_no: str) -> Consultation:
        """Return one consultation; what belongs to others does not exist."""
        return get_object_or_404(self.seen(), consultation_no=consultation_no)

    def whole(self, consultation: Consultation) -> Response:
        """Answer with a consultation and all that was said, as it is now."""
        found = with_everything(self.actor).get(pk=consultation.pk)
        return Response(whole_document(found, actions_of(self.actor)))

    def keep(self, pictures: list[dict[str, str]], consultation: Consultation) -> list[Evidence]:
        """Keep the pictures that were sent about a consultation."""
        whose = {"platform_id": consultation.platform_id, "merchant_id": consultation.merchant_id}
        return keep_sent_pictures(pictures, **whose, actor=self.actor, now=self.now)


class ConsultationsView(ConsultationApiView):
    """Consultations: those that are there, and a new one."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="consultations_list",
        summary=_("List consultations"),
        parameters=[ConsultationsWantedSerializer],
        responses=ConsultationPageSerializer,
        examples=[PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of consultations, newest first: a platform's, or one merchant's. “next” leads to the others."""
        wanted = self.wanted(ConsultationsWantedSerializer)
        rows = narrowed(self.seen(), wanted, NAMES).select_related("mini_program", "complaint")
        actions = actions_of(self.actor)
        return self.page(
            [Segment(rows, "-asked_at")], wanted, lambda rows: [consultation_document(row, actions) for row in rows]
        )

    @extend_schema(
        operation_id="consultations_ask",
        summary=_("Ask a merchant"),
        request=QuestionSerializer,
        responses={
            201: OpenApiResponse(ConsultationSerializer, _("It waits for an answer.")),
            200: OpenApiResponse(
                ConsultationSerializer, _("Asked before with the same upstream id: this is the first one.")
            ),
        },
        examples=[ASKING, ASKED],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Open a consultation for a consumer. No deadline runs. For platform keys.

        Refuses: an app id that is not the platform's, no question, and a picture that is not one.
        """
        actor = self.actor
        require(actor, "ask")
        given = QuestionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        pictures = given.validated_data["pictures"]
        asked = services.ask(given.to_question(), platform_id=actor.own_platform_id, actor=actor, now=self.now)
        consultation = asked.consultation
        if asked.is_new and pictures:
            consultation.pictures.set(self.keep(pictures, consultation))
        document = consultation_document(consultation, actions_of(actor))
        status = HTTPStatus.CREATED if asked.is_new else HTTPStatus.OK
        return Response(document, status=status, headers={"Location": document["url"]})


class ConsultationView(ConsultationApiView):
    """One consultation."""

    @extend_schema(
        operation_id="consultations_show",
        summary=_("One consultation with all that was said"),
        responses=WholeConsultationSerializer,
        examples=[WHOLE],
        tags=TAGS,
    )
    def get(self, request: Request, consultation_no: str) -> Response:
        """Return the consultation with its pictures and everything that was said."""
        return self.whole(self.consultation(consultation_no))


class ReplyView(ConsultationApiView):
    """How a merchant replies."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="consultations_reply",
        summary=_("Reply to a consultation"),
        request=SaidSerializer,
        responses=WholeConsultationSerializer,
        examples=[SAID, WHOLE],
        tags=TAGS,
    )
    def post(self, request: Request, consultation_no: str) -> Response:
        """Reply; the consumer reads it on their page. For merchant keys with the grant “handle”."""
        consultation = self.consultation(consultation_no)
        require(self.actor, "reply", consultation)
        given = self.read(SaidSerializer)
        evidence = self.keep(given["pictures"], consultation)
        services.reply(consultation.pk, given["text"], evidence=evidence, actor=self.actor, now=self.now)
        return self.whole(consultation)


class AskAgainView(ConsultationApiView):
    """What the consumer says besides."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="consultations_ask_again",
        summary=_("Ask again"),
        request=SaidSerializer,
        responses=WholeConsultationSerializer,
        examples=[ASKED_AGAIN, WHOLE],
        tags=TAGS,
    )
    def post(self, request: Request, consultation_no: str) -> Response:
        """Say more for the consumer; the consultation waits for an answer again. For platform keys."""
        consultation = self.consultation(consultation_no)
        require(self.actor, "ask", consultation)
        given = self.read(SaidSerializer)
        evidence = self.keep(given["pictures"], consultation)
        services.ask_again(consultation.pk, given["text"], evidence=evidence, actor=self.actor, now=self.now)
        return self.whole(consultation)


class CloseConsultationView(ConsultationApiView):
    """Nothing more is to be said."""

    @extend_schema(
        operation_id="consultations_close",
        summary=_("Close a consultation"),
        request=None,
        responses=WholeConsultationSerializer,
        examples=[WHOLE],
        tags=TAGS,
    )
    def post(self, request: Request, consultation_no: str) -> Response:
        """Close the consultation. For platform keys, and merchant keys with the grant “handle”."""
        consultation = self.consultation(consultation_no)
        require(self.actor, "close", consultation)
        services.close(consultation.pk, actor=self.actor, now=self.now)
        return self.whole(consultation)


class ComplainView(ConsultationApiView):
    """The consumer complains after all."""

    @extend_schema(
        operation_id="consultations_complain",
        summary=_("Make a complaint of a consultation"),
        request=BecomeSerializer,
        responses={201: BecameSerializer},
        examples=[BECOMING, BECAME],
        tags=TAGS,
    )
    def post(self, request: Request, consultation_no: str) -> Response:
        """File a complaint that keeps what was said before; its clock starts now. For platform keys."""
        consultation = self.consultation(consultation_no)
        require(self.actor, "complain", consultation)
        complaint = services.complain(
            consultation.pk, _filing(consultation, self.read(BecomeSerializer)), actor=self.actor, now=self.now
        )
        document = {
            "complaint_no": complaint.complaint_no,
            "url": reverse("api:complaint", args=[complaint.complaint_no]),
        }
        return Response(document, status=HTTPStatus.CREATED, headers={"Location": document["url"]})


def _filing(consultation: Consultation, given: dict[str, Any]) -> Filing:
    """Return the filing; who the consumer is, as far as it is not said again, stands in the consultation."""
    consumer = given.pop("consumer", {})
    who = {
        f"consumer_{name}": consumer.get(name) or getattr(consultation, f"consumer_{name}")
        for name in ("reference", "name", "phone")
    }
    return Filing(app_id=consultation.mini_program.app_id, **given, **who)
