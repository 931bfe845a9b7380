"""The queue of what is to be reviewed, in admin: looked at as staff think of it. A row leads to its desk."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.admin import QueueFilter, RecordAdmin, state_badge
from common.templatetags.ui import moment
from common.wording import clock_face
from complaints.reviews.desk import Desk, posted
from complaints.reviews.waiting import IN_ORDER, IS_WAITING, SUBMITTED, is_due_today, is_in_others_hands, is_overdue
from deadlines.reviewing import time_ago

WAITING, MINE, THEIRS, OVERDUE, TODAY = "waiting", "mine", "claimed", "overdue", "today"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to look at the queue: which reviews, for this person at this moment, and in which order."""

    name: str
    label: Promise
    condition: Callable[[int | None, datetime], Q]
    order: tuple[str, ...] = IN_ORDER


def ways_of_work(*open_statuses: str) -> tuple[Way, ...]:
    """Return the ways to look at what is still to be done; `open_statuses` are those that can still be decided."""
    return (
        Way(WAITING, _("to be reviewed"), lambda _me, _now: IS_WAITING),
        Way(MINE, _("claimed by me"), lambda me, _now: Q(claimed_by_id=me, status__in=open_statuses)),
        Way(THEIRS, _("claimed by others"), lambda me, now: IS_WAITING & is_in_others_hands(me, now)),
        Way(OVERDUE, _("overdue"), lambda _me, now: is_overdue(now)),
        Way(TODAY, _("due today"), lambda _me, now: is_due_today(now)),
    )


DECIDED = Way("decided", _("decided"), lambda _me, _now: Q(decided_at__isnull=False), ("-decided_at", "-pk"))
ALL = Way("all", _("all"), lambda _me, _now: Q(), ("-pk",))


class ReviewQueue(QueueFilter):
    """The queue as staff think of it; without a choice it is what is to be reviewed. A noun names its `ways`."""

    title = _("queue")
    usual = WAITING
    ways: ClassVar[tuple[Way, ...]]

    @classmethod
    def way(cls, name: str | None) -> Way:
        """Return the way that is asked for; the first when there is none of this name."""
        return next((way for way in cls.ways if way.name == name), cls.ways[0])

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(way.name, way.label) for way in self.ways]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now: datetime = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
        return queryset.filter(self.way(self.value()).condition(request.user.pk, now))


class ReviewAdmin(RecordAdmin):
    """The queue of one noun. A row leads to the desk of its review, which stands in place of the stock page."""

    desk: ClassVar[type[Desk[Any]]]
    queue: ClassVar[type[ReviewQueue]]
    long_texts: ClassVar[tuple[str, ...]]
    """Left out of the list, which shows none of them."""

    class Media:
        css = {"all": ("css/desk.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Call the list what staff call it."""
        return super().changelist_view(request, {**(extra_context or {}), "title": self.desk.queue_title})

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is due first comes first; of what is decided, the latest."""
        return self.queue.way(request.GET.get(self.queue.parameter_name)).order

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give each row the moment of the request, by which its clock is shown; leave long texts out of the list."""
        now = Value(request.now, output_field=DateTimeField())  # type: ignore[attr-defined]  # set by arrival_middleware
        reviews: QuerySet[Any] = super().get_queryset(request)
        short: QuerySet[Any] = reviews.annotate(seen_at=now).defer(*self.long_texts)
        return short

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the desk's verbs before the stock ones."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        act = self.admin_site.admin_view(self.act_view)
        return [path("<int:object_id>/<slug:verb>/act/", act, name=name), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the desk."""
        return self.desk(self.admin_site, request, int(object_id) if object_id.isdecimal() else 0).show()

    def act_view(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """Claim, release, decide or correct."""
        return posted(request, self.desk(self.admin_site, request, object_id), verb)

    @admin.display(description=_("status"))
    def status_badge(self, review: Any) -> SafeString:
        return state_badge(review.status, review.get_status_display())

    @admin.display(description=_("review due (Beijing time)"))
    def review_due(self, review: Any) -> SafeString:
        """Show the clock of a review that waits, and the moment alone of any other."""
        due = moment(review.review_by, zone=False)
        if review.status != SUBMITTED:
            return due
        face = clock_face(review.review_by, now=review.seen_at)
        words = gettext("overdue") if face.state == "missed" else face.words
        provisional = gettext("provisional") if review.is_provisional else ""
        return format_html(
            '<span class="due" data-state="{}"><strong>{}</strong> {} {}</span>', face.state, words, due, provisional
        )

    @admin.display(description=_("claimed by"))
    def claim(self, review: Any) -> str:
        """Name who is working on it, or who decided."""
        if review.decided_by is not None:
            return gettext("decided by %(name)s") % {"name": review.decided_by}
        if review.claimed_by is None or not review.claim_is_live(now=review.seen_at):
            return "–"
        return f"{review.claimed_by}, {time_ago(review.seen_at - review.claimed_at)}"
