"""Merchant pages about appeals: submitting one, the records, and one appeal with what can be done about it."""

from http import HTTPMethod, HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from appeals import services
from appeals.drafts import draft_of, keep_draft
from appeals.forms import AppealForm, SupplementForm, proof_labels
from appeals.models import Appeal, AppealDraft
from appeals.permissions import may, require, visible_to
from appeals.queries import (
    Attempts,
    attempts_of,
    evidence_of_case,
    listed,
    said_before,
    status_counts,
    with_evidence,
)
from appeals.states import APPEAL, Status
from common.counting import count_words
from common.errors import BadInput, IllegalMove
from common.keyset import BadCursor, Segment, keyset_page
from common.wording import beijing_time
from merchants.members import administrators_of
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page, no_access
from penalties.models import Penalty
from penalties.permissions import may as may_penalty
from penalties.permissions import require as require_penalty
from penalties.permissions import visible_to as visible_penalties
from penalties.queries import window_is_open


@member_page(Grant.VIEW)
def appeal_penalty(request: MemberRequest, penalty_no: str) -> HttpResponse:
    """Write an appeal, look at it once more, and submit it: it counts at the moment when the last of these arrived.

    `step` says which button was pressed: `draft` keeps what is there, `check` leads to the page that asks once more,
    `edit` back from it, and `submit` submits.
    """
    penalty = _penalty(request, penalty_no)
    if not may_penalty(request.actor, "appeal", penalty):
        return no_access(request, Grant.APPEAL)
    attempts = attempts_of([penalty], actor=request.actor, now=request.now)[penalty.pk]
    if request.method != HTTPMethod.POST:
        return _start(request, penalty, attempts)
    if attempts.answer.refusal is not None:
        form = AppealForm(request.POST, penalty=penalty, actor=request.actor, now=request.now, is_draft=True)
        return _form_page(request, form, attempts, refusal=str(attempts.answer.refusal), status=HTTPStatus.CONFLICT)
    return _take(request, penalty, attempts, step=request.POST.get("step", "check"))


def _take(request: MemberRequest, penalty: Penalty, attempts: Attempts, *, step: str) -> HttpResponse:
    """Do what the button asked for, with a form that forgets nothing."""
    form = _sent_form(request, penalty, is_draft=step in ("draft", "edit"))
    if step in ("draft", "check"):
        _keep(request, form)
    if not form.is_valid():
        return _form_page(request, form, attempts, status=HTTPStatus.BAD_REQUEST)
    match step:
        case "edit":
            return _form_page(request, form, attempts)
        case "draft":
            messages.success(request, _("The draft was saved. Only you see it, and it is not submitted yet."))
            return redirect("appeals:submit", penalty.penalty_no)
        case "submit":
            return _submit(request, form, attempts)
    return _confirm_page(request, form, attempts)


def _start(request: MemberRequest, penalty: Penalty, attempts: Attempts) -> HttpResponse:
    """Show the form for the first time, with the draft in it; or go back to the penalty, which says why not."""
    if attempts.answer.refusal is not None:
        messages.warning(request, str(attempts.answer.refusal))
        return redirect("penalties:detail", penalty.penalty_no)
    form = AppealForm(penalty=penalty, actor=request.actor, now=request.now)
    draft = draft_of(penalty, user_id=request.memberships[0].user_id)
    if draft is not None:
        form.take_up(draft)
    return _form_page(request, form, attempts, draft=draft)


def _submit(request: MemberRequest, form: AppealForm, attempts: Attempts) -> HttpResponse:
    """Submit a form that is whole; a refusal of the verb stands in the form, with everything kept."""
    try:
        appeal = services.submit(form.penalty.pk, form.given(), actor=request.actor, now=request.now)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return _form_page(request, form, attempts, status=HTTPStatus.BAD_REQUEST)
    except IllegalMove as refusal:
        return _form_page(request, form, attempts, refusal=str(refusal), status=HTTPStatus.CONFLICT)
    messages.success(request, _("The appeal was submitted. Its progress stands on this page."))
    return redirect("appeals:detail", appeal.pk)


@require_POST
@member_page(Grant.VIEW)
def save_draft(request: MemberRequest, penalty_no: str) -> HttpResponse:
    """Keep what stands in the form while somebody writes, without its new pictures: a script asks for it.

    Refuses when the penalty cannot be appealed, so that nothing is left over from what was submitted meanwhile.
    """
    penalty = _penalty(request, penalty_no)
    require_penalty(request.actor, "appeal", penalty)
    refusal = attempts_of([penalty], actor=request.actor, now=request.now)[penalty.pk].answer.refusal
    if refusal is not None:
        return JsonResponse({"words": str(refusal)}, status=HTTPStatus.CONFLICT)
    form = _sent_form(request, penalty, is_draft=True)
    draft = _keep(request, form)
    if draft is None or form.errors:
        sentences = [str(error) for errors in form.errors.values() for error in errors]
        return JsonResponse({"words": " ".join(sentences)}, status=HTTPStatus.BAD_REQUEST)
    return JsonResponse({"words": saved_words(draft)})


def _penalty(request: MemberRequest, penalty_no: str) -> Penalty:
    penalties = visible_penalties(request.actor).select_related("complaint", "mini_program")
    return get_object_or_404(penalties, penalty_no=penalty_no)


def _sent_form(request: MemberRequest, penalty: Penalty, *, is_draft: bool) -> AppealForm:
    return AppealForm(
        request.POST, request.FILES, penalty=penalty, actor=request.actor, now=request.now, is_draft=is_draft
    )


def _keep(request: MemberRequest, form: AppealForm) -> AppealDraft | None:
    """Keep what was typed and uploaded as a draft; None when the text is none that could be kept."""
    form.errors  # noqa: B018 (cleans the form, which keeps its pictures)
    given = form.given()
    if "description" not in form.cleaned_data and len(request.POST.get("description", "")) > 0:
        return None
    return keep_draft(
        form.penalty,
        user_id=request.memberships[0].user_id,
        description=given.description,
        proofs=given.proofs,
        evidence=given.evidence,
        now=request.now,
    )


def saved_words(draft: AppealDraft) -> str:
    """Say when a draft was saved."""
    return _("Draft saved: %(at)s") % {"at": beijing_time(draft.saved_at, seconds=True)}


def _form_page(
    request: MemberRequest,
    form: AppealForm,
    attempts: Attempts,
    *,
    draft: AppealDraft | None = None,
    refusal: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    kept = form["pictures"].kept  # type: ignore[attr-defined]  # a BoundPictures
    tokens = {picture.id for picture in kept}
    context = {
        "form": form,
        "penalty": form.penalty,
        "checklist": form.checklist(),
        "offered": [each for each in evidence_of_case(form.penalty) if each.token not in tokens],
        "kept": kept,
        "has_text": bool(str(form["description"].value() or "").strip()),
        "attempts": attempts,
        "draft_words": saved_words(draft) if draft else "",
        "refusal": refusal,
        "now": request.now,
    }
    return render(request, "appeals/form.html", context, status=status)


def _confirm_page(request: MemberRequest, form: AppealForm, attempts: Attempts) -> HttpResponse:
    context = {
        "form": form,
        "given": form.given(),
        "proofs": proof_labels(form.given().proofs),
        "penalty": form.penalty,
        "attempts_left": attempts.answer.attempts_left,
        "left_after": attempts.answer.attempts_left - 1,
        "now": request.now,
    }
    return render(request, "appeals/confirm.html", context)


@require_safe
@member_page(Grant.VIEW)
def appeal_list(request: MemberRequest) -> HttpResponse:
    """List the appeals of a merchant, the newest first, by status."""
    appeals = visible_to(request.actor)
    chosen = request.GET.get("status", "")
    status = chosen if chosen in Status.values else ""
    rows = listed(request.actor).filter(**({"status": status} if status else {}))
    context: dict[str, Any] = {"now": request.now, "status": status, "tabs": _tabs(status, status_counts(appeals))}
    try:
        page = keyset_page([Segment(rows, "-submitted_at")], cursor=request.GET.get("cursor", ""))
    except BadCursor as refusal:
        context["cursor_refusal"] = str(refusal)
        page = keyset_page([Segment(rows, "-submitted_at")])
    return render(request, "appeals/list.html", context | {"page": page})


def _tabs(chosen: str, counts: dict[str, int]) -> list[dict[str, Any]]:
    tabs = [("", _("All"), sum(counts.values()))]
    tabs += [(status.value, capfirst(str(status.label)), counts[status.value]) for status in Status]
    return [
        {
            "url": f"?status={value}" if value else "?",
            "label": label,
            "current": value == chosen,
            "count": count_words(count),
        }
        for value, label, count in tabs
    ]


@require_safe
@member_page(Grant.VIEW)
def appeal_detail(request: MemberRequest, appeal_id: int) -> HttpResponse:
    """Show an appeal: how far it is, what was said and proved, what staff decided or ask for."""
    return _detail(request, appeal_id)


@member_page(Grant.VIEW)
def supplement_appeal(request: MemberRequest, appeal_id: int) -> HttpResponse:
    """Give what staff asked for. A refusal stands beside what was typed."""
    appeal = get_object_or_404(visible_to(request.actor), pk=appeal_id)
    if request.method != HTTPMethod.POST:
        return redirect("appeals:detail", appeal_id)
    require(request.actor, "supplement", appeal)
    form = SupplementForm(request.POST, request.FILES, appeal=appeal, actor=request.actor, now=request.now)
    try:
        if form.is_valid():
            text, pictures = form.cleaned_data["supplement"], form.cleaned_data["pictures"]
            services.supplement(appeal.pk, text, evidence=pictures, actor=request.actor, now=request.now)
            messages.success(request, _("Your answer was sent. The review goes on."))
            return redirect("appeals:detail", appeal_id)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        return _detail(request, appeal_id, form=form, refusal=str(refusal), status=HTTPStatus.CONFLICT)
    return _detail(request, appeal_id, form=form, status=HTTPStatus.BAD_REQUEST)


@member_page(Grant.VIEW)
def withdraw_appeal(request: MemberRequest, appeal_id: int) -> HttpResponse:
    """Withdraw an open appeal; the page that leads here has asked whether that is meant."""
    appeal = get_object_or_404(visible_to(request.actor), pk=appeal_id)
    if request.method != HTTPMethod.POST:
        return redirect("appeals:detail", appeal_id)
    require(request.actor, "withdraw", appeal)
    try:
        services.withdraw(appeal.pk, actor=request.actor, now=request.now)
    except IllegalMove as refusal:
        return _detail(request, appeal_id, refusal=str(refusal), status=HTTPStatus.CONFLICT)
    messages.success(request, _("The appeal was withdrawn. No attempt was spent; the penalty is in effect again."))
    return redirect("appeals:detail", appeal_id)


def _detail(
    request: MemberRequest,
    appeal_id: int,
    *,
    form: SupplementForm | None = None,
    refusal: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    actor, now = request.actor, request.now
    appeal = get_object_or_404(with_evidence(listed(actor)), pk=appeal_id)
    steps, current = progress(appeal)
    moves = [
        verb
        for verb in APPEAL.allowed(appeal.status)
        if verb in ("supplement", "withdraw") and may(actor, verb, appeal)
    ]
    context = {
        "appeal": appeal,
        "penalty": appeal.penalty,
        "steps": steps,
        "current": current,
        "moves": moves,
        "said_before": said_before(appeal) if appeal.asked_at or appeal.decided_at else [],
        "is_asked": appeal.status == Status.MORE_WANTED,
        "is_late": appeal.supplement_by is not None and now > appeal.supplement_by,
        "is_window_open": window_is_open(appeal.penalty, now=now),
        "supplement_form": form or SupplementForm(appeal=appeal, actor=actor, now=now),
        "refusal": refusal,
        "now": now,
    }
    if appeal.status == Status.MORE_WANTED and not may(actor, "supplement", appeal):
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.APPEAL}
    return render(request, "appeals/detail.html", context, status=status)


def progress(appeal: Appeal) -> tuple[list[str], int]:
    """Return the steps of an appeal, and which one it is at, counted from 1; one more than there are is the end."""
    if appeal.status == Status.WITHDRAWN:
        steps = [STEPS["submitted"], STEPS["withdrawn"]]
        return [str(step) for step in steps], 3
    names = ["submitted", "asked", "goes_on", "decided"] if appeal.asked_at else ["submitted", "review", "decided"]
    at = {Status.MORE_WANTED: 2, Status.SUBMITTED: len(names) - 1}.get(Status(appeal.status), len(names) + 1)
    return [str(STEPS[name]) for name in names], at


STEPS = {
    "submitted": gettext_lazy("Appeal submitted"),
    "review": gettext_lazy("Support staff review it"),
    "asked": gettext_lazy("Staff ask for more evidence"),
    "goes_on": gettext_lazy("The review goes on"),
    "decided": gettext_lazy("Decided"),
    "withdrawn": gettext_lazy("Appeal withdrawn"),
}
