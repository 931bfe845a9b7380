"""The API of penalties: look at them. Appealing one is on the floor above, under the same address."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.keyset import Segment
from common.moments import MomentField
from complaints.documents import HistoryLineSerializer, line_document, utc
from complaints.serializers import TextField
from merchants.api import ApiView
from merchants.listing import NeighboursSerializer, PageWantedSerializer, narrowed
from penalties.models import Penalty
from penalties.permissions import visible_to
from penalties.queries import open_at, rule_of, window_is_open
from penalties.states import Kind, Status

TAGS = ["Penalties"]


class PenaltiesWantedSerializer(PageWantedSerializer):
    """Which penalties a list holds; what is left out narrows nothing."""

    status = serializers.MultipleChoiceField(
        choices=Status.choices, required=False, help_text=_("May be given several times.")
    )
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    app_id = TextField(max_length=64, required=False)
    complaint_no = TextField(max_length=32, required=False)
    issued_after = MomentField(required=False, help_text=_("Issued at this moment or later."))
    issued_before = MomentField(required=False, help_text=_("Issued before this moment."))
    window_open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text=_("Whether the appeal window is open now.")
    )


class PenaltySerializer(serializers.Serializer[Any]):
    """A penalty as it stands in a list."""

    penalty_no = serializers.CharField()
    url = serializers.CharField(help_text=_("Where the penalty is, with its whole case."))
    status = serializers.ChoiceField(Status.choices)
    kind = serializers.ChoiceField(Kind.choices)
    points = serializers.IntegerField()
    complaint_no = serializers.CharField()
    complaint_url = serializers.CharField()
    trade_no = serializers.CharField()
    app_id = serializers.CharField()
    missed_at = serializers.DateTimeField(help_text=_("The deadline that was missed."))
    issued_at = serializers.DateTimeField()
    appeal_by = serializers.DateTimeField(help_text=_("The last moment at which an appeal is in time."))
    window_is_open = serializers.BooleanField()
    window_closed_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_reason = serializers.CharField()


class PenaltyPageSerializer(NeighboursSerializer):
    """A page of penalties, newest first."""

    results = PenaltySerializer(many=True)


class RuleSerializer(serializers.Serializer[Any]):
    """The rule that was broken, in the numbers of its time."""

    hours = serializers.IntegerField(help_text=_("To handle the complaint, or to pay the refund."))
    points = serializers.IntegerField()
    appeal_window_hours = serializers.IntegerField()


class PenaltyCaseSerializer(PenaltySerializer):
    """A penalty with its whole case."""

    merchant = serializers.CharField()
    mini_program = serializers.CharField()
    rule = RuleSerializer()
    history = HistoryLineSerializer(many=True, help_text=_("Of the whole case, oldest first."))


_PENALTY: dict[str, Any] = {
    "penalty_no": "2026112402000000000000004711",
    "url": "/api/v1/penalties/2026112402000000000000004711/",
    "status": "in_effect",
    "kind": "complaint_timeout",
    "points": 1,
    "complaint_no": "2026112001042719483756201948",
    "complaint_url": "/api/v1/complaints/2026112001042719483756201948/",
    "trade_no": "2026111822001456781234567890",
    "app_id": "2021003128691234",
    "missed_at": "2026-11-24T02:00:00Z",
    "issued_at": "2026-11-24T02:01:00Z",
    "appeal_by": "2026-12-01T02:01:00Z",
    "window_is_open": True,
    "window_closed_at": None,
    "revoked_at": None,
    "revoked_reason": "",
}
PAGE_EXAMPLE = OpenApiExample(
    "The last page", value={"results": [_PENALTY], "next": None, "previous": None}, response_only=True
)


class PenaltyApiView(ApiView):
    """What the views of penalties have in common."""

    blind = _("This key may not see penalties. Make one with the grant “view”.")

    def seen(self) -> QuerySet[Penalty]:
        """Return the penalties that exist for this key. Refuses a merchant's key that may not look at all."""
        self.require_sight()
        return visible_to(self.actor).select_related("complaint", "mini_program", "merchant")


class PenaltiesView(PenaltyApiView):
    """Penalties that were issued."""

    @extend_schema(
        operation_id="penalties_list",
        summary=_("List penalties"),
        parameters=[PenaltiesWantedSerializer],
        responses=PenaltyPageSerializer,
        examples=[PAGE_EXAMPLE],
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Return a page of penalties, newest first: a platform's, or one merchant's. “next” leads to the others."""
        wanted = self.wanted(PenaltiesWantedSerializer)
        rows = _with_window(narrowed(self.seen(), wanted, NAMES), wanted["window_open"], now=self.now)
        return self.page(
            [Segment(rows, "-issued_at")], wanted, lambda rows: [penalty_document(row, now=self.now) for row in rows]
        )


class PenaltyView(PenaltyApiView):
    """One penalty."""

    @extend_schema(
        operation_id="penalties_show",
        summary=_("One penalty with its whole case"),
        responses=PenaltyCaseSerializer,
        tags=TAGS,
    )
    def get(self, request: Request, penalty_no: str) -> Response:
        """Return the penalty with the rule as it was then and every move in its case."""
        penalty = get_object_or_404(self.seen(), penalty_no=penalty_no)
        rule = rule_of(penalty)
        lines = penalty.complaint.history.order_by("at", "pk")
        return Response(
            penalty_document(penalty, now=self.now)
            | {
                "merchant": penalty.merchant.name,
                "mini_program": penalty.mini_program.name,
                "rule": {
                    "hours": rule.hours,
                    "points": rule.points,
                    "appeal_window_hours": rule.window_hours,
                },
                "history": [line_document(line) for line in lines],
            }
        )


NAMES = {
    "status": "status__in",
    "kind": "kind",
    "app_id": "mini_program__app_id",
    "complaint_no": "complaint__complaint_no",
    "issued_after": "issued_at__gte",
    "issued_before": "issued_at__lt",
}


def _with_window(penalties: QuerySet[Penalty], is_open: bool | None, *, now: datetime) -> QuerySet[Penalty]:
    """Return those penalties whose appeal window is open, or is not; all of them when nobody asks."""
    if is_open is None:
        return penalties
    return penalties.filter(open_at(now)) if is_open else penalties.exclude(open_at(now))


def penalty_document(penalty: Penalty, *, now: datetime) -> dict[str, Any]:
    """Return what `PenaltySerializer` describes. Who revoked it stays with the platform."""
    return {
        "penalty_no": penalty.penalty_no,
        "url": reverse("api:penalty", args=[penalty.penalty_no]),
        "status": penalty.status,
        "kind": penalty.kind,
        "points": penalty.points,
        "complaint_no": penalty.complaint.complaint_no,
        "complaint_url": reverse("api:complaint", args=[penalty.complaint.complaint_no]),
        "trade_no": penalty.complaint.trade_no,
        "app_id": penalty.mini_program.app_id,
        "missed_at": utc(penalty.missed_at),
        "issued_at": utc(penalty.issued_at),
        "appeal_by": utc(penalty.appeal_by),
        "window_is_open": window_is_open(penalty, now=now),
        "window_closed_at": utc(penalty.window_closed_at),
        "revoked_at": utc(penalty.revoked_at),
        "revoked_reason": penalty.revoked_reason,
    }
