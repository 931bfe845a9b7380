"""What the templates of complaint pages need beside the components."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from common.wording import initials
from complaints.filters import ALL, FilterForm
from complaints.models import Complaint
from complaints.strip import strip
from deadlines.models import Deadline
from evidence.forms import KeptPicture
from evidence.models import Evidence
from merchants.models import User

register = template.Library()


@register.filter
def as_pictures(evidence: Iterable[Evidence]) -> list[KeptPicture]:
    """Evidence as the components show pictures: with the address that asks again who may see it."""
    return [
        KeptPicture(id=each.token, url=reverse("evidence:show", args=[each.token]), alt=each.name) for each in evidence
    ]


@register.filter
def of(found: Mapping[Any, Any], complaint: Complaint) -> Any:
    """What was looked up for all complaints of a page: {{ points|of:complaint }}."""
    return found.get(complaint.pk)


@register.inclusion_tag("complaints/_clocks.html", takes_context=True)
def clock_strip(
    context: template.Context, complaint: Complaint, clocks: Iterable[Deadline] | None, penalty: Any = None
) -> dict[str, Any]:
    """Every clock of a complaint: {% clock_strip complaint clocks %}, with what `clocks_by_complaint` found for it.

    With the penalty for not handling it, where the page knows it, the strip says what was lost.
    """
    lost = None if penalty is None else 0 if penalty.status == "revoked" else penalty.points
    return {"lines": strip(complaint, clocks or (), now=context["now"], lost=lost), "now": context["now"]}


@register.inclusion_tag("complaints/_filter_menu.html")
def filter_menu(form: FilterForm, name: str) -> dict[str, Any]:
    """A filter of which several values can be chosen: {% filter_menu form "status" %}."""
    options = form.options(name)
    return {
        "name": name,
        "label": form.fields[name].label,
        "options": options,
        "number": sum(option.is_chosen for option in options) if ALL not in form.chosen(name) else 0,
        "errors": form[name].errors,
    }


@register.simple_tag(takes_context=True)
def whose(context: template.Context, complaint: Complaint) -> SafeString:
    """Whose a complaint is, and the way to assign it for who `may_handle`. An answer to htmx replaces it.

    Written here and not as a template, because each row of the list has one.
    """
    person = complaint.assignee.user if complaint.assignee else None
    shown = _person(person, is_self=person == context.get("user")) if person else _nobody()
    if context.get("may_handle"):
        taken = _("Assigned to %(person)s; assign to somebody else") % {"person": person}
        shown = format_html(
            '<button class="assignee" type="submit" name="one" value="{}" formaction="{}" data-assign data-row-key="a"'
            ' aria-label="{}">{}</button>',
            complaint.complaint_no,
            reverse("complaints:assign"),
            taken if person else _("Assigned to nobody; assign"),
            shown,
        )
    elif person:
        shown = format_html('<span class="assignee">{}</span>', shown)
    return format_html('<div class="whose" id="whose-{}">{}</div>', complaint.complaint_no, shown)


def _person(person: User, *, is_self: bool) -> SafeString:
    return format_html(
        '<span class="avatar"{} aria-hidden="true">{}</span><span class="assignee__name">{}</span>',
        SafeString(" data-self") if is_self else "",
        initials(str(person)),
        person,
    )


def _nobody() -> SafeString:
    disc = '<span class="avatar avatar--nobody" aria-hidden="true"></span><span class="faint">{}</span>'
    return format_html(disc, pgettext("assigned to", "nobody"))


@register.inclusion_tag("complaints/_avatar.html")
def avatar(name: str, *, is_self: bool = False) -> dict[str, Any]:
    """The initials of a member in a disc; the name itself stands beside it."""
    return {"initials": initials(name), "is_self": is_self}
