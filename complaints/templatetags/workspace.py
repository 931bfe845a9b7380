"""What a merchant's members work with, for the templates: the canned replies of the merchant for whom one acts."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from complaints.models import CannedReply
from complaints.workspace.canned import VARIABLES, canned_now

register = template.Library()

AT_HAND = 3
"""So many replies that handle stand in the bar itself; a menu holds them all."""


@register.simple_tag(takes_context=True)
def canned_replies(context: template.Context) -> list[CannedReply]:
    """Return the merchant's canned replies by title: {% canned_replies as canned %}."""
    return canned_now(context["request"].merchant.pk)


@register.filter
def that_handle(canned: list[CannedReply]) -> list[CannedReply]:
    """Those replies that carry a way of handling."""
    return [reply for reply in canned if reply.method]


@register.filter
def at_hand(canned: list[CannedReply]) -> list[CannedReply]:
    """The first few of some replies."""
    return canned[:AT_HAND]


@register.simple_tag
def variables() -> SafeString:
    """Each variable of a canned reply with what takes its place."""
    rows = ((f"{{{name}}}", variable.meaning) for name, variable in VARIABLES.items())
    listed = format_html_join("", "<div><dt><code>{}</code></dt><dd>{}</dd></div>", rows)
    return format_html('<dl class="variables">{}</dl>', listed)
