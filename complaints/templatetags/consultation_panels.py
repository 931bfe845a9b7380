"""Consultations on the pages of others: how long one has waited, and the one that a complaint was before."""

from datetime import datetime
from typing import Any

from django import template

from common.wording import span_words
from complaints.consultations.talk import became
from complaints.models import Complaint

register = template.Library()


@register.filter
def waited(since: datetime, now: datetime) -> str:
    """How long somebody has waited, in words."""
    return span_words(now - since)


@register.inclusion_tag("consultations/_panel.html")
def consultation_panel(complaint: Complaint) -> dict[str, Any]:
    """On a complaint's page: the consultation that it was before, or nothing."""
    found = became(complaint)
    return {"consultation": found[0] if found else None}
