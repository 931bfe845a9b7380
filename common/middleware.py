"""Pages answer a refusal that no form caught with its sentence and its status."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from common.errors import PortalError
from common.undo import TooLate
from common.way_back import way_back


class portal_error_middleware:  # noqa: N801 (it stands among function middlewares, and needs process_exception)
    """Turn a `PortalError` that a page let through into a page with its sentence, and its status.

    Who only came too late for taking something back stays on the page, and reads it there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, PortalError):
            return None
        if isinstance(exception, TooLate):
            messages.warning(request, str(exception))
            return redirect(way_back(request))
        return render(request, "errors/refused.html", {"error": exception}, status=exception.status)
