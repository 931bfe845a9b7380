"""Canned replies: the list with its variables explained, making and changing one, deleting it and taking that back."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from common.errors import BadInput
from common.undo import offer_undo, taken_back
from complaints.forms import ProseField
from complaints.methods import NEEDS, NOTE_LIMIT, lacks
from complaints.models import REFUNDING, CannedReply, Method
from complaints.workspace.canned import (
    TITLE_LIMIT,
    CannedInput,
    canned_of,
    check_text,
    delete_canned,
    example_of,
    filled,
    handling_by,
    save_canned,
)
from evidence.forms import KeepsPictures, PicturesField
from evidence.queries import by_tokens
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page


class CannedForm(KeepsPictures, forms.Form):
    """A canned reply as a member writes it. How much is refunded is asked, and kept, only of a way that refunds."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=TITLE_LIMIT)
    text = ProseField(label=gettext_lazy("Text"), max_length=NOTE_LIMIT, widget=forms.Textarea(attrs={"rows": 5}))
    method = forms.ChoiceField(
        label=gettext_lazy("Way of handling"),
        required=False,
        help_text=gettext_lazy("With a way, the reply can handle complaints; without one it is a message."),
    )
    refund = forms.ChoiceField(
        label=gettext_lazy("Refund"),
        required=False,
        help_text=gettext_lazy("Asked only of the two ways that refund."),
    )
    pictures = PicturesField(required=False)

    def __init__(self, request: MemberRequest, *args: Any, canned: CannedReply | None = None) -> None:
        platform_id = request.merchant.platform_id
        initial = (
            {} if canned is None else {name: getattr(canned, name) for name in ("title", "text", "method", "refund")}
        )
        super().__init__(
            *args,
            initial=initial,
            auto_id="canned_%s",
            platform_id=platform_id,
            merchant_id=request.merchant.pk,
            actor=request.actor,
            now=request.now,
        )
        ways = [(method.value, capfirst(str(method.label))) for method in Method]
        amounts = [(refund.value, capfirst(str(refund.label))) for refund in CannedReply.Refund]
        self._choose("method", [("", _("none: only a text")), *ways])
        self._choose("refund", [("", _("nothing")), *amounts])
        if canned is not None and not self.is_bound:
            pictures: Any = self.fields["pictures"]
            pictures.kept = list(canned.pictures.all())

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        try:
            check_text(text)
        except BadInput as refusal:
            self.add_error("text", str(refusal))
        return text

    def given(self) -> CannedInput:
        """Return what a valid form says."""
        cleaned = self.cleaned_data
        return CannedInput(
            title=cleaned["title"],
            text=cleaned["text"],
            method=cleaned["method"],
            refund=cleaned["refund"],
            pictures=tuple(cleaned["pictures"]),
        )


@require_safe
@member_page(Grant.HANDLE)
def canned_list(request: MemberRequest) -> HttpResponse:
    """List the merchant's canned replies, and explain what may stand in them."""
    replies = canned_of(request.merchant.pk).prefetch_related("pictures")
    return render(request, "complaints/canned/list.html", {"replies": replies})


@member_page(Grant.HANDLE)
def canned_new(request: MemberRequest) -> HttpResponse:
    """Make a canned reply."""
    return _write(request, None)


@member_page(Grant.HANDLE)
def canned_change(request: MemberRequest, canned_id: int) -> HttpResponse:
    """Change a canned reply."""
    return _write(request, get_object_or_404(canned_of(request.merchant.pk), pk=canned_id))


@require_POST
@member_page(Grant.HANDLE)
def canned_delete(request: MemberRequest, canned_id: int) -> HttpResponse:
    """Delete a canned reply; for ten seconds it can be had back."""
    said = delete_canned(canned_id, actor=request.actor)
    state = {
        "title": said.title,
        "text": said.text,
        "method": said.method,
        "refund": said.refund,
        "pictures": [picture.token for picture in said.pictures],
    }
    words = _("The canned reply “%(title)s” was deleted.") % {"title": said.title}
    offer_undo(request, words, reverse("complaints:canned_undo"), state)
    return redirect("complaints:canned")


@require_POST
@member_page(Grant.HANDLE)
def canned_undo(request: MemberRequest) -> HttpResponse:
    """Make a deleted canned reply again as it was, unless there is one of its title by now."""
    state = taken_back(request)
    try:
        pictures = tuple(by_tokens(request.actor, state.pop("pictures")))
        canned = save_canned(CannedInput(**state, pictures=pictures), actor=request.actor, now=request.now)
    except BadInput as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("The canned reply “%(title)s” is there again.") % {"title": canned.title})
    return redirect("complaints:canned")


def _write(request: MemberRequest, canned: CannedReply | None) -> HttpResponse:
    """Show the form, preview what it says, or save it. Pictures outlive every error."""
    if request.method != "POST":
        return _page(request, CannedForm(request, canned=canned), canned)
    form = CannedForm(request, request.POST, request.FILES, canned=canned)
    if "preview" in request.POST:
        return _page(request, form, canned)
    if form.is_valid():
        canned_id = canned.pk if canned else None
        try:
            saved = save_canned(form.given(), canned_id=canned_id, actor=request.actor, now=request.now)
        except BadInput as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, _("The canned reply “%(title)s” was saved.") % {"title": saved.title})
            return redirect("complaints:canned")
    return _page(request, form, canned, status=HTTPStatus.BAD_REQUEST)


def _page(
    request: MemberRequest, form: CannedForm, canned: CannedReply | None, *, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    context = {"form": form, "canned": canned, "refunding": REFUNDING, "example": _example(request, form)}
    return render(request, "complaints/canned/form.html", context, status=status)


def _example(request: MemberRequest, form: CannedForm) -> dict[str, Any] | None:
    """Return what the reply says of an example, and what its way of handling lacks; None while it says nothing."""
    said = {name: str(form[name].value() or "").strip() for name in ("text", "method", "refund")}
    if not said["text"] or (form.is_bound and form.has_error("text")):
        return None
    reply = CannedReply(**said)
    complaint = example_of(request.actor, now=request.now)
    pictures: Any = form["pictures"]
    example: dict[str, Any] = {
        "complaint": complaint,
        "is_real": complaint.pk is not None,
        "text": filled(reply, complaint, request.actor),
        "pictures": pictures.kept,
    }
    if reply.method in NEEDS:
        given = handling_by(reply, complaint, request.actor, pictures.field.kept)
        example |= {
            "method": reply.get_method_display(),
            "amount": given.refund_amount,
            "lacks": [str(problem) for problem in lacks(complaint, given)],
        }
    return example
