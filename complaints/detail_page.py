"""The page of one complaint: all that is known about it, and each form with what this member typed into it already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from complaints.clocks import clocks_by_complaint
from complaints.forms import HandlingForm, MessageForm, NoteForm
from complaints.methods import NEEDS, refusal_of
from complaints.models import CannedReply, Complaint, Draft, Method
from complaints.neighbours import Neighbours, neighbours_of
from complaints.permissions import may
from complaints.queries import case_of
from complaints.states import COMPLAINT, OPEN, Status
from complaints.timeline import handling_of, timeline
from complaints.workspace.assigning import colleagues
from complaints.workspace.canned import canned_now
from complaints.workspace.drafts import drafts_of
from complaints.workspace.notes import Contact, lines_of
from complaints.workspace.presence import look
from complaints.workspace.typed import Typed, typed_in, with_reply
from deadlines.models import Deadline
from evidence.forms import kept_name
from merchants.members import administrators_of
from merchants.models import Grant
from merchants.pages import MemberRequest

Form = Draft.Form
OWN_CLOCKS = (Deadline.Kind.HANDLE, Deadline.Kind.FINISH)


@dataclass(frozen=True, slots=True)
class Unsent:
    """What was typed and uploaded for a move that came too late, because the complaint had moved on meanwhile."""

    why: str
    text: str
    pictures: Any
    """The bound field that kept them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the page shows beside what is known: a form that was refused, what came too late, a name asked for."""

    handling_form: HandlingForm | None = None
    message_form: MessageForm | None = None
    note_form: NoteForm | None = None
    unsent: Unsent | None = None
    contact: Contact | None = None
    status: HTTPStatus = HTTPStatus.OK


@dataclass(slots=True)
class Leftover:
    """A draft for a form that there is none of any more."""

    draft: Draft
    text: str


@dataclass(slots=True)
class Forms:
    """The forms of a page, and the drafts in them."""

    handling: HandlingForm
    message: MessageForm
    note: NoteForm
    drafts: dict[str, Draft] = field(default_factory=dict)
    leftovers: list[Leftover] = field(default_factory=list)


def detail_page(request: MemberRequest, complaint_no: str, answer: Answer | None = None) -> HttpResponse:
    """Show a complaint with forms for what this member can do now, filled in with what they typed already."""
    answer = answer or Answer()
    actor, now = request.actor, request.now
    found = case_of(actor, complaint_no)
    if not found:
        raise Http404
    (complaint,) = found
    possible = COMPLAINT.allowed(complaint.status)
    moves: list[str] = [
        verb for verb in ("handle", "leave_message") if verb in possible and may(actor, verb, complaint)
    ]
    is_worker = may(actor, "arrange", complaint)
    replies = canned_now(request.merchant.pk) if is_worker and moves else []
    forms = _forms(request, complaint, moves, replies, answer)
    clocks = clocks_by_complaint([complaint.pk])[complaint.pk]
    neighbours = neighbours_of(complaint, actor, request.GET.get("from", ""), now)
    context: dict[str, Any] = {
        "complaint": complaint,
        "handling": handling_of(complaint),
        "now": now,
        "all_clocks": clocks,
        "clocks": {clock.kind: clock for clock in clocks if clock.kind in OWN_CLOCKS},
        "missed": complaint.handle_by < now and complaint.status == Status.PENDING and not complaint.is_history,
        "moves": moves,
        "is_worker": is_worker,
        "has_ended": complaint.status not in OPEN,
        "unsent": answer.unsent,
        "contact": answer.contact,
        "entries": timeline(complaint),
        "lines": lines_of(complaint, actor),
        "replies": replies,
        "ways": (ways := _ways(complaint, forms.handling)),
        "pays_from_fund": any(way["value"] == Method.FUND_REFUND and not way["refusal"] for way in ways),
        "plan_next": quote(reverse("complaints:detail", args=[complaint_no]), safe=""),
        "handling_form": forms.handling,
        "message_form": forms.message,
        "note_form": forms.note,
        "drafts": forms.drafts,
        "leftovers": forms.leftovers,
        "onlookers": look(complaint.pk, actor=actor, now=now),
        **_way_through(neighbours),
    }
    if is_worker:
        context["people"] = [
            each
            for each in colleagues(request.merchant.pk, asked_by=actor)
            if each.may_work or each.membership_id == complaint.assignee_id
        ]
    if not may(actor, "handle", complaint):
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.HANDLE}
    return render(request, "complaints/detail.html", context, status=answer.status)


def _way_through(neighbours: Neighbours) -> dict[str, Any]:
    """Return the addresses of the complaints before and after this one, and what each address here ends with."""
    where = QueryDict(mutable=True)
    if neighbours.query:
        where["from"] = neighbours.query
    ending = f"?{where.urlencode()}" if neighbours.query else ""

    def address(complaint: Complaint | None) -> str:
        return reverse("complaints:detail", args=[complaint.complaint_no]) + ending if complaint else ""

    return {
        "has_previous": neighbours.previous is not None,
        "has_next": neighbours.next is not None,
        "previous_url": address(neighbours.previous),
        "next_url": address(neighbours.next),
        "list_query": f"?{neighbours.query}" if neighbours.query else "",
        "ending": ending,
    }


def _forms(
    request: MemberRequest, complaint: Complaint, moves: list[str], replies: list[CannedReply], answer: Answer
) -> Forms:
    """Return the forms of the page: as they were sent, or with the draft of this member, or empty."""
    given: dict[str, Any] = {"complaint": complaint, "actor": request.actor, "now": request.now}
    drafts = drafts_of(complaint, request.actor)
    open_forms = _open_forms(moves)
    message = answer.message_form
    if answer.unsent and "leave_message" in moves:
        message = _as_message(answer.unsent, given)
    forms = Forms(answer.handling_form or HandlingForm(**given), message or MessageForm(**given), NoteForm())
    forms.note = answer.note_form or forms.note
    typed = {form: typed_in(draft) for form, draft in drafts.items() if form in open_forms}
    typed |= _reply_asked_for(request, complaint, replies, typed, open_forms)
    for form, what in typed.items():
        shown: Any = {Form.HANDLING: forms.handling, Form.MESSAGE: forms.message, Form.NOTE: forms.note}[Form(form)]
        if shown.is_bound:
            continue
        if isinstance(shown, NoteForm):
            shown.take_up(what)
        else:
            shown.take_up(what, request.actor)
        if form in drafts:
            forms.drafts[form] = drafts[form]
    if not answer.unsent:
        texts = ((draft, typed_in(draft).text) for form, draft in drafts.items() if form not in open_forms)
        forms.leftovers = [Leftover(draft, text) for draft, text in texts if text]
    return forms


def _open_forms(moves: list[str]) -> set[str]:
    shown = {"handle": Form.HANDLING.value, "leave_message": Form.MESSAGE.value}
    return {Form.NOTE.value, *(shown[move] for move in moves)}


def _reply_asked_for(
    request: MemberRequest,
    complaint: Complaint,
    replies: list[CannedReply],
    typed: Mapping[str, Typed],
    open_forms: set[str],
) -> dict[str, Typed]:
    """Return the form into which the address asks to fill a canned reply (`?reply=`): for handling when it can."""
    wanted = request.GET.get("reply", "")
    canned = next((each for each in replies if str(each.pk) == wanted), None)
    if canned is None:
        return {}
    form = Form.HANDLING if canned.method and Form.HANDLING in open_forms else Form.MESSAGE
    if form not in open_forms:
        return {}
    return {form.value: with_reply(typed.get(form.value, Typed(form.value)), canned, complaint, request.actor)}


def _as_message(unsent: Unsent, given: dict[str, Any]) -> MessageForm:
    """Return the message form filled with what came too late, so that it can be sent as a message."""
    data = QueryDict(mutable=True)
    data["text"] = unsent.text
    data.setlist(kept_name("pictures"), unsent.pictures.value())
    return MessageForm(data, **given)


def _ways(complaint: Complaint, form: HandlingForm) -> list[dict[str, Any]]:
    """Return the six ways of handling with what each needs, and why one cannot be chosen here."""
    chosen = form["method"].value()
    return [
        {
            "value": method.value,
            "label": method.label,
            "hint": NEEDS[method].hint,
            "need": NEEDS[method],
            "checked": method.value == chosen,
            "reveals": "refund reason" if NEEDS[method].amount else "reason",
            "refusal": refusal_of(method, complaint) or "",
        }
        for method in Method
    ]
