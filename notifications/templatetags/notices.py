"""Where the pages about settings are."""

from typing import cast

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from common.templatetags.ui import tabs
from merchants.models import Grant
from merchants.pages import PageRequest

register = template.Library()


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
