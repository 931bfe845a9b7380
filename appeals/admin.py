"""Admin: the queue of reviews with their desks, and the texts that staff answer with. Verbs decide, nobody edits."""

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appeals import desk
from appeals.desk_forms import TemplateForm
from appeals.models import Appeal, ReplyTemplate
from appeals.states import Status
from common.admin import FastList, RecordAdmin, state_badge
from common.numbers import BEIJING
from common.templatetags.ui import moment
from common.wording import clock_face
from deadlines.reviewing import CLAIM_LASTS, time_ago

WAITING, MINE, THEIRS, OVERDUE, TODAY, MORE, DECIDED, ALL = (
    "waiting",
    "mine",
    "claimed",
    "overdue",
    "today",
    "more_wanted",
    "decided",
    "all",
)


class QueueFilter(admin.SimpleListFilter):
    """The queue as staff think of it; without a choice it is what is to be reviewed."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            (WAITING, _("to be reviewed")),
            (MINE, _("claimed by me")),
            (THEIRS, _("claimed by others")),
            (OVERDUE, _("overdue")),
            (TODAY, _("due today")),
            (MORE, _("more evidence wanted")),
            (DECIDED, _("decided")),
            (ALL, _("all")),
        ]

    def choices(self, changelist: Any) -> Any:
        """Leave the stock “all” out: to show everything is one choice among the others, and not the first."""
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or WAITING) == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appeal]) -> QuerySet[Appeal]:
        now: datetime = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
        submitted = Q(status=Status.SUBMITTED)
        live = Q(claimed_at__gt=now - CLAIM_LASTS)
        own = Q(claimed_by_id=request.user.pk)
        midnight = datetime.combine(now.astimezone(BEIJING).date() + timedelta(days=1), time.min, tzinfo=BEIJING)
        wanted = {
            WAITING: submitted,
            MINE: own & Q(status__in=(Status.SUBMITTED, Status.MORE_WANTED)),
            THEIRS: submitted & live & ~own,
            OVERDUE: submitted & Q(review_by__lt=now),
            TODAY: submitted & Q(review_by__gte=now, review_by__lt=midnight),
            MORE: Q(status=Status.MORE_WANTED),
            DECIDED: Q(decided_at__isnull=False),
            ALL: Q(),
        }
        return queryset.filter(wanted.get(self.value() or WAITING, submitted))


@admin.register(Appeal)
class AppealAdmin(RecordAdmin):
    """The queue. A row leads to the desk of its review, which stands in place of the stock page."""

    list_display = (
        "number",
        "review_due",
        "merchant",
        "kind",
        "attempt",
        "claim",
        "status_badge",
    )
    list_select_related = ("penalty", "merchant", "claimed_by", "decided_by")
    list_filter = (QueueFilter, "penalty__kind", "merchant__platform")
    search_fields = ("penalty__penalty_no__startswith",)
    search_help_text = _("A penalty's number, or its beginning: the day it was issued, as in 20260317.")

    class Media:
        css = {"all": ("css/desk.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Call the list what staff call it."""
        return super().changelist_view(request, {**(extra_context or {}), "title": _("Review queue")})

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is due first comes first; of what is decided, the latest."""
        queue = request.GET.get("queue", WAITING)
        return {DECIDED: ("-decided_at", "-pk"), ALL: ("-pk",)}.get(queue, ("review_by", "pk"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appeal]:
        """Give each row the moment of the request, by which its clock is shown; leave long texts out of the list."""
        now = Value(request.now, output_field=DateTimeField())  # type: ignore[attr-defined]  # set by arrival_middleware
        appeals: QuerySet[Appeal] = super().get_queryset(request)
        return appeals.annotate(seen_at=now).defer("description", "supplement", "asked_for", "message")

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the desk's verbs before the stock ones."""
        act = self.admin_site.admin_view(self.act_view)
        return [path("<int:appeal_id>/<slug:verb>/act/", act, name="appeals_appeal_act"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the desk."""
        return desk.show(self.admin_site, request, int(object_id) if object_id.isdecimal() else 0)

    def act_view(self, request: HttpRequest, appeal_id: int, verb: str) -> HttpResponse:
        """Claim, release, decide or correct."""
        return desk.act(self.admin_site, request, appeal_id, verb)

    @admin.display(description=_("penalty"))
    def number(self, appeal: Appeal) -> str:
        return appeal.penalty.penalty_no

    @admin.display(description=_("status"))
    def status_badge(self, appeal: Appeal) -> SafeString:
        return state_badge(appeal.status, appeal.get_status_display())

    @admin.display(description=_("kind"))
    def kind(self, appeal: Appeal) -> str:
        return appeal.penalty.get_kind_display()

    @admin.display(description=_("review due (Beijing time)"))
    def review_due(self, appeal: Any) -> SafeString:
        """Show the clock of a review that waits, and the moment alone of any other."""
        due = moment(appeal.review_by, zone=False)
        if appeal.status != Status.SUBMITTED:
            return due
        face = clock_face(appeal.review_by, now=appeal.seen_at)
        words = gettext("overdue") if face.state == "missed" else face.words
        provisional = gettext("provisional") if appeal.is_provisional else ""
        return format_html(
            '<span class="due" data-state="{}"><strong>{}</strong> {} {}</span>', face.state, words, due, provisional
        )

    @admin.display(description=_("claimed by"))
    def claim(self, appeal: Any) -> str:
        """Name who is working on it, or who decided."""
        if appeal.decided_by is not None:
            return gettext("decided by %(name)s") % {"name": appeal.decided_by}
        if appeal.claimed_by is None or not appeal.claim_is_live(now=appeal.seen_at):
            return "–"
        return f"{appeal.claimed_by}, {time_ago(appeal.seen_at - appeal.claimed_at)}"


@admin.register(ReplyTemplate)
class ReplyTemplateAdmin(FastList):
    """Texts to start from. Whoever may change them changes them for everybody."""

    form = TemplateForm
    list_display = ("verb", "reason_code", "text_zh", "text_en")
    list_display_links = ("verb", "reason_code")
    list_filter = ("verb",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("verb", "pk")
