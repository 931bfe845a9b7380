"""The bell that stands on every page, and where the pages about settings are."""

from typing import Any, cast

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from common.templatetags.ui import tabs
from merchants.models import Grant
from merchants.pages import PageRequest
from notifications.bell import count_words, may_hear, unread_count

register = template.Library()


@register.inclusion_tag("notices/_bell.html", takes_context=True)
def bell(context: Context) -> dict[str, Any]:
    """How much is new, for members who may see cases. It asks once a page, however often it stands there."""
    request = cast("PageRequest | None", context.get("request"))
    if request is None or not may_hear(getattr(request, "actor", None)):
        return {"is_shown": False}
    unread: int | None = getattr(request, "unread_notices", None)
    if unread is None:
        unread = unread_count(request.memberships[0])
        request.unread_notices = unread  # type: ignore[attr-defined]  # kept for the second bell of the page
    address = reverse("notices:list")
    return {
        "is_shown": True,
        "unread": count_words(unread) if unread else "",
        "url": address,
        "is_current": request.path == address,
    }


SETTINGS_PAGES = (
    ("settings:notices", Grant.VIEW),
    ("settings:robots", Grant.SETTINGS),
    ("settings:contacts", Grant.VIEW),
)


@register.simple_tag(takes_context=True)
def settings_tabs(context: Context) -> SafeString:
    """The pages about settings beside each other, as far as they are the reader's to open."""
    request = cast("PageRequest", context["request"])
    labels = {
        "settings:notices": _("Notices"),
        "settings:robots": _("Chat robots"),
        "settings:contacts": _("Contacts"),
    }
    items = []
    for name, grant in SETTINGS_PAGES:
        if request.actor and grant in request.actor.grants:
            address = reverse(name)
            items.append({"url": address, "label": labels[name], "current": request.path == address, "count": None})
    return tabs(items, _("Pages about settings"))
