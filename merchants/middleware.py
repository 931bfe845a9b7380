"""Who asks, for pages: a member acting for one merchant, or staff."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from merchants.members import page_actor


def actor_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Set `request.actor` to the `Actor` who is signed in, or None; looked up when it is first asked for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: page_actor(request))  # type: ignore[attr-defined]  # see above
        return get_response(request)

    return middleware
