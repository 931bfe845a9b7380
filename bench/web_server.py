"""What gunicorn serves for `bench/web.py`: the whole portal, and beside it views that do next to nothing.

Under /outside/ no middleware runs; everything else passes what the portal's own pages pass.
"""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

settings.ROOT_URLCONF = __name__
portal = get_wsgi_application()
settings.MIDDLEWARE = []  # the portal's handler has built its own already
outside = WSGIHandler()

# What needs the apps loaded.
from rest_framework import generics, serializers  # noqa: E402

from common.bodies import JsonParser  # noqa: E402
from complaints.models import Complaint  # noqa: E402
from complaints.serializers import FilingSerializer  # noqa: E402
from complaints_portal.serving import settle_down, with_room  # noqa: E402
from merchants.authentication import ApiKeyAuthentication  # noqa: E402

ROWS = """
    SELECT complaint_no, dispute_type, trade_amount, status, handle_by FROM complaints_complaint
    WHERE status = 'pending' ORDER BY merchant_id, handle_by, id LIMIT 20
"""
LIST = engines["django"].from_string(
    "<!doctype html><title>Complaints</title><table>{% for number, kind, amount, status, until in rows %}<tr>"
    "<td>{{ number }}</td><td>{{ kind }}</td><td>{{ amount }}</td><td>{{ status }}</td><td>{{ until.isoformat }}</td>"
    "</tr>{% endfor %}</table>"
)


def constant(request: HttpRequest) -> HttpResponse:
    """Ask nobody."""
    return HttpResponse("ok")


def bare(request: HttpRequest) -> HttpResponse:
    """Ask one question for 20 rows, and show five fields of each in a table."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        rows = cursor.fetchall()
    return HttpResponse(LIST.render({"rows": rows}))


@csrf_exempt
def insert(request: HttpRequest) -> HttpResponse:
    """Parse JSON, insert one row, commit."""
    keep_row(json.loads(request.body))
    return HttpResponse(status=201)


def keep_row(body: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (body) VALUES (%s)", [json.dumps(body, default=str)])


class PlainSerializer(serializers.ModelSerializer[Complaint]):
    """The fields of a complaint that the API's list has."""

    class Meta:
        model = Complaint
        fields = (
            *("complaint_no", "status", "mini_program", "upstream_id", "trade_no", "merchant_order_no", "trade_amount"),
            *("paid_at", "dispute_type", "demand", "requested_refund_amount", "advance_protection", "filed_at"),
            *("received_at", "handle_by", "ended_at", "is_history"),
        )


class FrameworkList(generics.ListAPIView[Complaint]):
    """The list as the REST framework makes it by itself: 20 rows through a model serializer."""

    authentication_classes = (ApiKeyAuthentication,)
    serializer_class = PlainSerializer
    schema = None
    pagination_class = None

    def get_queryset(self) -> Any:
        key: Any = self.request.auth
        return Complaint.objects.filter(platform_id=key.platform_id).order_by("-filed_at", "-pk")[:20]


class FrameworkInsert(generics.CreateAPIView[Any]):
    """An insert as the REST framework makes it: the key, the fields of a complaint validated, one row, the answer."""

    authentication_classes = (ApiKeyAuthentication,)
    parser_classes = (JsonParser,)
    serializer_class = FilingSerializer
    schema = None

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = None
        keep_row(serializer.validated_data)


@with_room
def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Send what is under /outside/ past the middleware."""
    handler = outside if environ["PATH_INFO"].startswith("/outside/") else portal
    return handler(environ, start_response)


urlpatterns = [
    path("outside/constant/", constant),
    path("outside/bare/", bare),
    path("bench/constant/", constant),
    path("bench/bare/", bare),
    path("bench/insert/", insert),
    path("bench/framework/", FrameworkList.as_view()),
    path("bench/framework/insert/", FrameworkInsert.as_view()),
    path("", include("complaints_portal.urls")),
]

settle_down()
