"""What every page is given: the navigation, who is signed in, and the merchants for whom they work."""

from collections.abc import Mapping
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from common.actors import ActorKind
from common.counting import count_words
from common.written import written_counts
from complaints.consultations.queries import unanswered_of
from complaints.queries import pending_of
from merchants.models import Grant
from merchants.pages import PageRequest
from refunds.queries import due_of


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the navigation for whoever asks; it is only looked up by the pages that show one."""
    known = cast("PageRequest", request)
    return {
        "nav": SimpleLazyObject(lambda: navigation(known)),
        "actor": getattr(request, "actor", None),
        "merchants": SimpleLazyObject(lambda: [each.merchant for each in memberships(known)]),
        "merchant": SimpleLazyObject(lambda: next((each.merchant for each in memberships(known)), None)),
    }


def memberships(request: PageRequest) -> list[Any]:
    """Return the places where the person works, or none when the request never passed the middleware."""
    return list(getattr(request, "memberships", ()))


def navigation(request: PageRequest) -> list[dict[str, Any]]:
    """Return the entries of the side bar; the counts beside them stop at the cap."""
    actor = getattr(request, "actor", None)
    if not actor:
        return []
    if actor.kind == ActorKind.STAFF:
        return [_entry(request, reverse("admin:index"), _("Support desk"), "platform")]
    entries = [_entry(request, reverse("home"), _("Home"), "home", exactly=True)]
    if actor.merchant_id is not None and Grant.VIEW in actor.grants:
        entries += _cases(request, actor.merchant_id)
        entries.append(_entry(request, reverse("penalties:list"), _("Violations"), "violation"))
        entries.append(_entry(request, reverse("appeals:list"), _("Appeals"), "appeal"))
        entries.append(_entry(request, reverse("insights:page"), _("Insights"), "insights"))
    if actor.merchant_id is not None and Grant.FUND in actor.grants:
        entries.append(_entry(request, reverse("refunds:plan"), _("Guarantee plan"), "shield"))
    if actor.merchant_id is not None and Grant.MEMBERS in actor.grants:
        waiting = memberships(request)[0].waiting_requests
        entries.append(_entry(request, reverse("members:list"), _("Members"), "members", count=waiting))
    if actor.merchant_id is not None and Grant.VIEW in actor.grants:
        settings = _entry(request, reverse("settings:notices"), _("Settings"), "settings")
        entries.append(settings | {"current": request.path.startswith("/settings/")})
    return entries


def _cases(request: PageRequest, merchant_id: int) -> list[dict[str, Any]]:
    """Return the entries of what waits for the merchant, counted in one statement."""
    counts = _waiting(merchant_id)
    return [
        _entry(request, reverse("complaints:list"), _("Complaints"), "complaint", count=counts["pending"]),
        _entry(request, reverse("consultations:list"), _("Consultations"), "consultation", count=counts["unanswered"]),
        _entry(request, reverse("refunds:list"), _("Pending refunds"), "refund", count=counts["due"]),
    ]


@written_counts
def _waiting(merchant_id: int) -> Mapping[str, QuerySet[Any]]:
    return {
        "pending": pending_of(merchant_id),
        "unanswered": unanswered_of(merchant_id),
        "due": due_of(merchant_id),
    }


def _entry(
    request: HttpRequest, url: str, label: str, icon: str, *, exactly: bool = False, count: int = 0
) -> dict[str, Any]:
    current = request.path == url if exactly else request.path.startswith(url)
    return {"url": url, "label": label, "icon": icon, "current": current, "count": count_words(count) if count else ""}
