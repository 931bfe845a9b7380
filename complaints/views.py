"""The merchant page with the list of complaints."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.counting import count_words
from common.keyset import BadCursor, Page, keyset_page
from complaints.forms import ALL, FilterForm
from complaints.permissions import may, visible_to
from complaints.queries import narrowed, points_of, segments, status_counts
from complaints.states import Status
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page


@require_safe
@member_page(Grant.VIEW)
def complaint_list(request: MemberRequest) -> HttpResponse:
    """List complaints by status, narrowed by filters: what is pending by its deadline, then the others newest first."""
    form = FilterForm(request.GET, merchant_id=request.merchant.pk)
    context: dict[str, Any] = {"form": form, "now": request.now, "page": Page(rows=[], previous=None, next=None)}
    if form.is_valid():
        complaints = narrowed(visible_to(request.actor), form.wanted(), now=request.now)
        counts = status_counts(complaints)
        statuses = form.statuses()
        try:
            page = keyset_page(segments(complaints, statuses), cursor=request.GET.get("cursor", ""))
        except BadCursor as refusal:
            context["cursor_refusal"] = str(refusal)
            page = keyset_page(segments(complaints, statuses))
        context |= {
            "page": page,
            "points": points_of(page.rows),
            "tabs": _tabs(request.GET, statuses, counts),
            "total": count_words(sum(counts[status] for status in statuses)),
            "narrowed": bool(form.wanted()),
            "has_filters": bool(replace(form.wanted(), search="")) or len(form.cleaned_data["status"]) > 1,
            "only_pending": list(statuses) == [Status.PENDING],
            "may_handle": may(request.actor, "handle"),
        }
    else:
        context["tabs"] = _tabs(request.GET, (), {})
    return render(request, "complaints/list.html", context)


def _tabs(given: QueryDict, chosen: Any, counts: dict[str, int]) -> list[dict[str, Any]]:
    """Return a tab for each status and one for all, each keeping the other filters."""
    everything = len(chosen) == len(Status)
    tabs = []
    for status in [*Status, None]:
        parameters = given.copy()
        parameters.pop("cursor", None)
        parameters.setlist("status", [status.value if status else ALL])
        count = (counts.get(status.value) if status else sum(counts.values())) if counts else None
        tabs.append(
            {
                "url": f"?{parameters.urlencode()}",
                "label": capfirst(str(status.label)) if status else _("All"),
                "current": everything if status is None else list(chosen) == [status.value],
                "count": None if count is None else count_words(count),
            }
        )
    return tabs
