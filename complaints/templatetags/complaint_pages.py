"""What the templates of complaint pages need beside the components."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.urls import reverse

from complaints.models import Complaint
from complaints.states import Status
from evidence.forms import KeptPicture
from evidence.models import Evidence

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


@register.inclusion_tag("complaints/_clock.html", takes_context=True)
def handling_clock(context: template.Context, complaint: Complaint, *, large: bool = False) -> dict[str, Any]:
    """The clock of a complaint: it runs while the complaint is pending, and stands when it was handled or ended."""
    handling = getattr(complaint, "handling", None)
    ended_at = complaint.ended_at
    return {
        "complaint": complaint,
        "ended_first": handling is None and ended_at is not None and ended_at <= complaint.handle_by,
        "is_pending": complaint.status == Status.PENDING,
        "stopped_at": handling.handled_at if handling else ended_at,
        "large": large,
        "now": context["now"],
    }
