"""The moment that counts is when a request arrived, not when it got a lock; a request may hold so much and no more;
and pages leave compressed.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils import timezone

from common.bodies import MEGABYTE, length_of
from common.problems import is_api

COMPRESSIBLE = ("text/html", "text/csv", "text/javascript", "application/json", "application/problem+json")


LARGEST_FORM = 256 * MEGABYTE
"""Far more than nine pictures: who sends too many, or too large ones, is to read that beside what they typed."""


class CompressionMiddleware(GZipMiddleware):
    """Compress what is text; pictures and spreadsheets are compressed already, and keep their length.

    BREACH guesses a secret from the length of answers that also repeat what the guesser sent. Here the token against
    forged forms has another mask in each answer, Django makes each length random by up to a hundred bytes, and no other
    site can ask with the person's session without opening the page in sight (`SameSite=Lax`).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return super().process_response(request, response) if kind in COMPRESSIBLE else response


def arrival_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Note the moment of arrival as `request.now`, first of all; every door passes it on as `now`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.now = timezone.now()  # type: ignore[attr-defined]  # Django's request takes attributes; its stubs do not
        return get_response(request)

    return middleware


def size_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse a form that is larger than any could be before it is read, for anybody may send it to any page.

    Django limits what is typed and not what is uploaded, and would write all of that to the disk first. The API has
    limits of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if length_of(request) > LARGEST_FORM and not is_api(request):
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return render(request, "errors/too_much.html", {"code": int(status)}, status=status)
        return get_response(request)

    return middleware
