"""Filters under a name: saving them, deleting them, and taking that back."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from common.errors import BadInput, IllegalMove
from common.undo import offer_undo, taken_back
from complaints.filters import VIEW, opened
from complaints.models import SavedView
from complaints.permissions import may
from complaints.workspace.saved_views import QUERY_LIMIT, bring_back, delete_view, save_view
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page


@require_POST
@member_page(Grant.VIEW)
def view_save(request: MemberRequest) -> HttpResponse:
    """Keep the filters of the list under a name, one's own or shared. What is wrong is said beside what was typed."""
    name, query, is_shared = request.POST.get("name", ""), request.POST.get("query", ""), "shared" in request.POST
    try:
        view = save_view(name, _filters(query, request), shared=is_shared, actor=request.actor, now=request.now)
    except BadInput as refusal:
        context = {
            "refusal": str(refusal),
            "name": name,
            "query": query,
            "is_shared": is_shared,
            "may_handle": may(request.actor, "handle"),
        }
        return render(request, "complaints/view_save.html", context, status=HTTPStatus.BAD_REQUEST)
    messages.success(request, _("The view “%(name)s” shows these filters.") % {"name": view.name})
    return redirect(_address_of(view))


@require_POST
@member_page(Grant.VIEW)
def view_delete(request: MemberRequest, view_id: int) -> HttpResponse:
    """Delete a view. The list stays as it is, and for ten seconds the view can be had back."""
    view = delete_view(view_id, actor=request.actor)
    state = {"name": view.name, "query": view.query, "shared": view.owner_id is None}
    words = _("The view “%(name)s” was deleted.") % {"name": view.name}
    offer_undo(request, words, reverse("complaints:view_undo"), state)
    return redirect(f"{reverse('complaints:list')}?{view.query}" if view.query else "complaints:list")


@require_POST
@member_page(Grant.VIEW)
def view_undo(request: MemberRequest) -> HttpResponse:
    """Save a view again that was deleted a moment ago."""
    state = taken_back(request)
    try:
        view = bring_back(state["name"], state["query"], shared=state["shared"], actor=request.actor, now=request.now)
    except (BadInput, IllegalMove) as refusal:
        messages.error(request, str(refusal))
        return redirect("complaints:list")
    messages.success(request, _("The view “%(name)s” is back.") % {"name": view.name})
    return redirect(_address_of(view))


def _filters(query: str, request: MemberRequest) -> str:
    """Return the filters as a view keeps them: only what the list knows. Refuses what the list refuses."""
    if len(query) > 2 * QUERY_LIMIT:
        raise BadInput(_("These filters are too long to be kept. Choose fewer."), field="name")
    form, _left_out = opened(QueryDict(query), actor=request.actor)
    if not form.is_valid():
        raise BadInput(_("The filters must be mended before they can be kept."), field="name")
    return form.kept().urlencode()


def _address_of(view: SavedView) -> str:
    query = QueryDict(view.query, mutable=True)
    query[VIEW] = str(view.pk)
    return f"{reverse('complaints:list')}?{query.urlencode()}"
