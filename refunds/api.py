"""The API of pending refunds: look, refund, refuse; look at refunds, and at the claims that staff rule on."""

from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Conflict
from common.keyset import Segment
from common.problems import BadHeader
from complaints.api import WITH_PICTURES
from evidence.api import keep_sent_pictures
from evidence.models import Evidence
from merchants.api import ApiView
from merchants.idempotency import HEADER, OtherRequest, read_key
from merchants.listing import narrowed
from refunds import examples, services
from refunds.api_queries import with_all
from refunds.documents import (
    ELSEWHERE,
    NoRefundClaimPageSerializer,
    NoRefundClaimSerializer,
    RefundCasePageSerializer,
    RefundPageSerializer,
    RefundSerializer,
    WholeRefundCaseSerializer,
    case_documents,
    claim_document,
    refund_documents,
    whole_case_document,
)
from refunds.models import Channel, NoRefundClaim, Refund, RefundCase
from refunds.permissions import require, visible_claims, visible_refunds
from refunds.queries import listed
from refunds.serializers import (
    CasesWantedSerializer,
    ClaimsWantedSerializer,
    RefundGivenSerializer,
    RefundsWantedSerializer,
    RefusalSerializer,
)

TAGS = ["Pending refunds"]


class RefundApiView(ApiView):
    """What the views of pending refunds, refunds and claims have in common."""

    blind = _("This key may not see pending refunds. Make one with the grant “view”.")

    def seen(self) -> QuerySet[RefundCase]:
        """Return the pending refunds that exist for this key. Refuses a merchant's key that may not look at all."""
        self.require_sight()
        return listed(self.actor).select_related("merchant").defer("complaint__description")

    def seen_refunds(self) -> QuerySet[Refund]:
        """Return the refunds that exist for this key, with all that their documents say."""
        self.require_sight()
        return with_all(visible_refunds(self.actor).select_related("trade"))

    def seen_claims(self) -> QuerySet[NoRefundClaim]:
        """Return the no-refund claims that exist for this key, with all that their documents say."""
        self.require_sight()
        return with_all(visible_claims(self.actor))

    def keep(self, pictures: list[dict[str, str]], case: RefundCase) -> list[Evidence]:
        """Keep the pictures that were sent about a pending refund."""
        return keep_sent_pictures(
            pictures,
            platform_id=self.actor.own_platform_id,
            merchant_id=case.merchant_id,
            actor=self.actor,
            now=self.now,
        )

    def document(self, case: RefundCase) -> dict[str, Any]:
        """Return the document of a pending refund with all that belongs to it, as it is now."""
        return whole_case_document(self.seen().get(pk=case.pk), self.actor, now=self.now)


class RefundCasesView(RefundApiView):
    """Pending refunds."""

    @extend_schema(
        operation_id="refund_cases_list",
        summary=_("List pending refunds"),
        parameters=[CasesWantedSerializer],
        responses=RefundCasePageSerializer,
        examples=[examples.CASE_PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of pending refunds, newest first: a platform's, or one merchant's. “next” leads to others."""
        wanted = self.wanted(CasesWantedSerializer)
        rows = narrowed(self.seen(), wanted, CASE_NAMES)
        return self.page([Segment(rows, "-opened_at")], wanted, lambda rows: case_documents(rows, self.actor))


CASE_NAMES = {
    "status": "status__in",
    "app_id": "mini_program__app_id",
    "complaint_no": "complaint__complaint_no",
    "trade_no": "complaint__trade_no",
    "opened_after": "opened_at__gte",
    "opened_before": "opened_at__lt",
    "refund_by_before": "refund_by__lt",
}


class RefundCaseView(RefundApiView):
    """One pending refund."""

    @extend_schema(
        operation_id="refund_cases_show",
        summary=_("One pending refund with all that belongs to it"),
        responses=WholeRefundCaseSerializer,
        examples=[examples.CASE],
        tags=TAGS,
    )
    def get(self, request: Request, case_no: str) -> Response:
        """Return the pending refund: what is still due, its refunds and claims, and how the fund would pay the rest."""
        return Response(self.document(get_object_or_404(self.seen(), case_no=case_no)))


class RefundView(RefundApiView):
    """Refunds of one pending refund."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="refund_cases_refund",
        summary=_("Refund what is due, or a part of it"),
        request=RefundGivenSerializer,
        responses={201: RefundSerializer},
        examples=[examples.FROM_FUND, examples.ELSEWHERE, examples.REFUNDED, examples.PROCESSING],
        tags=TAGS,
    )
    def post(self, request: Request, case_no: str) -> Response:
        """Refund from the guarantee fund, through the trade refund API, or say that it was refunded elsewhere.

        Needs an idempotency key: it names the wish for good, also after its day, and moves money once. What a payment
        system has to do or to confirm is “processing”: look at the refund again, or follow its events. Once all is
        refunded, the pending refund and the complaint are finished. For merchant keys with the grant “refund”.

        Refuses: a fund that is short (409, “fund_short”), an amount above the rest, a refund elsewhere without number
        or proof, a number that was recorded before, and a pending refund that is not due.
        """
        case = get_object_or_404(self.seen(), case_no=case_no)
        require(self.actor, "refund", case.merchant_id)
        request_key = self.request_key()
        given = self.read(RefundGivenSerializer)
        wish = services.RefundInput(
            channel=given["channel"],
            amount=given["amount"],
            request_key=request_key,
            reference=given["reference"],
            evidence=self.keep(given["pictures"], case),
        )
        try:
            made = services.refund(case.pk, wish, actor=self.actor, now=self.now)
        except Conflict as refusal:
            if refusal.code == "request_key_used":
                raise OtherRequest from refusal
            raise
        (document,) = refund_documents(self.seen_refunds().filter(pk=made.pk))
        return Response(document, status=HTTPStatus.CREATED, headers={"Location": document["url"]})

    def request_key(self) -> str:
        """Return what names the wish for good: the idempotency key, apart from those of other keys and of pages."""
        key = read_key(self.request.headers.get(HEADER))
        if key is None:
            raise BadHeader(
                _("A refund needs an idempotency key, so that it moves money once however often it is sent."),
                field=HEADER,
                code="idempotency_key_missing",
            )
        return f"api-{self.actor.id}-{sha256(key.encode()).hexdigest()[:32]}"


class RefuseView(RefundApiView):
    """The refusal of a pending refund."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="refund_cases_refuse",
        summary=_("Refuse a pending refund"),
        request=RefusalSerializer,
        responses={201: NoRefundClaimSerializer},
        examples=[examples.REFUSAL, examples.REFUSED],
        tags=TAGS,
    )
    def post(self, request: Request, case_no: str) -> Response:
        """Refuse to refund, with a text and pictures: the clock stops, and staff rule. It can be refused once only.

        Overruled, the refund is due again with its whole time. For merchant keys with the grant “refund”.
        """
        case = get_object_or_404(self.seen(), case_no=case_no)
        require(self.actor, "refuse", case.merchant_id)
        given = self.read(RefusalSerializer)
        evidence = self.keep(given["pictures"], case)
        claim = services.refuse(case.pk, given["text"], evidence=evidence, actor=self.actor, now=self.now)
        document = claim_document(self.seen_claims().get(pk=claim.pk))
        return Response(document, status=HTTPStatus.CREATED, headers={"Location": document["url"]})


class RefundsView(RefundApiView):
    """Refunds to consumers."""

    @extend_schema(
        operation_id="refunds_list",
        summary=_("List refunds"),
        parameters=[RefundsWantedSerializer],
        responses=RefundPageSerializer,
        examples=[examples.REFUND_PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of refunds, newest first, also of those made by handling a complaint."""
        wanted = self.wanted(RefundsWantedSerializer)
        rows = narrowed(self.seen_refunds(), wanted, REFUND_NAMES)
        return self.page([Segment(rows, "-requested_at")], wanted, refund_documents)


REFUND_NAMES = {
    "status": "status__in",
    "channel": "channel__in",
    "refund_no": "refund_no",
    "case_no": "refund_case__case_no",
    "complaint_no": "complaint__complaint_no",
    "requested_after": "requested_at__gte",
    "requested_before": "requested_at__lt",
}


class OneRefundView(RefundApiView):
    """One refund."""

    @extend_schema(
        operation_id="refunds_show",
        summary=_("One refund"),
        responses=RefundSerializer,
        examples=[examples.REFUND],
        tags=TAGS,
    )
    def get(self, request: Request, refund_no: str) -> Response:
        """Return the refund with this number, and how far it is.

        Numbers that were given elsewhere can stand twice: then it is the newest one. The “url” of a refund always leads
        to that very one.
        """
        if not refund_no.isprintable():  # the database takes no NUL
            raise Http404
        rows = self.seen_refunds()
        pk = refund_no.removeprefix(ELSEWHERE)
        if pk != refund_no and pk.isdecimal() and len(pk) < 19:
            rows = rows.filter(pk=int(pk), channel=Channel.ELSEWHERE)
        else:
            rows = rows.filter(refund_no=refund_no)
        found = refund_documents(rows.order_by("-requested_at", "-pk")[:1])
        if not found:
            raise Http404
        return Response(found[0])


class ClaimsView(RefundApiView):
    """No-refund claims."""

    @extend_schema(
        operation_id="no_refund_claims_list",
        summary=_("List no-refund claims"),
        parameters=[ClaimsWantedSerializer],
        responses=NoRefundClaimPageSerializer,
        examples=[examples.CLAIM_PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of claims, newest first. Handling a complaint without a refund opens one, as a refusal does."""
        wanted = self.wanted(ClaimsWantedSerializer)
        rows = narrowed(self.seen_claims(), wanted, CLAIM_NAMES)
        return self.page([Segment(rows, "-submitted_at")], wanted, lambda rows: [claim_document(row) for row in rows])


CLAIM_NAMES = {
    "status": "status__in",
    "case_no": "refund_case__case_no",
    "complaint_no": "complaint__complaint_no",
    "submitted_after": "submitted_at__gte",
    "submitted_before": "submitted_at__lt",
}


class ClaimView(RefundApiView):
    """One no-refund claim."""

    @extend_schema(
        operation_id="no_refund_claims_show",
        summary=_("One no-refund claim"),
        responses=NoRefundClaimSerializer,
        examples=[examples.RULED],
        tags=TAGS,
    )
    def get(self, request: Request, claim_id: int) -> Response:
        """Return the claim: what was said and proved, by when staff review it, and what they ruled and why."""
        return Response(claim_document(get_object_or_404(self.seen_claims(), pk=claim_id)))
