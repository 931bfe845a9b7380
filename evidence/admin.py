"""Admin: pictures, each with a way to look at it. Nobody edits them."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import RecordAdmin
from evidence.models import Evidence


@admin.register(Evidence)
class EvidenceAdmin(RecordAdmin):
    list_display = ("name", "look", "merchant", "uploaded_by", "uploaded_at", "size", "content_type")
    list_select_related = ("merchant",)
    search_fields = ("token__exact", "sent_sha256__exact")
    search_help_text = _("A token, or the SHA-256 of the file as it was sent.")
    exclude = ("file",)
    readonly_fields = ("look",)

    @admin.display(description=_("picture"))
    def look(self, evidence: Evidence) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("evidence:show", args=[evidence.token]), _("open"))
