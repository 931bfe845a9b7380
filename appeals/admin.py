"""Admin: the queue of reviews with their desks, and the texts that staff answer with. Verbs decide, nobody edits."""

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from appeals.desk import AppealDesk
from appeals.desk_forms import TemplateForm
from appeals.models import Appeal, ReplyTemplate
from appeals.states import OPEN, Status
from common.admin import FastList
from complaints.reviews.queue import ALL, DECIDED, ReviewAdmin, ReviewQueue, Way, ways_of_work

MORE_WANTED = Way("more_wanted", _("more evidence wanted"), lambda _me, _now: Q(status=Status.MORE_WANTED))


class AppealQueue(ReviewQueue):
    ways = (*ways_of_work(*OPEN), MORE_WANTED, DECIDED, ALL)


@admin.register(Appeal)
class AppealAdmin(ReviewAdmin):
    desk = AppealDesk
    queue = AppealQueue
    long_texts = ("description", "supplement", "asked_for", "message")
    list_display = ("number", "review_due", "merchant", "kind", "attempt", "claim", "status_badge")
    list_select_related = ("penalty", "merchant", "claimed_by", "decided_by")
    list_filter = (AppealQueue, "penalty__kind", "merchant__platform")
    search_fields = ("penalty__penalty_no__startswith",)
    search_help_text = _("A penalty's number, or its beginning: the day it was issued, as in 20260317.")

    @admin.display(description=_("penalty"))
    def number(self, appeal: Appeal) -> str:
        return appeal.penalty.penalty_no

    @admin.display(description=_("kind"))
    def kind(self, appeal: Appeal) -> str:
        return appeal.penalty.get_kind_display()


@admin.register(ReplyTemplate)
class ReplyTemplateAdmin(FastList):
    """Texts to start from. Whoever may change them changes them for everybody."""

    form = TemplateForm
    list_display = ("verb", "reason_code", "text_zh", "text_en")
    list_display_links = ("verb", "reason_code")
    list_filter = ("verb",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("verb", "pk")
