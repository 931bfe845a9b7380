"""What happened, for programs that follow: read on from the last position, again and again."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.api import ApiView
from notifications.models import Event
from notifications.queries import Position, events_after

MOST = 500


class EventsWantedSerializer(serializers.Serializer[Any]):
    """Where to read on, and how much."""

    after = serializers.CharField(
        required=False,
        default="",
        max_length=40,
        allow_blank=True,
        help_text=_("The “next” of the last answer; without it, from the beginning."),
    )
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=MOST)


class EventSerializer(serializers.Serializer[Any]):
    """One thing that happened."""

    id = serializers.CharField(help_text=_("Its position; the same event always has the same."))
    name = serializers.CharField(
        help_text=_(
            "Such as “complaint.filed”. The first part is the noun: complaint, no_refund_claim, refund_case, refund, "
            "fund, penalty, appeal or review. More may come: pass over what you do not know."
        )
    )
    at = serializers.DateTimeField()
    payload = serializers.DictField()


class EventsSerializer(serializers.Serializer[Any]):
    """A stretch of what happened, oldest first."""

    events = EventSerializer(many=True)
    next = serializers.CharField(help_text=_("Ask again with this as “after”; also when no event came."))


EXAMPLE = OpenApiExample(
    "A complaint was filed, and in the end refunded from the fund",
    value={
        "events": [
            {
                "id": "74210-1",
                "name": "complaint.filed",
                "at": "2026-11-20T02:00:00Z",
                "payload": {"complaint_no": "2026112001042719483756201948", "status": "pending"},
            },
            {
                "id": "76104-9",
                "name": "refund.succeeded",
                "at": "2026-11-27T03:00:00Z",
                "payload": {
                    "complaint_no": "2026112001042719483756201948",
                    "status": "succeeded",
                    "refund_no": "2026112704571938264018273645",
                    "amount": "100.00",
                    "channel": "fund",
                    "bonus": "33.33",
                    "deposit": "66.67",
                },
            },
        ],
        "next": "76104-9",
    },
    response_only=True,
)


class EventsView(ApiView):
    """The stream of events of a platform, or of one merchant."""

    @extend_schema(
        operation_id="events_list",
        summary=_("Events after a position"),
        parameters=[EventsWantedSerializer],
        responses=EventsSerializer,
        examples=[EXAMPLE],
        tags=["Events"],
    )
    def get(self, request: Request) -> Response:
        """Return what happened after a position, oldest first, each event once and none left out.

        Those of the guarantee fund are for merchant keys with the grant “fund”.

        Save “next” together with what you made of the events, and ask again with it. An answer with fewer events than
        asked for is the present end of the stream.
        """
        wanted = EventsWantedSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        after, limit = wanted.validated_data["after"], wanted.validated_data["limit"]
        position = Position.parse(after) if after else Position()
        events = events_after(position, actor=self.actor, limit=limit)
        last = position_of(events[-1]) if events else position
        return Response({"events": [event_document(event) for event in events], "next": str(last)})


def position_of(event: Event) -> Position:
    """Return where an event stands in the stream."""
    return Position(event.transaction, event.pk)


def event_document(event: Event) -> dict[str, Any]:
    """Return what `EventSerializer` describes."""
    return {"id": str(position_of(event)), "name": event.name, "at": event.at, "payload": event.payload}
