"""What merchant pages stand on: the request as the middleware leaves it, and who is let in."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from common.actors import Actor, ActorKind
from merchants.members import administrators_of, memberships_of, page_actor
from merchants.models import Grant, Membership, Merchant

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request for a page, with what the middlewares add: when it arrived, and who asks."""

    now: datetime
    actor: Actor | None
    memberships: list[Membership]


class MemberRequest(PageRequest):
    """A request of a member who acts for a merchant."""

    actor: Actor
    merchant: Merchant


_frames: list[Callable[[PageRequest], Any]] = []


def register_frame(look: Callable[[PageRequest], Any]) -> None:
    """Say how what stands around every page is looked up; the top floor does so, which knows of everything."""
    _frames[:] = [look]


def frame_of(request: PageRequest) -> Any:
    """Return what stands around a page, looked up once: by a page together with its own, or when it is shown."""
    known = vars(request)
    if "frame" not in known:
        (look,) = _frames
        known["frame"] = look(request)
    return known["frame"]


MemberView = Callable[Concatenate[MemberRequest, P], HttpResponseBase]
PageView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def member_page(grant: Grant | None) -> Callable[[MemberView[P]], PageView[P]]:
    """Let members with this grant in, or every member of a merchant where none is named.

    Who is not signed in is asked to; staff are sent to their desk; a member without the grant learns whom to ask (403).
    """

    def decorate(view: MemberView[P]) -> PageView[P]:
        @wraps(view)
        def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            request = cast("MemberRequest", request)
            memberships = memberships_of(request)
            actor = page_actor(request, memberships)
            if not actor:
                return _sign_in(request)
            if actor.kind == ActorKind.STAFF:
                return redirect("admin:index")
            # Themselves from here on, which answers sooner than the lazy ones of the middleware.
            request.actor, request.memberships = actor, memberships
            if not memberships or (grant and grant not in actor.grants):
                return no_access(request, grant)
            request.merchant = memberships[0].merchant
            return view(request, *args, **kwargs)

        return page

    return decorate


def is_asked_by_script(request: HttpRequest) -> bool:
    """Say whether a script of the portal asks, for itself and not to show a page."""
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _sign_in(request: HttpRequest) -> HttpResponse:
    """Ask to sign in, and lead back afterwards. A script must not take that page for an answer: it gets a 401."""
    if is_asked_by_script(request):
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    if request.htmx:  # type: ignore[attr-defined]  # put there by a middleware
        page = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]  # as above
        address = redirect_to_login(page).url
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": address})
    return redirect_to_login(request.get_full_path())


def no_access(request: PageRequest, grant: Grant | None) -> HttpResponse:
    """Answer a member who lacks a grant: what is missing, and whom to ask for it."""
    merchant = request.memberships[0].merchant if request.memberships else None
    administrators = administrators_of(merchant.pk) if merchant else []
    context = {"administrators": administrators, "grant": grant}
    return render(request, "merchants/no_access.html", context, status=403)
