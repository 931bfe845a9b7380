"""What the doors of consumers have in common: no account, no session, and nothing that gives the link away.

The link in the address is all that lets one in, so no page is kept, indexed, or named to others as a referrer. Browsers
that name no referrer name no origin either (`Origin: null`), which Django's check against forged requests refuses; the
check here does without the origin, and asks for the cookie and the token of the form all the same.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils import translation
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.csrf import csrf_exempt

from common.callers import network_of
from common.errors import PortalError
from complaints.consumer.limits import LOOK_BY_ADDRESS, TooMany, count
from merchants.pages import PageRequest

P = ParamSpec("P")
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
SWITCH = "language"
YEAR = 365 * 24 * 3600


class CsrfWithoutReferrer(CsrfViewMiddleware):
    """The check of cookie and form, for pages whose browsers keep their origin to themselves."""

    def _origin_verified(self, request: HttpRequest) -> bool:
        verified: bool = super()._origin_verified(request)  # type: ignore[misc]  # its stubs leave this out
        return verified or request.META["HTTP_ORIGIN"] == "null"

    def _check_referer(self, request: HttpRequest) -> None:
        if request.META.get("HTTP_REFERER"):
            super()._check_referer(request)  # type: ignore[misc]  # as above


_csrf_without_referrer = decorator_from_middleware(CsrfWithoutReferrer)


def consumer_door(
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Speak the consumer's language, count the request, and answer a refusal with a page that says what to do."""

    def limited(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            count((LOOK_BY_ADDRESS, network_of(request)), now=request.now)
            return view(request, *args, **kwargs)
        except TooMany as refusal:
            return too_many(request, refusal)
        except PortalError as refusal:
            return refused(request, refusal)
        except Http404:
            return not_found(request)

    guarded = _csrf_without_referrer(limited)

    @csrf_exempt
    @wraps(view)
    def door(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        chosen = speak(request)
        response = guarded(cast("PageRequest", request), *args, **kwargs)
        for name, value in HEADERS.items():
            response.headers[name] = value
        if chosen:
            remember(response, chosen)
        return response

    return door


def speak(request: HttpRequest) -> str:
    """Use the language that the address asks for, else the one chosen before, else the browser's.

    Return the one that was chosen with this very request, or nothing. A member who looks at a consumer's page reads it
    as the consumer does, whatever language they chose for their work.
    """
    chosen = request.GET.get(SWITCH, "")
    known = chosen in dict(settings.LANGUAGES)
    translation.activate(chosen if known else translation.get_language_from_request(request))
    request.LANGUAGE_CODE = translation.get_language()
    return chosen if known else ""


def remember(response: HttpResponseBase, language: str) -> None:
    """Let the browser ask for this language from now on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=YEAR,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


def too_many(request: HttpRequest, refusal: TooMany) -> HttpResponse:
    """Answer a request above a limit that carried nothing which could be lost."""
    context = {"refusal": refusal, "switch_url": f"{request.path}?{SWITCH}="}
    response = render(request, "consumer/too_many.html", context, status=refusal.status)
    response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def not_found(request: HttpRequest) -> HttpResponse:
    """Answer an address that leads nowhere. The portal's own page speaks to members and leads to their sign-in."""
    context = {"switch_url": f"{request.path}?{SWITCH}="}
    return render(request, "consumer/not_found.html", context, status=HTTPStatus.NOT_FOUND)


GONE = {"link_ended": 410, "link_over": 410}


def refused(request: HttpRequest, refusal: PortalError) -> HttpResponse:
    """Answer a link that opens nothing, and any other refusal, with its sentence. Nothing else is said of any case."""
    status = GONE.get(refusal.code, int(refusal.status))
    context = {"refusal": refusal, "code": refusal.code, "switch_url": f"{request.path}?{SWITCH}="}
    return render(request, "consumer/refused.html", context, status=status)
