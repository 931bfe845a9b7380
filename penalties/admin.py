"""Admin: penalties. Sweeps issue them, verbs move them; nobody edits or deletes one."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import RecordAdmin, state_badge
from penalties.models import Penalty


@admin.register(Penalty)
class PenaltyAdmin(RecordAdmin):
    list_display = (
        "penalty_no",
        "status_badge",
        "kind",
        "points",
        "merchant",
        "complaint",
        "missed_at",
        "issued_at",
        "appeal_by",
        "window_closed_at",
    )
    list_select_related = ("merchant", "complaint")
    list_filter = ("status", "kind", ("window_closed_at", admin.EmptyFieldListFilter))
    search_fields = ("penalty_no__startswith",)
    search_help_text = _("A penalty's number, or its beginning: the day it was issued, as in 20260317.")

    @admin.display(description=_("status"))
    def status_badge(self, penalty: Penalty) -> SafeString:
        return state_badge(penalty.status, penalty.get_status_display())
