"""Penalties on the pages of complaints, which know nothing of them: the templates put the two together."""

from collections.abc import Iterable
from typing import Any

from django import template

from complaints.models import Complaint
from penalties.models import Penalty
from penalties.queries import case_of, overdue_penalties
from penalties.states import Status
from refunds.models import RefundCase

register = template.Library()


@register.inclusion_tag("penalties/_panel.html", takes_context=True)
def penalty_panel(context: template.Context, complaint: Complaint) -> dict[str, Any]:
    """The penalty for not handling a complaint in time, and how things stand with appealing it; nothing without one."""
    return {"penalty": context["penalties"].get(complaint.pk), "actor": context["actor"], "now": context["now"]}


@register.simple_tag
def overdue_penalties_of(cases: Iterable[RefundCase]) -> dict[int, list[Penalty]]:
    """The penalties of a page's pending refunds, in one query: {% overdue_penalties_of page.rows as penalties %}."""
    return overdue_penalties(cases)


@register.filter
def points_lost(found: dict[int, list[Penalty]], case: RefundCase) -> int:
    """The points that the missed rounds of a pending refund cost, without those given back."""
    return sum(penalty.points for penalty in found.get(case.pk, ()) if penalty.status != Status.REVOKED)


@register.inclusion_tag("penalties/_overdue_panels.html", takes_context=True)
def overdue_panels(context: template.Context, case: RefundCase) -> dict[str, Any]:
    """The penalties for the missed rounds of a pending refund, each as on the page of a complaint."""
    penalties = overdue_penalties([case]).get(case.pk, [])
    return {"penalties": penalties, "actor": context["actor"], "now": context["now"]}


@register.simple_tag
def refund_case_of(penalty: Penalty) -> RefundCase | None:
    """The pending refund that a penalty is about, or nothing: {% refund_case_of penalty as refund_case %}."""
    return case_of(penalty)
