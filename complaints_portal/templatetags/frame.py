"""What the frame of every page needs: the entries of the side bar."""

from collections.abc import Iterable, Mapping

from django import template
from django.utils.safestring import SafeString

from common.templatetags.ui import escaped, icon

register = template.Library()


@register.simple_tag
def nav_entries(entries: Iterable[Mapping[str, str]]) -> SafeString:
    """The entries of the side bar as `complaints_portal.context` makes them, each an <li>; every page has ten."""
    return SafeString("".join([_entry(entry) for entry in entries or ()]))


def _entry(entry: Mapping[str, str]) -> str:
    current = ' aria-current="page"' if entry["current"] else ""
    shape = icon(entry["icon"]) if entry["icon"] else ""
    count = f'<span class="count">{escaped(entry["count"])}</span>' if entry["count"] else ""
    return (
        f'<li>\n<a class="nav__item" href="{escaped(entry["url"])}"{current}>\n{shape}\n'
        f"<span>{escaped(entry['label'])}</span>\n{count}\n</a>\n</li>\n"
    )
