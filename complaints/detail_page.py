"""The page of one complaint: all that is known about it, and each form with what this member typed into it already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render

from common.actors import Actor
from common.addresses import address
from common.together import together
from complaints.beside import look_beside
from complaints.clocks import clocks_by_complaint
from complaints.consultations.talk import became
from complaints.forms import HandlingForm, MessageForm, NoteForm
from complaints.methods import NEEDS, refusal_of
from complaints.models import CannedReply, Complaint, Draft, InternalLine, Method
from complaints.neighbours import Neighbours, neighbours_of
from complaints.permissions import may
from complaints.queries import case_of, lay_all_beside
from complaints.states import COMPLAINT, OPEN, Status
from complaints.timeline import handling_of, timeline
from complaints.workspace.assigning import Colleague, colleagues
from complaints.workspace.canned import canned_now
from complaints.workspace.drafts import drafts_of
from complaints.workspace.notes import Contact, lines_of
from complaints.workspace.presence import look
from complaints.workspace.typed import Typed, typed_in, with_reply
from deadlines.models import Deadline
from evidence.forms import kept_name
from merchants.members import administrators_of
from merchants.models import Grant
from merchants.pages import MemberRequest, frame_of

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


@dataclass(slots=True)
class Known:
    """All that is looked up for the page of a complaint."""

    complaint: Complaint
    moves: list[str]
    """What this member can do about it now."""
    is_worker: bool
    clocks: list[Deadline]
    neighbours: Neighbours
    drafts: dict[str, Draft]
    lines: list[InternalLine]
    refusals: dict[str, str]
    """By way of handling, why it cannot be chosen; empty where it can."""
    replies: list[CannedReply]
    people: list[Colleague]
    beside: dict[str, Any]
    """What upper apps show beside it."""


def detail_page(request: MemberRequest, complaint_no: str, answer: Answer | None = None) -> HttpResponse:
    """Show a complaint with forms for what this member can do now, filled in with what they typed already."""
    answer = answer or Answer()
    actor, now = request.actor, request.now
    with together() as side:
        side(frame_of, request)
        found = side(_look_up, request, complaint_no)
    known = found.value
    if not known:
        raise Http404
    complaint, clocks = known.complaint, known.clocks
    forms = _forms(request, known, answer)
    context: dict[str, Any] = {
        "complaint": complaint,
        "handling": handling_of(complaint),
        "now": now,
        "all_clocks": clocks,
        "clocks": {clock.kind: clock for clock in clocks if clock.kind in OWN_CLOCKS},
        "missed": complaint.handle_by < now and complaint.status == Status.PENDING and not complaint.is_history,
        "moves": known.moves,
        "is_worker": known.is_worker,
        "has_ended": complaint.status not in OPEN,
        "unsent": answer.unsent,
        "contact": answer.contact,
        "entries": timeline(complaint),
        "lines": known.lines,
        "replies": known.replies,
        "ways": _ways(forms.handling, known.refusals),
        "pays_from_fund": not known.refusals[Method.FUND_REFUND],
        "plan_next": quote(address("complaints:detail", complaint_no), safe=""),
        "handling_form": forms.handling,
        "message_form": forms.message,
        "note_form": forms.note,
        "drafts": forms.drafts,
        "leftovers": forms.leftovers,
        "onlookers": look(complaint.pk, actor=actor, now=now),
        "people": known.people,
        **known.beside,
        **_way_through(known.neighbours),
    }
    if not may(actor, "handle", complaint):
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.HANDLE}
    return render(request, "complaints/detail.html", context, status=answer.status)


def _look_up(request: MemberRequest, complaint_no: str) -> Known | None:
    actor, merchant_id = request.actor, request.merchant.pk
    found = case_of(actor, complaint_no)
    if not found:
        return None
    (complaint,) = found
    possible = COMPLAINT.allowed(complaint.status)
    moves: list[str] = [
        verb for verb in ("handle", "leave_message") if verb in possible and may(actor, verb, complaint)
    ]
    is_worker = may(actor, "arrange", complaint)
    with together() as side:
        side(lay_all_beside, complaint)
        side(became, complaint)
        clocks = side(clocks_by_complaint, [complaint.pk])
        neighbours = side(neighbours_of, complaint, actor, request.GET.get("from", ""), request.now)
        drafts, lines = side(drafts_of, complaint, actor), side(lines_of, complaint, actor)
        refusals = side(_refusals, complaint)
        replies = side(canned_now, merchant_id) if is_worker and moves else None
        people = side(_people, complaint, actor) if is_worker else None
        beside = look_beside(side, [complaint.pk])
    return Known(
        complaint,
        moves,
        is_worker,
        clocks.value[complaint.pk],
        neighbours.value,
        drafts.value,
        lines.value,
        refusals.value,
        replies.value if replies else [],
        people.value if people else [],
        {name: each.value for name, each in beside.items()},
    )


def _refusals(complaint: Complaint) -> dict[str, str]:
    return {method.value: str(refusal_of(method, complaint) or "") for method in Method}


def _people(complaint: Complaint, actor: Actor) -> list[Colleague]:
    """Return to whom a complaint can be assigned, and to whom it is."""
    known = colleagues(complaint.merchant_id, asked_by=actor)
    return [each for each in known if each.may_work or each.membership_id == complaint.assignee_id]


def _way_through(neighbours: Neighbours) -> dict[str, Any]:
    """Return the addresses of the complaints before and after this one, and what each address here ends with."""
    where = QueryDict(mutable=True)
    if neighbours.query:
        where["from"] = neighbours.query
    ending = f"?{where.urlencode()}" if neighbours.query else ""

    def page_of(complaint: Complaint | None) -> str:
        return address("complaints:detail", complaint.complaint_no) + ending if complaint else ""

    return {
        "has_previous": neighbours.previous is not None,
        "has_next": neighbours.next is not None,
        "previous_url": page_of(neighbours.previous),
        "next_url": page_of(neighbours.next),
        "list_query": f"?{neighbours.query}" if neighbours.query else "",
        "ending": ending,
    }


def _forms(request: MemberRequest, known: Known, answer: Answer) -> Forms:
    """Return the forms of the page: as they were sent, or with the draft of this member, or empty."""
    complaint, moves, drafts = known.complaint, known.moves, known.drafts
    given: dict[str, Any] = {"complaint": complaint, "actor": request.actor, "now": request.now}
    open_forms = _open_forms(moves)
    message = answer.message_form
    if answer.unsent and "leave_message" in moves:
        message = _as_message(answer.unsent, given)
    forms = Forms(answer.handling_form or HandlingForm(**given), message or MessageForm(**given), NoteForm())
    forms.note = answer.note_form or forms.note
    typed = {form: typed_in(draft) for form, draft in drafts.items() if form in open_forms}
    typed |= _reply_asked_for(request, complaint, known.replies, typed, open_forms)
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


def _ways(form: HandlingForm, refusals: Mapping[str, str]) -> list[dict[str, Any]]:
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
            "refusal": refusals[method],
        }
        for method in Method
    ]
