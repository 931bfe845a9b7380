"""The API of the guarantee plan, for merchant keys with the grant “fund”: join, look, top up, read the statement."""

from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.actors import ActorKind
from common.errors import IllegalMove, NotAllowed, PortalError
from common.keyset import Segment
from merchants.api import ApiView
from merchants.listing import narrowed
from merchants.models import Grant
from refunds import examples, services
from refunds.gateways import payment_gateway
from refunds.models import GuaranteeAccount, TopUp
from refunds.permissions import require, visible_accounts
from refunds.plan_documents import (
    GuaranteeAccountSerializer,
    StatementPageSerializer,
    TopUpPageSerializer,
    TopUpToPaySerializer,
    account_document,
    line_documents,
    top_up_documents,
)
from refunds.plan_queries import Days, statement_page
from refunds.serializers import StatementWantedSerializer, TopUpGivenSerializer, TopUpsWantedSerializer
from refunds.top_ups import pay_by

TAGS = ["Guarantee plan"]


class NotEnrolled(PortalError):
    """The merchant has no place in the guarantee plan, so there is nothing to look at."""

    status = HTTPStatus.NOT_FOUND
    code = "not_enrolled"


class PlanApiView(ApiView):
    """What the views of the guarantee plan have in common. Platform keys have no part in it."""

    sight = Grant.FUND
    blind = _("This key may not use the guarantee plan. Make one with the grant “fund”.")

    def require_sight(self) -> None:
        """Refuse a platform's key, and a merchant's without the grant."""
        if self.actor.kind != ActorKind.MERCHANT:
            raise NotAllowed(_("The guarantee fund is the merchant's own. It needs a merchant's key."))
        super().require_sight()

    def account(self) -> GuaranteeAccount:
        """Return the merchant's account. Refuses with `NotEnrolled` when there is none."""
        self.require_sight()
        account = visible_accounts(self.actor).first()
        if account is None:
            raise NotEnrolled(_("This merchant has not joined the guarantee plan."))
        return account

    def top_ups(self) -> QuerySet[TopUp]:
        """Return the top-ups of the merchant's account."""
        return TopUp.objects.filter(account=self.account())

    def to_pay(self, top_up: TopUp, return_to: str = "") -> dict[str, Any]:
        """Return the document of a top-up with the page on which it is paid, while it waits for that."""
        gateway = payment_gateway()
        address = None
        if gateway is not None and top_up.channel == TopUp.Channel.ONLINE and top_up.ask_at is not None:
            done = reverse("refunds:top_up_done", args=[top_up.number])
            address = gateway.pay_address(
                number=top_up.number,
                amount=top_up.amount,
                subject=str(_("Guarantee deposit of %(merchant)s") % {"merchant": top_up.account.merchant.name}),
                return_to=return_to or self.request.build_absolute_uri(f"{done}?returned=1"),
                until=pay_by(top_up),
            )
        (document,) = top_up_documents([top_up])
        return {**document, "pay_address": address}


class AccountView(PlanApiView):
    """The guarantee account."""

    @extend_schema(
        operation_id="guarantee_show",
        summary=_("The guarantee account"),
        responses=GuaranteeAccountSerializer,
        examples=[examples.ACCOUNT],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return what the account holds, and the bonus it can still get; 404 when the merchant has not joined."""
        return Response(account_document(self.account(), now=self.now))


class EnrolView(PlanApiView):
    """Joining the guarantee plan."""

    @extend_schema(
        operation_id="guarantee_enrol",
        summary=_("Join the guarantee plan"),
        request=None,
        responses={201: GuaranteeAccountSerializer},
        examples=[examples.JOINED],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Join the plan for the merchant. Joining twice is refused with 409."""
        self.require_sight()
        account = services.enrol(self.actor.own_merchant_id, actor=self.actor, now=self.now)
        return Response(
            account_document(account, now=self.now),
            status=HTTPStatus.CREATED,
            headers={"Location": reverse("api:guarantee")},
        )


class StatementView(PlanApiView):
    """The statement of the guarantee account."""

    @extend_schema(
        operation_id="guarantee_entries",
        summary=_("The statement of the guarantee account"),
        parameters=[StatementWantedSerializer],
        responses=StatementPageSerializer,
        examples=[examples.STATEMENT],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of the statement, newest first: what each transfer moved, and what was held after it."""
        wanted, account = self.wanted(StatementWantedSerializer), self.account()
        days = Days(wanted["first_day"], wanted["last_day"])
        page = statement_page(account.pk, days, cursor=wanted["cursor"], size=wanted["page_size"])
        return self.answer(page, line_documents)


class TopUpsView(PlanApiView):
    """Top-ups of the guarantee deposit."""

    @extend_schema(
        operation_id="top_ups_list",
        summary=_("List top-ups"),
        parameters=[TopUpsWantedSerializer],
        responses=TopUpPageSerializer,
        examples=[examples.TOP_UP_PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of top-ups, newest first: paid online, and bank transfers that staff recorded."""
        wanted = self.wanted(TopUpsWantedSerializer)
        rows = narrowed(self.top_ups(), wanted, NAMES)
        return self.page([Segment(rows, "-requested_at")], wanted, top_up_documents)

    @extend_schema(
        operation_id="top_ups_start",
        summary=_("Start an online top-up"),
        request=TopUpGivenSerializer,
        responses={201: TopUpToPaySerializer},
        examples=[examples.TOP_UP, examples.TOP_UP_STARTED],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Start to pay a top-up online: whoever pays opens “pay_address”. It is credited once the payment arrived.

        Refuses with 409 a merchant who has not joined the plan, and where online payment is not set up.
        """
        self.require_sight()
        require(self.actor, "top_up", self.actor.own_merchant_id)
        given = self.read(TopUpGivenSerializer)
        if payment_gateway() is None:
            raise IllegalMove(_("Online payment is not set up here. Top up by bank transfer."), code="no_gateway")
        top_up = services.start_online_top_up(
            self.actor.own_merchant_id, given["amount"], actor=self.actor, now=self.now
        )
        document = self.to_pay(top_up, given["return_to"])
        return Response(document, status=HTTPStatus.CREATED, headers={"Location": document["url"]})


NAMES = {"status": "status__in", "channel": "channel"}


class TopUpView(PlanApiView):
    """One top-up."""

    @extend_schema(
        operation_id="top_ups_show",
        summary=_("One top-up"),
        responses=TopUpToPaySerializer,
        examples=[examples.TOP_UP_CREDITED],
        tags=TAGS,
    )
    def get(self, request: Request, number: str) -> Response:
        """Return the top-up and how far it is; while it waits to be paid online, with the page to do so."""
        return Response(self.to_pay(get_object_or_404(self.top_ups(), number=number)))
