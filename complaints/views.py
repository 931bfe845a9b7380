"""The merchant page with the list of complaints."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from common.actors import Actor
from common.counting import count_words
from common.keyset import BadCursor, Page, Segment, keyset_page
from common.together import together
from complaints.beside import look_beside
from complaints.clocks import clocks_by_complaint
from complaints.filters import ALL, VIEW, FilterForm, opened
from complaints.models import Complaint, SavedView
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
from complaints.workspace.canned import canned_now
from complaints.workspace.saved_views import shown_views
from merchants.models import Grant
from merchants.pages import MemberRequest, frame_of, member_page

EVERYBODYS = (
    (gettext_lazy("Assigned to me"), "assignee=me"),
    (gettext_lazy("Assigned to nobody"), "assignee=nobody"),
    (gettext_lazy("Due within a day"), "due=overdue&due=24"),
)
"""Views that need not be saved: each member has them."""


@dataclass(slots=True)
class Listed:
    """What the list shows, as far as its filters say what is wanted."""

    form: FilterForm
    left_out: list[str]
    wanted: Wanted = field(default_factory=Wanted)
    statuses: Collection[str] = ()
    page: Page[Any] = field(default_factory=lambda: Page(rows=[], previous=None, next=None))
    refusal: str = ""
    """Why the page that was asked for is another one."""
    counts: dict[str, int] = field(default_factory=dict)
    """By status, where counting does not take too long."""
    clocks: Mapping[int, Any] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
    """What upper apps show beside the complaints of the page."""


@require_safe
@member_page(Grant.VIEW)
def complaint_list(request: MemberRequest) -> HttpResponse:
    """List complaints by status, narrowed by filters: what is pending by its deadline, then the others newest first."""
    actor, may_handle = request.actor, may(request.actor, "handle")
    with together() as side:
        side(frame_of, request)
        looked_up, saved = side(_look_up, request), side(shown_views, actor)
        usual = side(usual_dispute_types, actor.own_merchant_id)
        replies = side(canned_now, actor.own_merchant_id) if may_handle else None
    found = looked_up.value
    form, counts = found.form, found.counts
    views = _views(form, saved.value)
    context: dict[str, Any] = {
        "form": form,
        "left_out": found.left_out,
        "chips": form.chips(),
        "views": views,
        "current_view": next((view for view in views if view.is_current), None),
        "query": form.kept().urlencode(),
        "types": _types(form, usual.value),
        "now": request.now,
        "page": found.page,
        "complaints": queued(found.page),
        "clocks": found.clocks,
        **found.beside,
        "tabs": _tabs(form, found.statuses, counts, "" if form.errors else request.GET.get(VIEW, "")),
        "total": count_words(sum(counts[status] for status in found.statuses)) if counts else "",
        "narrowed": bool(found.wanted),
        "only_pending": list(found.statuses) == [Status.PENDING],
        "cursor_refusal": found.refusal,
        "is_wrong": bool(form.errors),
        "may_handle": may_handle,
        "canned": replies.value if replies else [],
        "people": [each for each in form.people if each.may_work],
    }
    return render(request, "complaints/list.html", context)


def _look_up(request: MemberRequest) -> Listed:
    actor = request.actor
    if request.GET.get(VIEW):
        form, left_out = opened(request.GET, actor=actor)
    else:
        form, left_out = FilterForm(request.GET, actor=actor), []
    found = Listed(form, left_out)
    with together() as side:
        side(form.look_up)
        side(_look_for, found, request)
    return found


def _look_for(found: Listed, request: MemberRequest) -> None:
    """Look up what the filters want, unless they are wrong."""
    if not found.form.is_valid():
        return
    found.wanted, found.statuses = found.form.wanted(), found.form.statuses()
    wanted, visible = found.wanted, visible_to(request.actor)
    complaints = narrowed(visible, wanted, now=request.now) if wanted else None
    with together() as side:
        counts = side(_counts, complaints, wanted, request.actor)
        side(_turn_to, _parts(complaints, found, request.actor), found, request)
    found.counts = counts.value


def _counts(complaints: QuerySet[Complaint] | None, wanted: Wanted, actor: Actor) -> dict[str, int]:
    if complaints is None:
        return all_status_counts(actor)
    may_count = not wanted.is_in_no_index and (not wanted.search or is_counted(visible_to(actor), wanted.search))
    return status_counts(complaints) if may_count else {}


def _parts(complaints: QuerySet[Complaint] | None, found: Listed, actor: Actor) -> list[Segment[Any]]:
    if complaints is None:
        return all_segments(actor, found.statuses)
    return queue(complaints, [each for each in found.statuses if each != Status.PENDING or not found.wanted.is_handled])


def _turn_to(parts: list[Segment[Any]], found: Listed, request: MemberRequest) -> None:
    """Look up the page that is asked for, and what is shown beside its complaints."""
    try:
        found.page = keyset_page(parts, cursor=request.GET.get("cursor", ""))
    except BadCursor as refusal:
        found.refusal = str(refusal)
        found.page = keyset_page(parts)
    numbers = [each.pk for each in found.page.rows]
    with together() as side:
        clocks, beside = side(clocks_by_complaint, numbers), look_beside(side, numbers)
    found.clocks, found.beside = clocks.value, {name: each.value for name, each in beside.items()}


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
