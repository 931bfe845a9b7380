"""Admin: the clocks that run, and what each sweep did. Nobody edits either."""

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.admin import RecordAdmin
from common.wording import span_words
from deadlines.models import Deadline, SweepRun


@admin.register(Deadline)
class DeadlineAdmin(RecordAdmin):
    list_display = ("kind", "subject_id", "merchant", "mini_program", "due_at", "remind_at", "round", "points")
    list_select_related = ("merchant", "mini_program")
    list_filter = ("kind",)
    search_fields = ("subject_id__exact",)
    search_help_text = _("The number of the row that the clock is about.")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Of one kind, what is due next comes first: only there does an index serve that order."""
        return ("due_at", "pk") if request.GET.get("kind__exact") else ("-pk",)


@admin.register(SweepRun)
class SweepRunAdmin(RecordAdmin):
    list_display = (
        "kind",
        "started_at",
        "took",
        "cut_off",
        "issued_at",
        "examined",
        "acted",
        "skipped",
        "failed",
        "lag_words",
        "ran_by",
    )
    list_filter = ("kind", ("ended_at", admin.EmptyFieldListFilter))

    @admin.display(description=_("took"))
    def took(self, run: SweepRun) -> str:
        return _seconds(run.ended_at - run.started_at) if run.ended_at else gettext("not ended")

    @admin.display(description=_("lag"))
    def lag_words(self, run: SweepRun) -> str | None:
        return span_words(run.lag) if run.lag else None


def _seconds(span: timedelta) -> str:
    return gettext("%(seconds).1f s") % {"seconds": span.total_seconds()}
