"""Who asks, for pages: a member acting for one merchant, or staff; and the language that they chose."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject

from merchants.members import memberships_of, page_actor
from merchants.models import User


def actor_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Set `request.actor` to the `Actor` who is signed in, or None, and `request.memberships` to their places.

    Both are looked up when they are first asked for. They are what `merchants.pages.PageRequest` declares.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        memberships = SimpleLazyObject(lambda: memberships_of(request))
        actor = SimpleLazyObject(lambda: page_actor(request, memberships))  # type: ignore[arg-type]  # behaves as a list
        request.memberships, request.actor = memberships, actor  # type: ignore[attr-defined]  # see PageRequest
        return get_response(request)

    return middleware


def privacy_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let nobody on the way keep what somebody who is signed in was shown, unless the page itself says who may.

    Their own browser may, so that the way back from another page leads to what they had typed.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(request.user, User) and "Cache-Control" not in response.headers:
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return middleware


def language_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Speak the language that the person chose, on whichever machine; without a choice the browser's stays.

    From here on `request.user` is the person themselves: to look through Django's lazy one costs each time.
    """
    known = dict(settings.LANGUAGES)

    def middleware(request: HttpRequest) -> HttpResponse:
        request.user = user = get_user(request)
        if isinstance(user, User) and user.language in known:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()  # as LocaleMiddleware does
        return get_response(request)

    return middleware
