"""Admin: complaints and consultations with all that was said and done. Verbs change them; nobody edits them here."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import RecordAdmin, RecordInline, state_badge
from complaints.models import Complaint, Consultation, ConsultationLine, Handling, HistoryLine, Message


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
    fields = ("at", "role", "actor_name", "text", "evidence")
    ordering = ("at", "pk")


class HistoryInline(RecordInline):
    model = HistoryLine
    fields = ("at", "noun", "verb", "from_state", "to_state", "actor_kind", "actor_name", "detail")
    ordering = ("at", "pk")


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
