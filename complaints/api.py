"""The API of complaints: file, look, handle, talk, and what the consumer's side does through the platform."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.bodies import MEGABYTE
from complaints import examples, services
from complaints.consumer import links
from complaints.documents import (
    CaseSerializer,
    FiledSerializer,
    MessageDocumentSerializer,
    PageSerializer,
    actions_of,
    case_document,
    complaint_document,
    listed_document,
    message_document,
)
from complaints.intake import file_complaint
from complaints.methods import HandlingInput
from complaints.models import Complaint
from complaints.permissions import require, visible_to
from complaints.queries import listed, with_everything
from complaints.serializers import (
    ComplaintsWantedSerializer,
    FilingWithPicturesSerializer,
    HandleSerializer,
    MessageSerializer,
    OptionalReasonSerializer,
    ReasonSerializer,
    filing_of,
)
from evidence.api import keep_sent_pictures
from evidence.models import Evidence
from merchants.api import ApiView
from merchants.listing import looked_up

WITH_PICTURES = 64 * MEGABYTE
"""Nine pictures of 5 MB are 60 MB in base64."""
TAGS = ["Complaints"]


class ComplaintApiView(ApiView):
    """What the views of complaints have in common."""

    blind = _("This key may not see complaints. Make one with the grant “view”.")

    def seen(self) -> QuerySet[Complaint]:
        """Return the complaints that exist for this key. Refuses a merchant's key that may not look at all."""
        self.require_sight()
        return visible_to(self.actor)

    def complaint(self, complaint_no: str) -> Complaint:
        """Return one complaint; what belongs to others does not exist."""
        return get_object_or_404(self.seen(), complaint_no=complaint_no)

    def case(self, complaint: Complaint) -> dict[str, Any]:
        """Return the document of a complaint with all that belongs to it, as it is now."""
        return case_document(with_everything(self.actor).get(pk=complaint.pk), actions_of(self.actor))

    def keep(self, pictures: list[dict[str, str]], complaint: Complaint) -> list[Evidence]:
        """Keep the pictures that were sent about a complaint."""
        return keep_sent_pictures(
            pictures,
            platform_id=complaint.platform_id,
            merchant_id=complaint.merchant_id,
            actor=self.actor,
            now=self.now,
        )


class ComplaintsView(ComplaintApiView):
    """Complaints: those that are there, and a new one."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="complaints_list",
        summary=_("List complaints"),
        parameters=[ComplaintsWantedSerializer],
        responses=PageSerializer,
        examples=[examples.PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of complaints, newest first: a platform's, or one merchant's. “next” leads to the others."""
        wanted = self.wanted(ComplaintsWantedSerializer)
        self.require_sight()
        actions = actions_of(self.actor)
        lookups = looked_up(wanted, NAMES)
        return self.page(
            [listed(self.actor, lookups)], wanted, lambda rows: [listed_document(row, actions) for row in rows]
        )

    @extend_schema(
        operation_id="complaints_file",
        summary=_("File a complaint"),
        request=FilingWithPicturesSerializer,
        responses={
            201: OpenApiResponse(FiledSerializer, _("Filed; its clock runs.")),
            200: OpenApiResponse(FiledSerializer, _("Filed before with the same upstream id: this is the first one.")),
        },
        examples=[examples.FILING, examples.FILED],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """File a complaint about a trade of a mini program, and start its clock. For platform keys.

        Refuses: an app id that is not the platform's, an amount below zero or with more than two decimals, a refund
        asked above the trade's amount, a moment in the future, a picture that is not one.
        """
        actor = self.actor
        require(actor, "file")
        given = self.read(FilingWithPicturesSerializer)
        pictures = given.pop("pictures")
        filed = file_complaint(filing_of(given), platform_id=actor.own_platform_id, actor=actor, now=self.now)
        complaint = filed.complaint
        if filed.is_new and pictures:
            complaint.pictures.set(self.keep(pictures, complaint))
        # A complaint that was filed just now has a link that nobody can have renewed or ended: nothing to look up.
        url = (
            links.first_link(complaint, actor=actor, now=self.now)
            if filed.is_new
            else links.look_up(complaint, actor=actor, now=self.now).url
        )
        document = complaint_document(complaint, actions_of(actor)) | {"consumer_url": url}
        status = HTTPStatus.CREATED if filed.is_new else HTTPStatus.OK
        return Response(document, status=status, headers={"Location": document["url"]})


NAMES = {
    "status": "status__in",
    "filed_after": "filed_at__gte",
    "filed_before": "filed_at__lt",
    "app_id": "mini_program__app_id",
    "trade_no": "trade_no",
}


class ComplaintView(ComplaintApiView):
    """One complaint."""

    @extend_schema(
        operation_id="complaints_show",
        summary=_("One complaint with all that belongs to it"),
        responses=CaseSerializer,
        examples=[examples.CASE],
        tags=TAGS,
    )
    def get(self, request: Request, complaint_no: str) -> Response:
        """Return the complaint with its pictures, how it was handled, what was said and every move that was made."""
        self.seen()
        complaint = get_object_or_404(with_everything(self.actor), complaint_no=complaint_no)
        return Response(case_document(complaint, actions_of(self.actor)))


class HandleView(ComplaintApiView):
    """How a merchant handles a complaint."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="complaints_handle",
        summary=_("Handle a complaint"),
        request=HandleSerializer,
        responses=CaseSerializer,
        examples=[examples.HANDLING, examples.CASE],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Handle the complaint: in time, its clock stops; late, it must be handled all the same. For merchant keys.

        “fund_refund” and “other_refund” need an amount; the others need a note and a picture, and go to staff.
        """
        complaint = self.complaint(complaint_no)
        require(self.actor, "handle", complaint)
        given = self.read(HandleSerializer)
        evidence = tuple(self.keep(given.pop("pictures"), complaint))
        services.handle(complaint.pk, HandlingInput(**given, evidence=evidence), actor=self.actor, now=self.now)
        return Response(self.case(complaint))


class MessagesView(ComplaintApiView):
    """What both sides say to each other."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="complaints_leave_message",
        summary=_("Leave a message"),
        request=MessageSerializer,
        responses={201: MessageDocumentSerializer},
        examples=[examples.MESSAGE, examples.MESSAGE_LEFT],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Leave a message with the other side. It is not handling: it stops no clock.

        A platform key speaks for the consumer.
        """
        complaint = self.complaint(complaint_no)
        require(self.actor, "leave_message", complaint)
        given = self.read(MessageSerializer)
        evidence = self.keep(given["pictures"], complaint)
        message = services.leave_message(complaint.pk, given["text"], evidence=evidence, actor=self.actor, now=self.now)
        return Response(message_document(message), status=HTTPStatus.CREATED)


class MoveView(ComplaintApiView):
    """A move that the consumer's side makes; it takes a reason at most."""

    verb: ClassVar[str]
    move: ClassVar[Callable[..., Complaint]]

    def make(self, complaint_no: str, reason: type[serializers.Serializer[Any]] | None) -> Response:
        """Make the move, and return the complaint as it is then."""
        complaint = self.complaint(complaint_no)
        require(self.actor, self.verb, complaint)
        given = self.read(reason) if reason else {}
        type(self).move(complaint.pk, **given, actor=self.actor, now=self.now)
        return Response(self.case(complaint))


class ConfirmView(MoveView):
    """The consumer is content."""

    verb = "confirm"
    move = staticmethod(services.confirm)

    @extend_schema(
        operation_id="complaints_confirm",
        summary=_("Confirm that the problem is solved"),
        request=None,
        responses=CaseSerializer,
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Finish a handled complaint for the consumer. For platform keys."""
        return self.make(complaint_no, None)


class ContestView(MoveView):
    """The consumer is not content."""

    verb = "contest"
    move = staticmethod(services.contest)

    @extend_schema(
        operation_id="complaints_contest",
        summary=_("Contest how a complaint was handled"),
        request=ReasonSerializer,
        responses=CaseSerializer,
        examples=[examples.REASON],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Say for the consumer that the problem is not solved: staff look at the case. For platform keys."""
        return self.make(complaint_no, ReasonSerializer)


class CancelView(MoveView):
    """The consumer withdraws."""

    verb = "cancel"
    move = staticmethod(services.cancel)

    @extend_schema(
        operation_id="complaints_cancel",
        summary=_("Withdraw a complaint"),
        request=OptionalReasonSerializer,
        responses=CaseSerializer,
        examples=[examples.REASON],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Withdraw the complaint for the consumer. What was missed before stays missed. For platform keys."""
        return self.make(complaint_no, OptionalReasonSerializer)


class CloseView(MoveView):
    """The platform ends a case."""

    verb = "close"
    move = staticmethod(services.close)

    @extend_schema(
        operation_id="complaints_close",
        summary=_("Close a complaint on behalf of the platform"),
        request=ReasonSerializer,
        responses=CaseSerializer,
        examples=[examples.REASON],
        tags=TAGS,
    )
    def post(self, request: Request, complaint_no: str) -> Response:
        """Close the complaint. What was missed before stays missed. For platform keys."""
        return self.make(complaint_no, ReasonSerializer)
