"""The API of appeals: submit one, look, give what staff ask for, withdraw."""

from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from appeals import services
from appeals.models import Appeal
from appeals.permissions import require
from appeals.queries import listed, with_evidence
from appeals.serializers import (
    PAGE,
    SUBMIT,
    SUBMITTED,
    AppealPageSerializer,
    AppealSerializer,
    AppealsWantedSerializer,
    SubmitSerializer,
    SupplementSerializer,
    appeal_document,
)
from common.errors import BadInput
from common.keyset import Segment
from complaints.api import WITH_PICTURES
from evidence.api import keep_sent_pictures
from evidence.models import Evidence
from evidence.queries import by_tokens
from merchants.api import ApiView
from merchants.listing import narrowed
from penalties.permissions import require as require_penalty
from penalties.permissions import visible_to as visible_penalties

TAGS = ["Appeals"]


class AppealApiView(ApiView):
    """What the views of appeals have in common."""

    blind = _("This key may not see appeals. Make one with the grant “view”.")

    def seen(self) -> QuerySet[Appeal]:
        """Return the appeals that exist for this key. Refuses a merchant's key that may not look at all."""
        self.require_sight()
        return listed(self.actor)

    def evidence(self, given: dict[str, Any], merchant_id: int) -> list[Evidence]:
        """Return the pictures given before, then the new ones, which are kept. Refuses what is not this key's."""
        try:
            before = by_tokens(self.actor, given["evidence"])
        except BadInput as refusal:
            refusal.field = "evidence"
            raise
        return before + keep_sent_pictures(
            given["pictures"],
            platform_id=self.actor.own_platform_id,
            merchant_id=merchant_id,
            actor=self.actor,
            now=self.now,
        )

    def document(self, appeal_id: int) -> dict[str, Any]:
        """Return the document of an appeal as it is now."""
        return appeal_document(with_evidence(listed(self.actor)).get(pk=appeal_id), self.actor)


class SubmitView(AppealApiView):
    """Appeals against one penalty."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="appeals_submit",
        summary=_("Appeal a penalty"),
        request=SubmitSerializer,
        responses={201: AppealSerializer},
        examples=[SUBMIT, SUBMITTED],
        tags=TAGS,
    )
    def post(self, request: Request, penalty_no: str) -> Response:
        """Submit an appeal while the window is open and attempts are left. For merchant keys with the grant “appeal”.

        Refuses: a closed window, an appeal that is open already, attempts that are spent, no picture, evidence of
        others, and a problem that seems unsolved unless “knowingly” is true.
        """
        self.require_sight()
        penalty = get_object_or_404(visible_penalties(self.actor), penalty_no=penalty_no)
        require_penalty(self.actor, "appeal", penalty)
        given = self.read(SubmitSerializer)
        what = services.AppealInput(
            description=given["description"],
            proofs=tuple(dict.fromkeys(given["proofs"])),
            knowingly=given["knowingly"],
            evidence=tuple(self.evidence(given, penalty.merchant_id)),
        )
        appeal = services.submit(penalty.pk, what, actor=self.actor, now=self.now)
        document = self.document(appeal.pk)
        return Response(document, status=HTTPStatus.CREATED, headers={"Location": document["url"]})


class AppealsView(AppealApiView):
    """Appeals that were submitted."""

    @extend_schema(
        operation_id="appeals_list",
        summary=_("List appeals"),
        parameters=[AppealsWantedSerializer],
        responses=AppealPageSerializer,
        examples=[PAGE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of appeals, newest first: a platform's, or one merchant's. “next” leads to the others."""
        wanted = self.wanted(AppealsWantedSerializer)
        rows = with_evidence(narrowed(self.seen(), wanted, NAMES))
        return self.page(
            [Segment(rows, "-submitted_at")], wanted, lambda rows: [appeal_document(row, self.actor) for row in rows]
        )


NAMES = {
    "status": "status__in",
    "penalty_no": "penalty__penalty_no",
    "submitted_after": "submitted_at__gte",
    "submitted_before": "submitted_at__lt",
}


class AppealView(AppealApiView):
    """One appeal."""

    @extend_schema(operation_id="appeals_show", summary=_("One appeal"), responses=AppealSerializer, tags=TAGS)
    def get(self, request: Request, appeal_id: int) -> Response:
        """Return the appeal: what was said and proved, how far it is, and what staff decided or ask for."""
        appeal = get_object_or_404(with_evidence(self.seen()), pk=appeal_id)
        return Response(appeal_document(appeal, self.actor))


class SupplementView(AppealApiView):
    """What staff asked for."""

    body_limit = WITH_PICTURES

    @extend_schema(
        operation_id="appeals_supplement",
        summary=_("Give more evidence"),
        request=SupplementSerializer,
        responses=AppealSerializer,
        tags=TAGS,
    )
    def post(self, request: Request, appeal_id: int) -> Response:
        """Give what staff asked for, in time; the review goes on. For merchant keys with the grant “appeal”."""
        appeal = get_object_or_404(self.seen(), pk=appeal_id)
        require(self.actor, "supplement", appeal)
        given = self.read(SupplementSerializer)
        evidence = self.evidence(given, appeal.merchant_id)
        try:
            services.supplement(appeal.pk, given["text"], evidence=evidence, actor=self.actor, now=self.now)
        except BadInput as refusal:
            refusal.field = "text" if refusal.field == "supplement" else refusal.field
            raise
        return Response(self.document(appeal.pk))


class WithdrawView(AppealApiView):
    """An appeal taken back."""

    @extend_schema(
        operation_id="appeals_withdraw",
        summary=_("Withdraw an appeal"),
        request=None,
        responses=AppealSerializer,
        tags=TAGS,
    )
    def post(self, request: Request, appeal_id: int) -> Response:
        """Withdraw an open appeal: no attempt is spent. For merchant keys with the grant “appeal”."""
        appeal = get_object_or_404(self.seen(), pk=appeal_id)
        require(self.actor, "withdraw", appeal)
        services.withdraw(appeal.pk, actor=self.actor, now=self.now)
        return Response(self.document(appeal.pk))
