"""What members do around a complaint: note, keep what they type, look at a name and phone, see who else is there."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from common.errors import BadInput
from common.undo import offer_undo, taken_back
from common.wording import beijing_time
from complaints.detail_page import Answer, detail_page
from complaints.detail_views import back_to, sent
from complaints.forms import HandlingForm, MessageForm, NoteForm
from complaints.models import Complaint, Draft
from complaints.permissions import require, visible_to
from complaints.signed_out import keeps_typed
from complaints.workspace import notes
from complaints.workspace.canned import canned_of
from complaints.workspace.drafts import FIELDS, drafts_of, drop_draft, save_draft
from complaints.workspace.presence import look
from complaints.workspace.typed import Typed, merged, sent_in, typed_in, with_reply
from merchants.models import Grant
from merchants.pages import MemberRequest, is_asked_by_script, member_page

PLACES = {Draft.Form.HANDLING: "#handle", Draft.Form.MESSAGE: "#message", Draft.Form.NOTE: "#notes"}
"""Where each form stands on the page."""


@keeps_typed(Draft.Form.NOTE)
@member_page(Grant.VIEW)
def write_note(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Note something that only members of the merchant read."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    if request.method != "POST":
        return back_to(request, complaint_no)
    require(request.actor, "arrange", complaint)
    form = NoteForm(request.POST)
    try:
        if form.is_valid():
            notes.write_note(complaint.pk, form.cleaned_data["text"], actor=request.actor, now=request.now)
            messages.success(request, _("The note was written. Only members of your merchant read it."))
            return sent(request, complaint, Draft.Form.NOTE, "#notes")
    except BadInput as refusal:
        form.add_error("text", str(refusal))
    return detail_page(request, complaint_no, Answer(note_form=form, status=HTTPStatus.BAD_REQUEST))


@never_cache
@member_page(Grant.VIEW)
def reveal(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Show the consumer's name and phone whole, once, on the page of the complaint; it is written down."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    if request.method != "POST":
        return back_to(request, complaint_no)
    contact = notes.reveal(complaint.pk, actor=request.actor, now=request.now)
    return detail_page(request, complaint_no, Answer(contact=contact))


@never_cache
@require_safe
@member_page(Grant.VIEW)
def presence(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Say who else looks at the complaint, and note that this member still does; the page asks every ten seconds."""
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    writes = request.GET.get("writes", "")
    onlookers = look(complaint.pk, writes=writes, actor=request.actor, now=request.now)
    return render(request, "complaints/_presence.html", {"onlookers": onlookers})


@keeps_typed()
@member_page(Grant.VIEW)
def draft(request: MemberRequest, complaint_no: str) -> HttpResponse:
    """Keep what stands in a form, fill a canned reply into it, throw it away, or take that back.

    `step` says which: `keep`, `fill` or `throw`. A script that keeps it while somebody types gets a sentence as JSON.
    """
    complaint = get_object_or_404(visible_to(request.actor).select_related("mini_program"), complaint_no=complaint_no)
    if request.method != "POST":
        return back_to(request, complaint_no)
    require(request.actor, "handle", complaint)
    if "undo" in request.POST:
        return _bring_back(request, complaint)
    form = request.POST.get("form", "")
    if form not in FIELDS:
        raise BadInput(_("This form keeps no draft."), field="form")
    step = request.POST.get("step", "keep")
    if step == "throw":
        return _throw_away(request, complaint, form)
    typed, problems = _typed(request, complaint, form)
    if step == "fill":
        typed = _filled(request, complaint, typed)
    return _keep(request, complaint, typed, problems, is_told=step == "keep")


def _typed(request: MemberRequest, complaint: Complaint, form: str) -> tuple[Typed, list[str]]:
    """Return what was sent of a form, its pictures stored, and what was wrong with those that were not taken."""
    if form == Draft.Form.NOTE:
        return sent_in(form, request.POST), []
    given: dict[str, Any] = {"complaint": complaint, "actor": request.actor, "now": request.now}
    kind = HandlingForm if form == Draft.Form.HANDLING else MessageForm
    bound = kind(request.POST, request.FILES, **given)
    problems = [str(error) for error in bound.errors.get("pictures", ()) if request.FILES]
    return sent_in(form, request.POST, tuple(bound["pictures"].value())), problems


def _filled(request: MemberRequest, complaint: Complaint, typed: Typed) -> Typed:
    chosen = request.POST.get("reply", "")
    replies = canned_of(request.merchant.pk)
    canned = replies.filter(pk=chosen).first() if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19 else None
    if canned is None:
        messages.error(request, _("Choose a canned reply first."))
        return typed
    messages.info(request, _("Filled in: %(title)s. Nothing is sent yet.") % {"title": canned.title})
    return with_reply(typed, canned, complaint, request.actor)


def _keep(
    request: MemberRequest, complaint: Complaint, typed: Typed, problems: list[str], *, is_told: bool
) -> HttpResponse:
    """Keep it, and answer a script with a sentence and anybody else with the page."""
    try:
        kept = save_draft(
            complaint.pk, typed.form, typed.fields, pictures=typed.pictures, actor=request.actor, now=request.now
        )
    except BadInput as refusal:
        if is_asked_by_script(request):
            return JsonResponse({"words": str(refusal)}, status=HTTPStatus.BAD_REQUEST)
        return _refused(request, complaint, typed.form, str(refusal))
    if is_asked_by_script(request):
        return JsonResponse({"words": kept_words(kept) if kept else ""})
    for problem in problems:
        messages.error(request, problem)
    if is_told:
        messages.success(request, kept_words(kept) if kept else _("There is nothing to keep."))
    return back_to(request, complaint.complaint_no, PLACES[Draft.Form(typed.form)])


def _refused(request: MemberRequest, complaint: Complaint, form: str, why: str) -> HttpResponse:
    """Show what was typed again with why it was not kept."""
    given: dict[str, Any] = {"complaint": complaint, "actor": request.actor, "now": request.now}
    status = HTTPStatus.BAD_REQUEST
    if form == Draft.Form.HANDLING:
        handling_form = HandlingForm(request.POST, **given)
        handling_form.add_error(None, why)
        return detail_page(request, complaint.complaint_no, Answer(handling_form=handling_form, status=status))
    if form == Draft.Form.MESSAGE:
        message_form = MessageForm(request.POST, **given)
        message_form.add_error(None, why)
        return detail_page(request, complaint.complaint_no, Answer(message_form=message_form, status=status))
    note_form = NoteForm(request.POST)
    note_form.add_error(None, why)
    return detail_page(request, complaint.complaint_no, Answer(note_form=note_form, status=status))


def kept_words(kept: Draft) -> str:
    """Say when a draft was kept."""
    return _("Draft kept: %(at)s") % {"at": beijing_time(kept.saved_at, seconds=True)}


def _throw_away(request: MemberRequest, complaint: Complaint, form: str) -> HttpResponse:
    kept = drafts_of(complaint, request.actor).get(form)
    drop_draft(complaint.pk, form, actor=request.actor)
    if kept is not None:
        typed = typed_in(kept)
        held = {"form": form, "fields": dict(typed.fields), "pictures": list(typed.pictures)}
        url = reverse("complaints:draft", args=[complaint.complaint_no])
        offer_undo(request, _("The draft was thrown away."), url, held)
    return back_to(request, complaint.complaint_no, PLACES[Draft.Form(form)])


def _bring_back(request: MemberRequest, complaint: Complaint) -> HttpResponse:
    """Keep again what was thrown away a moment ago, in front of what was typed since."""
    held = taken_back(request)
    typed = Typed(held["form"], held["fields"], tuple(held["pictures"]))
    since = drafts_of(complaint, request.actor).get(typed.form)
    if since is not None:
        typed = merged(typed, typed_in(since))
    save_draft(complaint.pk, typed.form, typed.fields, pictures=typed.pictures, actor=request.actor, now=request.now)
    messages.success(request, _("The draft is here again."))
    return back_to(request, complaint.complaint_no, PLACES[Draft.Form(typed.form)])
