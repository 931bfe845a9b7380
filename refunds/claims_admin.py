"""Admin: the queue of no-refund claims with their desks, and the texts that staff answer with. Verbs rule."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.admin import FastList
from common.templatetags.ui import money
from complaints.reviews.queue import ALL, DECIDED, ReviewAdmin, ReviewQueue, Way, ways_of_work
from refunds import claims
from refunds.claims_desk import ClaimDesk
from refunds.claims_desk_forms import TemplateForm
from refunds.claims_desk_queries import ABOUT, IS_ABOUT
from refunds.models import NoRefundClaim, RulingTemplate
from refunds.states import ClaimStatus

SUBJECT = pgettext_lazy("of a claim", "subject")
LAPSED = Way("lapsed", _("lapsed"), lambda _me, _now: Q(status=ClaimStatus.LAPSED), ("-pk",))


class ClaimQueue(ReviewQueue):
    ways = (*ways_of_work(ClaimStatus.SUBMITTED), DECIDED, LAPSED, ALL)


class AboutFilter(admin.SimpleListFilter):
    """What the claim is about."""

    title = SUBJECT
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(ABOUT.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[NoRefundClaim]) -> QuerySet[NoRefundClaim]:
        return queryset.filter(IS_ABOUT.get(self.value() or "", Q()))


@admin.register(NoRefundClaim)
class NoRefundClaimAdmin(ReviewAdmin):
    desk = ClaimDesk
    queue = ClaimQueue
    long_texts = ("text", "message")
    list_display = ("number", "review_due", "merchant", "about", "trade_amount", "claim", "status_badge")
    list_select_related = ("complaint", "merchant", "claimed_by", "decided_by")
    list_filter = (ClaimQueue, AboutFilter, "merchant__platform")
    search_fields = ("complaint__complaint_no__startswith",)
    search_help_text = _("A complaint's number, or its beginning: the day it was filed, as in 20260317.")

    @admin.display(description=_("complaint"))
    def number(self, review: NoRefundClaim) -> str:
        return review.complaint.complaint_no

    @admin.display(description=SUBJECT)
    def about(self, review: NoRefundClaim) -> Any:
        return ABOUT[claims.about(review)]

    @admin.display(description=_("amount"))
    def trade_amount(self, review: NoRefundClaim) -> SafeString:
        return money(review.complaint.trade_amount)


@admin.register(RulingTemplate)
class RulingTemplateAdmin(FastList):
    """Texts to start from. Whoever may change them changes them for everybody."""

    form = TemplateForm
    list_display = ("verb", "reason_code", "text_zh", "text_en")
    list_display_links = ("verb", "reason_code")
    list_filter = ("verb",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("verb", "pk")
