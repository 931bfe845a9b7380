"""The merchant page with the list of complaints."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from common.counting import count_words
from common.keyset import BadCursor, Page, Segment, keyset_page
from complaints.clocks import clocks_by_complaint
from complaints.filters import ALL, VIEW, FilterForm, opened
from complaints.models import SavedView
from complaints.permissions import may, visible_to
from complaints.queries import (
    Wanted,
    all_segments,
    all_status_counts,
    narrowed,
    queue,
    queued,
    status_counts,
    usual_dispute_types,
)
from complaints.search import is_counted
from complaints.states import Status
from complaints.workspace.saved_views import shown_views
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page

EVERYBODYS = (
    (gettext_lazy("Assigned to me"), "assignee=me"),
    (gettext_lazy("Assigned to nobody"), "assignee=nobody"),
    (gettext_lazy("Due within a day"), "due=overdue&due=24"),
)
"""Views that need not be saved: each member has them."""


@require_safe
@member_page(Grant.VIEW)
def complaint_list(request: MemberRequest) -> HttpResponse:
    """List complaints by status, narrowed by filters: what is pending by its deadline, then the others newest first."""
    actor = request.actor
    if request.GET.get(VIEW):
        form, left_out = opened(request.GET, actor=actor)
    else:
        form, left_out = FilterForm(request.GET, actor=actor), []
    views = _views(form, shown_views(actor))
    context: dict[str, Any] = {
        "form": form,
        "left_out": left_out,
        "chips": form.chips(),
        "views": views,
        "current_view": next((view for view in views if view.is_current), None),
        "query": form.kept().urlencode(),
        "types": _types(form, usual_dispute_types(actor.own_merchant_id)),
        "now": request.now,
        "page": Page(rows=[], previous=None, next=None),
        "may_handle": may(actor, "handle"),
        "people": [each for each in form.people if each.may_work],
    }
    if form.is_valid():
        wanted = form.wanted()
        statuses = form.statuses()
        parts, counts = _listed(request, wanted, statuses)
        try:
            page = keyset_page(parts, cursor=request.GET.get("cursor", ""))
        except BadCursor as refusal:
            context["cursor_refusal"] = str(refusal)
            page = keyset_page(parts)
        context |= {
            "page": page,
            "complaints": queued(page),
            "clocks": clocks_by_complaint([each.pk for each in page.rows]),
            "tabs": _tabs(form, statuses, counts, request.GET.get(VIEW, "")),
            "total": count_words(sum(counts[status] for status in statuses)) if counts else "",
            "narrowed": bool(wanted),
            "only_pending": list(statuses) == [Status.PENDING],
        }
    else:
        context |= {"tabs": _tabs(form, (), {}, ""), "is_wrong": True}
    return render(request, "complaints/list.html", context)


def _listed(
    request: MemberRequest, wanted: Wanted, statuses: Collection[str]
) -> tuple[list[Segment[Any]], dict[str, int]]:
    """Return the list that is wanted, and its counts by status where counting does not take too long."""
    actor = request.actor
    if not wanted:
        return all_segments(actor, statuses), all_status_counts(actor)
    complaints = narrowed(visible_to(actor), wanted, now=request.now)
    may_count = not wanted.is_in_no_index and (not wanted.search or is_counted(visible_to(actor), wanted.search))
    parts = queue(complaints, [each for each in statuses if each != Status.PENDING or not wanted.is_handled])
    return parts, status_counts(complaints) if may_count else {}


def _tabs(form: FilterForm, chosen: Collection[str], counts: dict[str, int], view: str) -> list[dict[str, Any]]:
    """Return a tab for each status and one for all, each keeping the other filters."""
    everything = len(chosen) == len(Status)
    tabs, kept = [], form.kept()
    for status in [*Status, None]:
        parameters = kept.copy()
        parameters.setlist("status", [status.value if status else ALL])
        if view:
            parameters[VIEW] = view
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


def _types(form: FilterForm, usual: list[str]) -> list[tuple[str, bool]]:
    """Return the dispute types to choose from, and whether each is chosen; also those that are chosen and rare."""
    chosen = form.chosen("dispute_type_is")
    return [(name, name in chosen) for name in dict.fromkeys([*usual, *chosen])]


@dataclass(frozen=True, slots=True)
class ShownView:
    """A view as the list shows it: what it leads to, and whether it is the one that is open."""

    name: str
    query: str
    is_current: bool
    has_changed: bool = False
    """It is open, and its filters are others by now."""
    number: int | None = None
    """That of the saved view."""
    is_shared: bool = False


def _views(form: FilterForm, saved: list[SavedView]) -> list[ShownView]:
    """Return the views of everybody, then those that were saved."""
    shown = _as_sets(form.kept())
    number = form.given.get(VIEW, "")
    is_open = any(str(view.pk) == number for view in saved)
    views = [
        ShownView(str(name), query, is_current=not is_open and _as_sets(QueryDict(query)) == shown)
        for name, query in EVERYBODYS
    ]
    for view in saved:
        query = QueryDict(view.query, mutable=True)
        is_current = str(view.pk) == number
        has_changed = is_current and _as_sets(query) != shown
        query[VIEW] = str(view.pk)
        views.append(ShownView(view.name, query.urlencode(), is_current, has_changed, view.pk, view.owner_id is None))
    return views


def _as_sets(query: QueryDict) -> dict[str, set[str]]:
    return {name: set(map(str, values)) for name, values in query.lists()}
