"""Merchant pages about one complaint: what is known about it, handling it, and leaving a message."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.errors import BadInput, IllegalMove
from complaints import services
from complaints.forms import HandlingForm, MessageForm
from complaints.methods import NEEDS, refusal_of
from complaints.models import Complaint, Method
from complaints.permissions import may, require, visible_to
from complaints.queries import clocks_of, with_everything
from complaints.states import COMPLAINT, OPEN, Status
from complaints.timeline import handling_of, timeline
from evidence.forms import kept_name
from merchants.members import administrators_of
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page


@require_safe
@member_page(Grant.VIEW)
def complaint_detail(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Show a complaint with everything known about it, and what can be done."""
    return _detail(request, complaint_no)


@member_page(Grant.VIEW)
def handle_complaint(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Handle a complaint. What is missing, or what somebody else did meanwhile, is said beside what was typed."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    if request.method != "POST":
        return redirect("complaints:detail", complaint_no)
    require(request.actor, "handle", complaint)
    form = HandlingForm(request.POST, request.FILES, complaint=complaint, actor=request.actor, now=request.now)
    try:
        COMPLAINT.target("handle", complaint.status, to=Status.HANDLED)
        if form.is_valid():
            services.handle(complaint.pk, form.given(), actor=request.actor, now=request.now)
            messages.success(request, _("The complaint was handled."))
            return redirect("complaints:detail", complaint_no)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        if refusal.field in form.fields:
            form.add_error(refusal.field, str(refusal))
            return _detail(request, complaint_no, handling_form=form, status=HTTPStatus.CONFLICT)
        unsent = Unsent(str(refusal), text=str(form.data.get("note", "")), pictures=form["pictures"])
        return _detail(request, complaint_no, unsent=unsent, status=HTTPStatus.CONFLICT)
    return _detail(request, complaint_no, handling_form=form, status=HTTPStatus.BAD_REQUEST)


@member_page(Grant.VIEW)
def leave_message(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Leave a message with the consumer and the platform's support. It is not handling, and the answer says so."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    if request.method != "POST":
        return redirect("complaints:detail", complaint_no)
    require(request.actor, "leave_message", complaint)
    form = MessageForm(request.POST, request.FILES, complaint=complaint, actor=request.actor, now=request.now)
    try:
        if form.is_valid():
            text, pictures = form.cleaned_data["text"], form.cleaned_data["pictures"]
            services.leave_message(complaint.pk, text, evidence=pictures, actor=request.actor, now=request.now)
            _say_that_the_message_is_left(request, complaint)
            return redirect(f"{reverse('complaints:detail', args=[complaint_no])}#history")
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        unsent = Unsent(str(refusal), text=str(form.data.get("text", "")), pictures=form["pictures"])
        return _detail(request, complaint_no, unsent=unsent, status=HTTPStatus.CONFLICT)
    return _detail(request, complaint_no, message_form=form, status=HTTPStatus.BAD_REQUEST)


def _say_that_the_message_is_left(request: MemberRequest, complaint: Complaint) -> None:
    if complaint.status == Status.PENDING:
        messages.warning(request, _("The message was left. The complaint is still pending: a message is not handling."))
    else:
        messages.success(request, _("The message was left."))


@dataclass(frozen=True, slots=True)
class Unsent:
    """What was typed and uploaded for a move that came too late, because the complaint had moved on meanwhile."""

    why: str
    text: str
    pictures: Any
    """The bound field that kept them."""


def _detail(
    request: MemberRequest,
    complaint_no: str,
    *,
    handling_form: HandlingForm | None = None,
    message_form: MessageForm | None = None,
    unsent: Unsent | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    """Show a complaint with forms for what this member can do now, filled in with what they typed already."""
    actor, now = request.actor, request.now
    complaint = get_object_or_404(with_everything(actor), complaint_no=complaint_no)
    possible = COMPLAINT.allowed(complaint.status)
    moves = [verb for verb in ("handle", "leave_message") if verb in possible and may(actor, verb, complaint)]
    if unsent and "leave_message" in moves:
        message_form = _as_message(unsent, complaint, request)
    context: dict[str, Any] = {
        "complaint": complaint,
        "handling": handling_of(complaint),
        "now": now,
        "clocks": clocks_of(complaint),
        "missed": complaint.handle_by < now and complaint.status == Status.PENDING and not complaint.is_history,
        "moves": moves,
        "has_ended": complaint.status not in OPEN,
        "unsent": unsent,
        "entries": timeline(complaint),
        "ways": _ways(complaint, handling_form),
        "handling_form": handling_form or HandlingForm(complaint=complaint, actor=actor, now=now),
        "message_form": message_form or MessageForm(complaint=complaint, actor=actor, now=now),
    }
    if not may(actor, "handle", complaint):
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.HANDLE}
    return render(request, "complaints/detail.html", context, status=status)


def _as_message(unsent: Unsent, complaint: Complaint, request: MemberRequest) -> MessageForm:
    """Return the message form filled with what came too late, so that it can be sent as a message."""
    data = QueryDict(mutable=True)
    data["text"] = unsent.text
    data.setlist(kept_name("pictures"), unsent.pictures.value())
    return MessageForm(data, complaint=complaint, actor=request.actor, now=request.now)


def _ways(complaint: Complaint, form: HandlingForm | None) -> list[dict[str, Any]]:
    """Return the six ways of handling with what each needs, and why one cannot be chosen here."""
    chosen = form["method"].value() if form else None
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
