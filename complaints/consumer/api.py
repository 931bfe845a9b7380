"""The links to consumers' pages for the platform's systems, which hand them to the consumers: look, renew, end."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from complaints.consultations import permissions as consultations
from complaints.consumer import links
from complaints.consumer.links import Case, Link
from complaints.documents import utc
from complaints.examples import CONSUMER_URL
from complaints.models import Complaint, Consultation
from complaints.permissions import visible_to
from merchants.api import ApiView

TAGS = ["Links to consumers' pages"]


class LinkSerializer(serializers.Serializer[Any]):
    """The link to a consumer's page as it is now."""

    consumer_url = serializers.CharField(
        allow_null=True,
        help_text=_("Whoever has it speaks as the consumer: hand it to nobody else. None once it is ended."),
    )
    good_until = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


LINK = OpenApiExample(
    "A link that opens",
    value={"consumer_url": CONSUMER_URL, "good_until": "2027-05-19T02:00:00Z", "ended_at": None},
    response_only=True,
)
ENDED = OpenApiExample(
    "A link that is ended",
    value={"consumer_url": None, "good_until": None, "ended_at": "2026-11-22T08:15:00Z"},
    response_only=True,
)


def link_document(link: Link) -> dict[str, Any]:
    """Return what `LinkSerializer` describes."""
    return {"consumer_url": link.url, "good_until": utc(link.good_until), "ended_at": utc(link.ended_at)}


class LinkView(ApiView):
    """The link of one case."""

    blind = _("This key may not see complaints. Make one with the grant “view”.")

    def complaint(self, complaint_no: str) -> Complaint:
        """Return one complaint; what belongs to others does not exist."""
        self.require_sight()
        return get_object_or_404(visible_to(self.actor), complaint_no=complaint_no)

    def consultation(self, consultation_no: str) -> Consultation:
        """Return one consultation; what belongs to others does not exist."""
        self.require_sight()
        return get_object_or_404(consultations.visible_to(self.actor), consultation_no=consultation_no)

    def look(self, case: Case) -> Response:
        """Answer with the link as it is now. Refuses every key but a platform's."""
        return Response(link_document(links.look_up(case, actor=self.actor, now=self.now)))

    def renew(self, case: Case) -> Response:
        """Make a new link, and answer with it."""
        links.renew(case, actor=self.actor, now=self.now)
        return self.look(case)

    def end(self, case: Case) -> Response:
        """End every link, and answer that they are."""
        links.end(case, actor=self.actor, now=self.now)
        return self.look(case)


class ComplaintLinkView(LinkView):
    """The link of a complaint."""

    @extend_schema(
        operation_id="complaints_consumer_link",
        summary=_("The link to the consumer's page of a complaint"),
        responses=LinkSerializer,
        examples=[LINK, ENDED],
        tags=TAGS,
    )
    def get(self, request: Request, complaint_no: str) -> Response:
        """Return the link to hand to the consumer; each answer's is good for another 180 days. For platform keys."""
        return self.look(self.complaint(complaint_no))


class RenewComplaintLinkView(LinkView):
    """A new link of a complaint."""

    @extend_schema(
        operation_id="complaints_consumer_link_renew",
        summary=_("Renew the link to the consumer's page of a complaint"),
        request=None,
        responses=LinkSerializer,
        examples=[LINK],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Make a new link, also after the links were ended; those before open nothing any more. For platform keys."""
        return self.renew(self.complaint(complaint_no))


class EndComplaintLinkView(LinkView):
    """No link of a complaint any more."""

    @extend_schema(
        operation_id="complaints_consumer_link_end",
        summary=_("End the links to the consumer's page of a complaint"),
        request=None,
        responses=LinkSerializer,
        examples=[ENDED],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Let no link open the page until it is renewed. The case itself goes on. For platform keys."""
        return self.end(self.complaint(complaint_no))


class ConsultationLinkView(LinkView):
    """The link of a consultation."""

    @extend_schema(
        operation_id="consultations_consumer_link",
        summary=_("The link to the consumer's page of a consultation"),
        responses=LinkSerializer,
        examples=[LINK, ENDED],
        tags=TAGS,
    )
    def get(self, request: Request, consultation_no: str) -> Response:
        """Return the link to hand to the consumer; each answer's is good for another 180 days. For platform keys."""
        return self.look(self.consultation(consultation_no))


class RenewConsultationLinkView(LinkView):
    """A new link of a consultation."""

    @extend_schema(
        operation_id="consultations_consumer_link_renew",
        summary=_("Renew the link to the consumer's page of a consultation"),
        request=None,
        responses=LinkSerializer,
        examples=[LINK],
        tags=TAGS,
    )
    def post(self, request: Request, consultation_no: str) -> Response:
        """Make a new link, also after the links were ended; those before open nothing any more. For platform keys."""
        return self.renew(self.consultation(consultation_no))


class EndConsultationLinkView(LinkView):
    """No link of a consultation any more."""

    @extend_schema(
        operation_id="consultations_consumer_link_end",
        summary=_("End the links to the consumer's page of a consultation"),
        request=None,
        responses=LinkSerializer,
        examples=[ENDED],
        tags=TAGS,
    )
    def post(self, request: Request, consultation_no: str) -> Response:
        """Let no link open the page until it is renewed. For platform keys."""
        return self.end(self.consultation(consultation_no))
