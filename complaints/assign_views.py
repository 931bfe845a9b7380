"""Assigning complaints from the list and from the page of one; and taking it back."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from common.errors import BadInput
from common.undo import offer_undo, taken_back
from common.way_back import way_back
from complaints.filters import ME, NOBODY
from complaints.permissions import require, visible_to
from complaints.workspace.assigning import (
    Assignment,
    Colleague,
    assign_back,
    assign_numbered,
    colleagues,
    possible_numbers,
)
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page


@require_POST
@member_page(Grant.VIEW)
def assign(request: MemberRequest) -> HttpResponse:
    """Give one complaint (`one`), or those that are chosen, to a member; without a member, ask to whom.

    An answer to htmx is the cell of the row with what is to be said; any other leads back to the page.
    """
    require(request.actor, "handle")
    numbers = request.POST.getlist("one") or request.POST.getlist("chosen")
    people = colleagues(request.actor.own_merchant_id, asked_by=request.actor)
    if "assignee" not in request.POST:
        return _ask(request, numbers, people)
    try:
        to = _wanted(request.POST["assignee"], people)
        assignment = assign_numbered(numbers, to, actor=request.actor, now=request.now)
    except BadInput as refusal:
        messages.error(request, str(refusal))
        if request.htmx:  # type: ignore[attr-defined]  # put there by a middleware
            return HttpResponse(headers={"HX-Refresh": "true"})
        return redirect(way_back(request, reverse("complaints:list")))
    _say(request, assignment)
    if request.htmx and len(numbers) == 1:  # type: ignore[attr-defined]  # as above
        complaint = get_object_or_404(
            visible_to(request.actor).select_related("assignee__user"), complaint_no=numbers[0]
        )
        return render(request, "complaints/_assigned.html", {"complaint": complaint, "may_handle": True})
    return redirect(way_back(request, reverse("complaints:list")))


@require_POST
@member_page(Grant.VIEW)
def undo_assign(request: MemberRequest) -> HttpResponse:
    """Take an assignment back: each complaint is whose it was before, unless somebody has assigned it meanwhile."""
    state = taken_back(request)
    before = {int(number): whose for number, whose in state["before"].items()}
    try:
        number = assign_back(before, state["to"], actor=request.actor, now=request.now)
    except BadInput as refusal:
        messages.error(request, str(refusal))
        return redirect(way_back(request, reverse("complaints:list")))
    if number:
        words = ngettext("It is as before.", "%(number)d complaints are as before.", number) % {"number": number}
        messages.success(request, words)
    else:
        messages.warning(request, _("Nothing was taken back: it was assigned anew meanwhile."))
    return redirect(way_back(request, reverse("complaints:list")))


def _wanted(said: str, people: list[Colleague]) -> int | None:
    if said in ("", NOBODY):
        return None
    for each in people:
        if (said == ME and each.is_self) or said == str(each.membership_id):
            return each.membership_id
    raise BadInput(_("This member does not handle complaints here any more. Choose another."), field="assignee")


def _ask(request: MemberRequest, numbers: list[str], people: list[Colleague]) -> HttpResponse:
    """Ask to whom, on a page of its own: what a browser without scripts shows."""
    complaints = list(
        visible_to(request.actor).filter(complaint_no__in=possible_numbers(numbers[:500])).order_by("handle_by", "pk")
    )
    context = {
        "complaints": complaints,
        "people": [each for each in people if each.may_work],
        "next": way_back(request, reverse("complaints:list")),
    }
    status = HTTPStatus.OK if complaints else HTTPStatus.NOT_FOUND
    return render(request, "complaints/assign.html", context, status=status)


def _say(request: MemberRequest, assignment: Assignment) -> None:
    if not assignment.before:
        messages.info(request, _("Nothing changed: it was so already."))
        return
    words = ngettext("The complaint was assigned.", "%(number)d complaints were assigned.", len(assignment.before)) % {
        "number": len(assignment.before)
    }
    if len(assignment.rows) == 1:
        words = str(assignment.rows[0].words)
    state = {"before": assignment.before, "to": assignment.to}
    offer_undo(request, words, reverse("complaints:assign_undo"), state)
