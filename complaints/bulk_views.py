"""Doing one thing to the chosen complaints: the preview, doing it, and what became of each."""

import re
import secrets
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from common.errors import BadInput, Conflict
from common.undo import offer_undo
from common.way_back import way_back
from complaints.methods import NEEDS
from complaints.models import BulkRun, Complaint
from complaints.workspace import bulk
from complaints.workspace.assigning import Assignment, colleagues
from complaints.workspace.bulk import Action, Asked, Plan, Wish
from complaints.workspace.canned import VARIABLE
from complaints.workspace.results import MOST_AT_ONCE
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page

KEY = re.compile(r"[0-9a-f]{32}")
NUMBER = re.compile(r"[0-9]{1,18}")
TYPED = "typed-"
"""What a row's own field is called, before the number of its complaint."""


@member_page(Grant.HANDLE)
def bulk_preview(request: MemberRequest) -> HttpResponse:
    """Show what would happen to each chosen complaint; nothing is done yet."""
    if request.method != "POST":
        return redirect("complaints:list")
    return _preview(request, _asked(request.POST))


@member_page(Grant.HANDLE)
def bulk_do(request: MemberRequest) -> HttpResponse:
    """Do what the preview showed, and lead to what became of it. What it did not show is shown first."""
    if request.method != "POST":
        return redirect("complaints:list")
    key, asked = request.POST.get("key", ""), _asked(request.POST)
    if not KEY.fullmatch(key):
        return _preview(request, asked)
    run = bulk.run_of(request.actor, key)
    try:
        if run is None:
            complaints = bulk.chosen_of(request.actor, asked.numbers)
            wish = bulk.wish_of(asked, actor=request.actor)
            if wish.seen != request.POST.get("seen"):
                return _preview(request, asked, notice=_("What is said has changed. Look at it once more, then do it."))
            run = bulk.begin(wish, asked, complaints, key=key, actor=request.actor, now=request.now)
        elif "go_on" not in request.POST:
            run = bulk.same_run(run, asked)
    except Conflict as refusal:
        return _preview(request, asked, notice=str(refusal), before=key, status=HTTPStatus.CONFLICT)
    except BadInput:
        return _preview(request, asked)
    assignment = bulk.carry_out(run, actor=request.actor, now=request.now)
    if assignment and assignment.before:
        _offer_to_take_back(request, assignment)
    back = urlencode({"next": way_back(request, reverse("complaints:list"))})
    return redirect(f"{reverse('complaints:bulk_result', args=[key])}?{back}")


@require_safe
@member_page(Grant.HANDLE)
def bulk_result(request: MemberRequest, run_key: str) -> HttpResponse:
    """Show what became of each complaint; those for which it was not done can be tried again."""
    run = bulk.run_of(request.actor, run_key)
    if run is None:
        raise Http404
    rows = list(run.rows.select_related("complaint").order_by("pk"))
    context = {
        "run": run,
        "said": run.wish,
        "to": run.wish["assignee"] or "nobody",
        "heading": _heading_of(run, sum(row.done is True for row in rows), len(rows)),
        "failed": [row for row in rows if row.done is False],
        "waiting": [row for row in rows if row.done is None],
        "done": [row for row in rows if row.done],
        "back": way_back(request, reverse("complaints:list")),
    }
    return render(request, "complaints/bulk_result.html", context)


def _asked(sent: QueryDict) -> Asked:
    """Read what was sent: `do` names the action and, after a dash, the canned reply. The database takes no NUL."""
    action, _dash, number = sent.get("do", "").partition("-")
    to, text = sent.get("to", ""), sent.get("text")
    chosen = list(dict.fromkeys(sent.getlist("chosen")))
    return Asked(
        action=action,
        numbers=chosen,
        canned_id=int(number) if NUMBER.fullmatch(number) else None,
        assignee_id=(int(to) if NUMBER.fullmatch(to) else None) if action == Action.ASSIGN else None,
        text=None if text is None else text.replace("\r\n", "\n").replace("\0", ""),
        typed={
            number: sent.get(TYPED + number, "").replace("\0", "").strip()
            for number in chosen
            if TYPED + number in sent
        },
    )


def _preview(
    request: MemberRequest,
    asked: Asked,
    *,
    notice: str = "",
    before: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    """Show what would happen; or what is wrong, with the complaints still chosen."""
    back = way_back(request, reverse("complaints:list"))
    context: dict[str, Any] = {"back": back, "notice": notice, "before": before, "now": request.now}
    if len(asked.numbers) > MOST_AT_ONCE:
        return _too_many(request, asked, context)
    try:
        complaints = bulk.chosen_of(request.actor, asked.numbers)
    except BadInput as refusal:
        messages.error(request, str(refusal))
        return redirect(back)
    context |= {"complaints": complaints, "do": request.POST.get("do", ""), "to": request.POST.get("to", "")}
    try:
        wish = bulk.wish_of(asked, actor=request.actor)
        context |= _about_wish(wish)
        plan = bulk.plan(wish, complaints, actor=request.actor, now=request.now)
        context |= _about_plan(plan, complaints)
    except BadInput as refusal:
        status = HTTPStatus.BAD_REQUEST
        context |= {"refusal": refusal, "heading": _("Nothing was done yet")}
        if refusal.field != "text":  # another reply or member is chosen from the bar
            context["people"] = [each for each in _colleagues(request) if each.may_work]
    return render(request, "complaints/bulk.html", context, status=status)


def _about_wish(wish: Wish) -> dict[str, Any]:
    """Return what the page says of the wish, whether or not it can be previewed."""
    about: dict[str, Any] = {"wish": wish, "seen": wish.seen, "key": secrets.token_hex(16)}
    if wish.reply is not None:
        about["has_variables"] = VARIABLE.search(wish.reply.text) is not None
    if wish.action == Action.HANDLE and wish.reply is not None:
        about["need"] = NEEDS[wish.reply.method]
    return about


def _about_plan(plan: Plan, complaints: list[Complaint]) -> dict[str, Any]:
    left_out = len(plan.rows) - plan.number
    return {
        "plan": plan,
        "heading": _heading(plan),
        "verb": _verb(plan.wish.action, plan.number),
        "left_out": left_out,
        "to_be_typed": sum(row.lacks_only_what_is_typed for row in plan.rows),
        "first_to_type": next((row.complaint.pk for row in plan.rows if row.lacks_only_what_is_typed), None),
        "is_pending": any(complaint.status == "pending" for complaint in complaints),
    }


def _too_many(request: MemberRequest, asked: Asked, context: dict[str, Any]) -> HttpResponse:
    """Say that it is too many, and offer them part by part: nothing that was chosen is lost."""
    numbers = list(asked.numbers)
    parts = [numbers[start : start + MOST_AT_ONCE] for start in range(0, len(numbers), MOST_AT_ONCE)]
    context |= {
        "asked": asdict(asked),
        "do": request.POST.get("do", ""),
        "to": request.POST.get("to", ""),
        "parts": [
            {"first": number * MOST_AT_ONCE + 1, "last": number * MOST_AT_ONCE + len(part), "numbers": part}
            for number, part in enumerate(parts)
        ],
        "limit": MOST_AT_ONCE,
    }
    return render(request, "complaints/bulk_parts.html", context, status=HTTPStatus.BAD_REQUEST)


def _colleagues(request: MemberRequest) -> list[Any]:
    return colleagues(request.actor.own_merchant_id, asked_by=request.actor)


def _verb(action: Action, number: int) -> str:
    """Return what the button says: what it does, and to how many."""
    match action:
        case Action.HANDLE:
            words = ngettext("Handle %(number)d complaint", "Handle %(number)d complaints", number)
        case Action.REPLY:
            words = ngettext("Leave %(number)d message", "Leave %(number)d messages", number)
        case _:
            words = ngettext("Assign %(number)d complaint", "Assign %(number)d complaints", number)
    return words % {"number": number}


def _heading(plan: Plan) -> str:
    wish = plan.wish
    if wish.action == Action.ASSIGN:
        name = str(wish.assignee.user) if wish.assignee else ""
        return _("Assign to %(name)s") % {"name": name} if name else _("Assign to nobody")
    title = wish.reply.title if wish.reply else ""
    if wish.action == Action.HANDLE:
        return _("Handle with “%(title)s”") % {"title": title}
    return _("Reply with “%(title)s”") % {"title": title}


def _heading_of(run: BulkRun, done: int, number: int) -> str:
    """Say for how many it was done."""
    match run.wish["action"]:
        case Action.HANDLE:
            words = ngettext(
                "%(done)d of %(number)d complaint was handled", "%(done)d of %(number)d complaints were handled", number
            )
        case Action.REPLY:
            words = ngettext(
                "%(done)d of %(number)d message was left", "%(done)d of %(number)d messages were left", number
            )
        case _:
            words = ngettext(
                "%(done)d of %(number)d complaint was assigned",
                "%(done)d of %(number)d complaints were assigned",
                number,
            )
    return words % {"done": done, "number": number}


def _offer_to_take_back(request: MemberRequest, assignment: Assignment) -> None:
    number = len(assignment.before)
    words = ngettext("The complaint was assigned.", "%(number)d complaints were assigned.", number) % {"number": number}
    state = {"before": assignment.before, "to": assignment.to}
    offer_undo(request, words, reverse("complaints:assign_undo"), state)
