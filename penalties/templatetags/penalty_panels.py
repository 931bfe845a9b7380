"""Penalties on the pages of complaints, which know nothing of them: the templates put the two together."""

from collections.abc import Iterable
from typing import Any

from django import template

from complaints.models import Complaint
from penalties.models import Penalty
from penalties.queries import timeout_penalties

register = template.Library()


@register.simple_tag
def penalties_of(complaints: Iterable[Complaint]) -> dict[int, Penalty]:
    """The penalties of all complaints of a page, in one query: {% penalties_of page.rows as penalties %}."""
    return timeout_penalties(complaints)


@register.inclusion_tag("penalties/_panel.html", takes_context=True)
def penalty_panel(context: template.Context, complaint: Complaint) -> dict[str, Any]:
    """The penalty for not handling a complaint in time, and how things stand with appealing it; nothing without one."""
    penalty = timeout_penalties([complaint]).get(complaint.pk)
    return {"penalty": penalty, "actor": context["actor"], "now": context["now"]}
