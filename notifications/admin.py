"""Admin: events, as they were written. The database refuses to change them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from common.admin import RecordAdmin
from notifications.models import Event


@admin.register(Event)
class EventAdmin(RecordAdmin):
    list_display = ("id", "name", "subject_id", "merchant", "at", "payload")
    list_select_related = ("merchant",)
    search_fields = ("id__exact",)
    search_help_text = _("The number of an event.")
