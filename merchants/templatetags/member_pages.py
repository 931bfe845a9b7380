"""What pages about members say: who may do what, what was changed, and how to ask for more."""

from typing import Any, cast

from django import template
from django.template import RequestContext

from merchants.models import Grant, MemberLine, Membership
from merchants.pages import PageRequest
from merchants.queries import latest_request
from merchants.team import NOTE_LIMIT
from merchants.wording import grant_words
from merchants.wording import line_words as words_of_line

register = template.Library()


@register.filter
def may_do(place: Membership) -> list[str]:
    """The names of what a member may do, or somebody who was invited will."""
    return grant_words(place.grants)


@register.filter
def line_words(line: MemberLine) -> str:
    """A change of members as a sentence."""
    return words_of_line(line)


@register.inclusion_tag("merchants/_ask.html", takes_context=True)
def ask_access(context: RequestContext, grant: Grant) -> dict[str, Any]:
    """A button that asks for a grant, or what became of the last time; the page comes back to where it is."""
    request = cast("PageRequest", context.request)
    return {
        "grant": grant,
        "latest": latest_request(request.memberships[0].pk, grant),
        "next": request.get_full_path() if request.method == "GET" else "/",
        "limit": NOTE_LIMIT,
        "csrf_token": context.get("csrf_token"),
    }
