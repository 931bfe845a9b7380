"""What every page is given: the navigation, who is signed in, and the merchants for whom they work."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from common.actors import ActorKind
from common.addresses import address
from common.counting import count_words
from common.together import together
from common.written import written_counts
from complaints.consultations.queries import unanswered_of
from complaints.queries import pending_of
from merchants.models import Grant
from merchants.pages import PageRequest, frame_of
from notifications.bell import count_words as bell_words
from notifications.bell import may_hear, unread_count
from refunds.queries import due_of


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the frame for whoever asks; it is only looked up by the pages that show one."""
    known = cast("PageRequest", request)
    return {
        "frame": partial(frame_of, known),
        "actor": getattr(request, "actor", None),
        "merchant": SimpleLazyObject(lambda: next((each.merchant for each in memberships(known)), None)),
    }


def frame(request: PageRequest) -> dict[str, Any]:
    """Return what stands around every page, as plain texts and numbers: by them it is kept."""
    with together() as side:
        nav, bell = side(navigation, request), side(_bell, request)
    user = getattr(request, "user", None)
    is_known = user is not None and user.is_authenticated
    own, *others = [each.merchant for each in memberships(request)] or [None]
    return {
        "merchant": own.name if own else "",
        "merchant_id": own.pk if own else 0,
        "others": [(each.pk, each.name) for each in others],
        "nav": nav.value,
        "bell": bell.value,
        "person": str(user) if is_known else "",
        "is_staff": bool(is_known and user and user.is_staff),
    }


def _bell(request: PageRequest) -> dict[str, Any] | None:
    """Return how much is new, for members who may see cases."""
    if not may_hear(getattr(request, "actor", None)):
        return None
    unread, url = unread_count(request.memberships[0]), address("notices:list")
    return {"url": url, "unread": bell_words(unread) if unread else "", "is_current": request.path == url}


def memberships(request: PageRequest) -> list[Any]:
    """Return the places where the person works, or none when the request never passed the middleware."""
    return list(getattr(request, "memberships", ()))


def navigation(request: PageRequest) -> list[dict[str, Any]]:
    """Return the entries of the side bar; the counts beside them stop at the cap."""
    actor = getattr(request, "actor", None)
    if not actor:
        return []
    if actor.kind == ActorKind.STAFF:
        return [_entry(request, address("admin:index"), _("Support desk"), "platform")]
    entries = [_entry(request, address("home"), _("Home"), "home", exactly=True)]
    if actor.merchant_id is not None and Grant.VIEW in actor.grants:
        entries += _cases(request, actor.merchant_id)
        entries.append(_entry(request, address("penalties:list"), _("Violations"), "violation"))
        entries.append(_entry(request, address("appeals:list"), _("Appeals"), "appeal"))
        entries.append(_entry(request, address("insights:page"), _("Insights"), "insights"))
    if actor.merchant_id is not None and Grant.FUND in actor.grants:
        entries.append(_entry(request, address("refunds:plan"), _("Guarantee plan"), "shield"))
    if actor.merchant_id is not None and Grant.MEMBERS in actor.grants:
        waiting = memberships(request)[0].waiting_requests
        entries.append(_entry(request, address("members:list"), _("Members"), "members", count=waiting))
    if actor.merchant_id is not None and Grant.VIEW in actor.grants:
        settings = _entry(request, address("settings:notices"), _("Settings"), "settings")
        entries.append(settings | {"current": request.path.startswith("/settings/")})
    return entries


def _cases(request: PageRequest, merchant_id: int) -> list[dict[str, Any]]:
    """Return the entries of what waits for the merchant, counted in one statement."""
    counts = _waiting(merchant_id)
    return [
        _entry(request, address("complaints:list"), _("Complaints"), "complaint", count=counts["pending"]),
        _entry(request, address("consultations:list"), _("Consultations"), "consultation", count=counts["unanswered"]),
        _entry(request, address("refunds:list"), _("Pending refunds"), "refund", count=counts["due"]),
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
