"""What answers a form whose token against forgery is not valid any more: a page that gives back what was typed.

The token changes when somebody signs in again, in another window for example. Nothing is done, and nothing may be lost.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

TYPED = {
    "note": _("Explanation"),
    "text": _("Message"),
    "description": _("Description"),
    "supplement": _("More evidence"),
    "reason": _("Reason"),
    "policy": _("Policy file"),
    "message": _("Message"),
    "tracking": _("Carrier and tracking number"),
    "refund_reference": _("Refund number"),
    "refund_amount": _("Refund amount in yuan"),
}
"""The fields of the portal in which people write, and what each is called. What is secret is not among them."""


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was not taken, with what was typed, to copy; but never show what another site sent."""
    is_own = _came_from_here(request)
    typed = [(label, request.POST[name]) for name, label in TYPED.items() if request.POST.get(name, "").strip()]
    context = {"typed": typed if is_own else [], "page": _page_before(request) if is_own else ""}
    return render(request, "403_csrf.html", context, status=HTTPStatus.FORBIDDEN)


def _came_from_here(request: HttpRequest) -> bool:
    """Say whether the browser names a page of this portal as the one that sent the form."""
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    return bool(origin) and urlsplit(origin).netloc == request.get_host()


def _page_before(request: HttpRequest) -> str:
    """Return the address of the page on which the form stood."""
    page = request.headers.get("Referer", "")
    is_safe = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    return urlsplit(page)._replace(scheme="", netloc="").geturl() if page and is_safe else ""
