"""Merchant pages about consultations (服务咨询): the list, one with all that was said, replying and closing."""

from dataclasses import replace
from http import HTTPMethod, HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.counting import count_words
from common.errors import BadInput, IllegalMove
from common.keyset import BadCursor, Page, keyset_page
from complaints.consultations import services
from complaints.consultations.forms import FilterForm, ReplyForm
from complaints.consultations.permissions import may, require, visible_to
from complaints.consultations.queries import narrowed, segments, status_counts, who_replied, with_everything
from complaints.consultations.states import CONSULTATION, Status
from complaints.consultations.talk import talk
from complaints.models import Consultation
from merchants.members import administrators_of
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page


@require_safe
@member_page(Grant.VIEW)
def consultation_list(request: MemberRequest) -> HttpResponse:
    """List consultations: what waits for an answer longest first, then the others newest first."""
    form = FilterForm(request.GET, merchant_id=request.merchant.pk)
    context: dict[str, Any] = {"form": form, "now": request.now, "page": Page(rows=[], previous=None, next=None)}
    counts: dict[str, int] = {}
    if form.is_valid():
        wanted, statuses = form.wanted(), form.statuses()
        consultations = narrowed(visible_to(request.actor), wanted)
        counts = status_counts(consultations)
        try:
            page = keyset_page(segments(consultations, statuses), cursor=request.GET.get("cursor", ""))
        except BadCursor as refusal:
            context["cursor_refusal"] = str(refusal)
            page = keyset_page(segments(consultations, statuses))
        context |= {
            "page": page,
            "total": count_words(sum(counts[status] for status in statuses)),
            "narrowed": bool(wanted),
            "has_filters": bool(replace(wanted, search="")),
            "only_open": list(statuses) == [Status.OPEN],
            "may_reply": may(request.actor, "reply"),
        }
    context["tabs"] = form.tabs(request.GET, counts)
    return render(request, "consultations/list.html", context)


@require_safe
@member_page(Grant.VIEW)
def consultation_detail(request: MemberRequest, consultation_no: str) -> HttpResponse:
    """Show a consultation with everything that was said, and what can be done."""
    return _detail(request, consultation_no)


@member_page(Grant.VIEW)
def reply_to_consultation(request: MemberRequest, consultation_no: str) -> HttpResponse:
    """Reply to the consumer. What is wrong is said beside what was typed, and nothing of it is lost."""
    consultation = get_object_or_404(visible_to(request.actor), consultation_no=consultation_no)
    if request.method != HTTPMethod.POST:
        return redirect("consultations:detail", consultation_no)
    require(request.actor, "reply", consultation)
    form = ReplyForm(request.POST, request.FILES, consultation=consultation, actor=request.actor, now=request.now)
    status = HTTPStatus.BAD_REQUEST
    try:
        if form.is_valid():
            text, pictures = form.cleaned_data["text"], form.cleaned_data["pictures"]
            services.reply(consultation.pk, text, evidence=pictures, actor=request.actor, now=request.now)
            _say_that_it_was_sent(request, consultation, form.cleaned_data["seen"])
            return redirect("consultations:detail", consultation_no)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        form.add_error(None, str(refusal))
        status = HTTPStatus.CONFLICT
    return _detail(request, consultation_no, form=form, status=status)


def _say_that_it_was_sent(request: MemberRequest, consultation: Consultation, seen: int | None) -> None:
    """Say that a reply was sent, and who replied while it was written: two replies may say two things."""
    others = () if seen is None else who_replied(consultation, since=seen)[:-1]
    if others:
        names = {"names": ", ".join(dict.fromkeys(others))}
        messages.warning(
            request, _("The reply was sent. Meanwhile %(names)s replied too: see whether both agree.") % names
        )
    else:
        messages.success(request, _("The reply was sent; the consumer reads it on their page."))


@member_page(Grant.VIEW)
def close_consultation(request: MemberRequest, consultation_no: str) -> HttpResponse:
    """Close a consultation about which nothing more is to be said."""
    consultation = get_object_or_404(visible_to(request.actor), consultation_no=consultation_no)
    if request.method != HTTPMethod.POST:
        return redirect("consultations:detail", consultation_no)
    require(request.actor, "close", consultation)
    try:
        services.close(consultation.pk, actor=request.actor, now=request.now)
        messages.success(request, _("The consultation was closed."))
    except IllegalMove as refusal:
        messages.error(request, str(refusal))
    return redirect("consultations:detail", consultation_no)


def _detail(
    request: MemberRequest, consultation_no: str, *, form: ReplyForm | None = None, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    actor, now = request.actor, request.now
    consultation = get_object_or_404(with_everything(actor), consultation_no=consultation_no)
    possible = CONSULTATION.allowed(consultation.status)
    context: dict[str, Any] = {
        "consultation": consultation,
        "now": now,
        "moves": [verb for verb in ("reply", "close") if verb in possible and may(actor, verb, consultation)],
        "has_ended": consultation.status == Status.CLOSED,
        "entries": talk(consultation)[:-1],  # the question itself stands on top of the page
        "form": form or ReplyForm(consultation=consultation, actor=actor, now=now),
    }
    if not may(actor, "reply", consultation):
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.HANDLE}
    return render(request, "consultations/detail.html", context, status=status)
