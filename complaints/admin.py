"""Admin: complaints and consultations with all that was said and done. Verbs change them; nobody edits them here."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.actors import ActorKind
from common.admin import RecordAdmin, RecordInline, attempt, state_badge
from complaints.forms import ProseField
from complaints.models import Complaint, Consultation, ConsultationLine, Handling, HistoryLine, Message
from complaints.permissions import may
from complaints.services import MESSAGE_LIMIT, leave_message
from complaints.states import COMPLAINT
from complaints.timeline import ROLE_LABELS, role_of, sentence_of


class MessageForm(forms.Form):
    """What support staff write in a case."""

    use_required_attribute = False

    text = ProseField(
        label=_("Message"),
        help_text=_("The merchant and the consumer read it. It stops no clock."),
        max_length=MESSAGE_LIMIT,
        widget=forms.Textarea({"rows": 6}),
        error_messages={"required": _("Write a message.")},
    )


SHOWN_MESSAGES = 10
"""So many of the latest stand above the form; the page of the complaint has all."""


def _may_write(request: HttpRequest) -> bool:
    return may(request.actor, "leave_message")  # type: ignore[attr-defined]  # set by middleware


def _is_open(complaint: Complaint) -> bool:
    return "leave_message" in COMPLAINT.allowed(complaint.status)


class HandlingInline(RecordInline):
    model = Handling
    fields = (
        "method",
        "note",
        "refund_amount",
        "refund_reference",
        "tracking",
        "handled_at",
        "in_time",
        "actor_name",
        "evidence",
    )


class MessageInline(RecordInline):
    model = Message
    fields = ("at", "who", "text", "evidence")
    readonly_fields = ("who",)
    ordering = ("at", "pk")

    @admin.display(description=pgettext_lazy("a message", "from"))
    def who(self, message: Message) -> str:
        return f"{ROLE_LABELS[message.role]} · {message.actor_name}"


class HistoryInline(RecordInline):
    """Every move in words, and beside it how it is recorded, which programs are told as well."""

    model = HistoryLine
    fields = ("at", "what", "who", "recorded", "detail")
    readonly_fields = ("what", "who", "recorded")
    ordering = ("at", "pk")

    @admin.display(description=_("what happened"))
    def what(self, line: HistoryLine) -> str:
        return sentence_of(line)

    @admin.display(description=_("done by"))
    def who(self, line: HistoryLine) -> str:
        side = ROLE_LABELS[role_of(line)]
        return str(side) if line.actor_kind == ActorKind.SYSTEM else f"{side} · {line.actor_name}"

    @admin.display(description=_("as recorded"))
    def recorded(self, line: HistoryLine) -> str:
        return f"{line.noun}.{line.verb}: {line.from_state or '–'} → {line.to_state}"


@admin.register(Complaint)
class ComplaintAdmin(RecordAdmin):
    list_display = (
        "complaint_no",
        "status_badge",
        "merchant",
        "mini_program",
        "dispute_type",
        "trade_amount",
        "filed_at",
        "handle_by",
        "advance_protection",
    )
    list_select_related = ("merchant", "mini_program")
    list_filter = ("status", "advance_protection", "is_history")
    search_fields = ("complaint_no__startswith",)
    search_help_text = _("A complaint's number, or its beginning: the day it was filed, as in 20260317.")
    inlines = (HandlingInline, MessageInline, HistoryInline)

    class Media:
        css = {"all": ("css/desk.css",)}

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which support staff write in a case, before the stock ones."""
        write = self.admin_site.admin_view(self.message_view)
        return [path("<int:complaint_id>/message/", write, name="complaints_complaint_message"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the case; who may write in it, and while it is open, finds the way to do so."""
        complaint = Complaint.objects.filter(pk=int(object_id) if object_id.isdecimal() else 0).first()
        may_write = complaint is not None and _may_write(request) and _is_open(complaint)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "may_write": may_write})

    def message_view(self, request: HttpRequest, complaint_id: int) -> HttpResponse:
        """Write to both sides of a case: what they said last stands above the form."""
        if not (request.user.has_perm("complaints.view_complaint") and _may_write(request)):
            raise PermissionDenied
        complaint = get_object_or_404(Complaint.objects.select_related("merchant"), pk=complaint_id)
        form = MessageForm(request.POST if request.method == "POST" else None)

        def show(status: int) -> HttpResponse:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Write to both sides"),
                "opts": self.opts,
                "complaint": complaint,
                "said": complaint.messages.order_by("-at", "-pk").prefetch_related("evidence")[:SHOWN_MESSAGES],
                "is_open": _is_open(complaint),
                "form": form,
            }
            return TemplateResponse(request, "admin/complaints/complaint/message.html", context, status=status)

        def write(said: dict[str, Any]) -> HttpResponse:
            leave_message(complaint.pk, said["text"], actor=request.actor, now=request.now)  # type: ignore[attr-defined]  # set by middleware
            messages.success(request, _("The merchant and the consumer can read your message now."))
            return redirect("admin:complaints_complaint_change", complaint.pk)

        return attempt(form, write, show) if form.is_bound else show(HTTPStatus.OK)

    @admin.display(description=_("status"))
    def status_badge(self, complaint: Complaint) -> SafeString:
        return state_badge(complaint.status, complaint.get_status_display())

    def get_queryset(self, request: Any) -> Any:
        """Leave the long text out of lists: it is half of a row, and no column shows it."""
        complaints = super().get_queryset(request)
        is_list = getattr(request.resolver_match, "url_name", "").endswith("_changelist")
        return complaints.defer("description") if is_list else complaints


class ConsultationLineInline(RecordInline):
    model = ConsultationLine
    fields = ("at", "verb", "role", "actor_name", "text", "evidence")
    ordering = ("at", "pk")


@admin.register(Consultation)
class ConsultationAdmin(RecordAdmin):
    list_display = (
        "consultation_no",
        "status_badge",
        "merchant",
        "mini_program",
        "asked_at",
        "waiting_since",
        "answered_at",
        "complaint",
    )
    list_select_related = ("merchant", "mini_program", "complaint")
    list_filter = ("status",)
    search_fields = ("consultation_no__startswith",)
    search_help_text = _("A consultation's number, or its beginning: the day it was asked, as in 20260317.")
    inlines = (ConsultationLineInline,)

    @admin.display(description=_("status"))
    def status_badge(self, consultation: Consultation) -> SafeString:
        return state_badge(consultation.status, consultation.get_status_display())
