"""Consultations on the pages of others: the home page's card, and on the complaint that one became."""

from datetime import datetime
from typing import Any

from django import template
from django.db.models import QuerySet

from common.counting import count_words
from common.wording import span_words
from common.written import written_counts
from complaints.consultations.queries import oldest_waiting, unanswered_of
from complaints.consultations.talk import became
from complaints.models import Complaint, Consultation
from complaints.prevention import without_contact

register = template.Library()


@register.filter
def waited(since: datetime, now: datetime) -> str:
    """How long somebody has waited, in words."""
    return span_words(now - since)


@register.inclusion_tag("consultations/_card.html", takes_context=True)
def consultations_card(context: template.Context) -> dict[str, Any]:
    """The home page's card: how many wait for an answer and since when the first has, and where nobody is reached."""
    merchant_id = context["merchant"].pk
    unanswered = _unanswered(merchant_id)["unanswered"]
    return {
        "unanswered": unanswered,
        "shown": count_words(unanswered),
        "oldest": oldest_waiting(merchant_id) if unanswered else None,
        "unreached": without_contact(merchant_id),
        "now": context["now"],
    }


@written_counts
def _unanswered(merchant_id: int) -> dict[str, QuerySet[Consultation]]:
    return {"unanswered": unanswered_of(merchant_id)}


@register.inclusion_tag("consultations/_panel.html")
def consultation_panel(complaint: Complaint) -> dict[str, Any]:
    """On a complaint's page: the consultation that it was before, or nothing."""
    found = became(complaint)
    return {"consultation": found[0] if found else None}
