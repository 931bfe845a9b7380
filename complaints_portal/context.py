"""What every page is given: the navigation, who is signed in, and the merchants for whom they work."""

from typing import Any, cast

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from common.actors import ActorKind
from common.counting import count_words
from complaints.queries import pending_count
from merchants.models import Grant
from merchants.pages import PageRequest
from refunds.queries import due_count


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
        pending = pending_count(actor.merchant_id)
        entries.append(_entry(request, reverse("complaints:list"), _("Complaints"), "complaint", count=pending))
        due = due_count(actor.merchant_id)
        entries.append(_entry(request, reverse("refunds:list"), _("Pending refunds"), "refund", count=due))
        entries.append(_entry(request, reverse("penalties:list"), _("Violations"), "violation"))
        entries.append(_entry(request, reverse("appeals:list"), _("Appeals"), "appeal"))
    if actor.merchant_id is not None and Grant.FUND in actor.grants:
        entries.append(_entry(request, reverse("refunds:plan"), _("Guarantee plan"), "shield"))
    if actor.merchant_id is not None and Grant.MEMBERS in actor.grants:
        waiting = memberships(request)[0].waiting_requests
        entries.append(_entry(request, reverse("members:list"), _("Members"), "members", count=waiting))
    return entries


def _entry(
    request: HttpRequest, url: str, label: str, icon: str, *, exactly: bool = False, count: int = 0
) -> dict[str, Any]:
    current = request.path == url if exactly else request.path.startswith(url)
    return {"url": url, "label": label, "icon": icon, "current": current, "count": count_words(count) if count else ""}
