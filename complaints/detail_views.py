"""Merchant pages about one complaint: what is known about it, handling it, and leaving a message."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.errors import BadInput, IllegalMove
from complaints import services
from complaints.detail_page import Answer, Unsent, detail_page
from complaints.forms import HandlingForm, MessageForm
from complaints.models import Complaint, Draft
from complaints.permissions import require, visible_to
from complaints.signed_out import keeps_typed, take_up
from complaints.states import COMPLAINT, Status
from complaints.workspace.drafts import drop_draft
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page

SENT = "sent"
"""The cookie that tells the script of the page which form was sent, so that it forgets what it kept of it."""


@require_safe
@member_page(Grant.VIEW)
def complaint_detail(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Show a complaint with everything known about it, and what can be done."""
    if take_up(request, complaint_no):
        messages.warning(
            request,
            _("You were signed out while you typed. Nothing was sent; what you typed stands on this page again."),
        )
    return detail_page(request, complaint_no)


@keeps_typed(Draft.Form.HANDLING)
@member_page(Grant.VIEW)
def handle_complaint(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Handle a complaint. What is missing, or what somebody else did meanwhile, is said beside what was typed."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    if request.method != "POST":
        return back_to(request, complaint_no)
    require(request.actor, "handle", complaint)
    form = HandlingForm(request.POST, request.FILES, complaint=complaint, actor=request.actor, now=request.now)
    try:
        COMPLAINT.target("handle", complaint.status, to=Status.HANDLED)
        if form.is_valid():
            services.handle(complaint.pk, form.given(), actor=request.actor, now=request.now)
            messages.success(request, _("The complaint was handled."))
            return sent(request, complaint, Draft.Form.HANDLING)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        if refusal.field in form.fields:
            form.add_error(refusal.field, str(refusal))
            answer = Answer(handling_form=form, status=HTTPStatus.CONFLICT)
            return detail_page(request, complaint_no, answer)
        unsent = Unsent(str(refusal), text=str(form.data.get("note", "")), pictures=form["pictures"])
        return detail_page(request, complaint_no, Answer(unsent=unsent, status=HTTPStatus.CONFLICT))
    return detail_page(request, complaint_no, Answer(handling_form=form, status=HTTPStatus.BAD_REQUEST))


@keeps_typed(Draft.Form.MESSAGE)
@member_page(Grant.VIEW)
def leave_message(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Leave a message with the consumer and the platform's support. It is not handling, and the answer says so."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    if request.method != "POST":
        return back_to(request, complaint_no)
    require(request.actor, "leave_message", complaint)
    form = MessageForm(request.POST, request.FILES, complaint=complaint, actor=request.actor, now=request.now)
    try:
        if form.is_valid():
            text, pictures = form.cleaned_data["text"], form.cleaned_data["pictures"]
            services.leave_message(complaint.pk, text, evidence=pictures, actor=request.actor, now=request.now)
            _say_that_the_message_is_left(request, complaint)
            return sent(request, complaint, Draft.Form.MESSAGE, "#history")
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        unsent = Unsent(str(refusal), text=str(form.data.get("text", "")), pictures=form["pictures"])
        return detail_page(request, complaint_no, Answer(unsent=unsent, status=HTTPStatus.CONFLICT))
    return detail_page(request, complaint_no, Answer(message_form=form, status=HTTPStatus.BAD_REQUEST))


def _say_that_the_message_is_left(request: MemberRequest, complaint: Complaint) -> None:
    if complaint.status == Status.PENDING:
        messages.warning(request, _("The message was left. The complaint is still pending: a message is not handling."))
    else:
        messages.success(request, _("The message was left."))


def sent(request: MemberRequest, complaint: Complaint, form: str, place: str = "") -> HttpResponse:
    """Lead back to the complaint after one of its forms was sent: nothing of it is a draft any more."""
    drop_draft(complaint.pk, form, actor=request.actor)
    response = back_to(request, complaint.complaint_no, place)
    response.set_cookie(
        SENT,
        form,
        max_age=60,
        path=reverse("complaints:detail", args=[complaint.complaint_no]),
        secure=request.is_secure(),
        samesite="Lax",
    )
    return response


def back_to(request: MemberRequest, complaint_no: str, place: str = "") -> HttpResponse:
    """Lead back to the complaint, and keep from which list it was opened."""
    came_from = request.GET.get("from", "")
    ending = f"?{urlencode({'from': came_from})}" if came_from else ""
    return redirect(reverse("complaints:detail", args=[complaint_no]) + ending + place)
