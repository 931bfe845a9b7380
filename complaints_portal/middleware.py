"""The moment that counts is when a request arrived, not when it got a lock."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


def arrival_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Note the moment of arrival as `request.now`, first of all; every door passes it on as `now`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.now = timezone.now()  # type: ignore[attr-defined]  # Django's request takes attributes; its stubs do not
        return get_response(request)

    return middleware
