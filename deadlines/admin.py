"""Admin: the clocks that run, what each sweep did, and the calendar. Nobody edits them; a year is taken in whole."""

import base64
import binascii
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from common.admin import RecordAdmin, RecordInline
from common.errors import PortalError
from common.wording import span_words
from deadlines.calendar import published_through, reach
from deadlines.calendar_import import LARGEST, Published, UnusableCalendar, preview, publish_year, read_year
from deadlines.models import (
    AlarmLetter,
    Deadline,
    Extended,
    Extension,
    OpsLine,
    PolicyChange,
    SweepAlarm,
    SweepControl,
    SweepRun,
    WorkDay,
)


@admin.register(Deadline)
class DeadlineAdmin(RecordAdmin):
    list_display = (
        "kind",
        "subject_id",
        "merchant",
        "mini_program",
        "due_at",
        "is_provisional",
        "remind_at",
        "round",
        "points",
    )
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
        "is_shadow",
        "cut_off",
        "issued_at",
        "examined",
        "acted",
        "skipped",
        "failed",
        "lag_words",
        "ran_by",
    )
    list_filter = ("kind", "is_shadow", ("ended_at", admin.EmptyFieldListFilter))

    @admin.display(description=_("took"))
    def took(self, run: SweepRun) -> str:
        return _seconds(run.ended_at - run.started_at) if run.ended_at else gettext("not ended")

    @admin.display(description=_("lag"))
    def lag_words(self, run: SweepRun) -> str | None:
        return span_words(run.lag) if run.lag else None


@admin.register(SweepControl)
class SweepControlAdmin(RecordAdmin):
    list_display = ("kind", "mode", "reason", "changed_by", "changed_at")


class AlarmLetters(RecordInline):
    model = AlarmLetter
    fields = ("occasion", "address", "written_at", "due_at", "sent_at", "failures", "outcome")


@admin.register(SweepAlarm)
class SweepAlarmAdmin(RecordAdmin):
    list_display = ("kind", "why", "began_at", "ended_at", "told_at")
    list_filter = ("kind", ("ended_at", admin.EmptyFieldListFilter))
    inlines = (AlarmLetters,)


@admin.register(OpsLine)
class OpsLineAdmin(RecordAdmin):
    list_display = ("at", "verb", "about", "reason", "actor_name")
    list_filter = ("verb",)


@admin.register(PolicyChange)
class PolicyChangeAdmin(RecordAdmin):
    list_display = ("recorded_at", "since", "numbers", "recorded_by")


@admin.register(Extension)
class ExtensionAdmin(RecordAdmin):
    list_display = ("pk", "status", "began_at", "ended_at", "kinds", "counted", "done", "proposed_by", "decided_by")
    list_select_related = ("proposed_by", "decided_by")
    list_filter = ("status",)


@admin.register(Extended)
class ExtendedAdmin(RecordAdmin):
    list_display = ("extension", "kind", "subject_id", "complaint_id", "due_before", "due_after")
    list_select_related = ("extension",)
    list_filter = ("kind",)
    search_fields = ("subject_id__exact",)
    search_help_text = _("The number of the row that the clock is about.")


def _seconds(span: timedelta) -> str:
    return gettext("%(seconds).1f s") % {"seconds": span.total_seconds()}


class CalendarForm(forms.Form):
    """A year as a file. The second time, when it is confirmed, the file comes back as text."""

    file = forms.FileField(label=_("CSV file"), required=False, help_text=_("Columns: day,is_working,name."))
    content = forms.CharField(widget=forms.HiddenInput, required=False, max_length=2 * LARGEST)
    source = forms.CharField(
        label=_("Notice"),
        max_length=200,
        help_text=_("The notice of the State Council that these days were published with."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    replace = forms.BooleanField(
        label=_("Replace the year"), required=False, help_text=_("Only when the notice itself was changed.")
    )

    def bytes(self) -> bytes:
        """Return the file's bytes, however they came; none when none came."""
        if file := self.cleaned_data.get("file"):
            return bytes(file.read(LARGEST + 1))
        try:
            return base64.b64decode(self.cleaned_data.get("content", ""), validate=True)
        except binascii.Error:
            return b""


@admin.register(WorkDay)
class WorkDayAdmin(RecordAdmin):
    list_display = ("day", "weekday", "is_working", "name", "source")
    list_filter = ("is_working",)
    date_hierarchy = "day"
    change_list_template = "admin/deadlines/workday/change_list.html"

    @admin.display(description=_("weekday"))
    def weekday(self, workday: WorkDay) -> str:
        return date_format(workday.day, "l")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.import_year))
        return [path("import/", view, name="deadlines_workday_import"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        through = published_through()
        soon = reach(through, now=request.now).runs_out_soon  # type: ignore[attr-defined]  # set by arrival_middleware
        more = {"may_import": _may_import(request), "published_through": through, "runs_out_soon": soon}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def import_year(self, request: HttpRequest) -> HttpResponse:
        """Show what a file would change; take it in when that was confirmed. Refuses whoever may not add days."""
        if not _may_import(request):
            raise PermissionDenied
        form = CalendarForm(request.POST or None, request.FILES or None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Take in a year of the calendar"),
            "form": form,
            "published_through": published_through(),
        }
        if form.is_valid():
            content = form.bytes()
            try:
                if "confirm" in request.POST:
                    return self._publish(request, form, content)
                found = preview(read_year(content))
                shown = found.different or found.year.exceptions()
                context |= {"found": found, "shown": shown, "content": base64.b64encode(content).decode()}
            except UnusableCalendar as refusal:
                context["problems"] = refusal.problems
            except PortalError as refusal:
                context["problems"] = [str(refusal)]
        return TemplateResponse(request, "admin/deadlines/workday/import.html", context)

    def _publish(self, request: HttpRequest, form: CalendarForm, content: bytes) -> HttpResponse:
        given = form.cleaned_data
        published = publish_year(read_year(content), source=given["source"], replace=given["replace"])
        messages.success(request, _published_words(published))
        if published.has_changed:
            first = WorkDay.objects.filter(day__year=published.year.number)[0]
            self.log_change(request, first, f"{published.year.number}: {given['source']}")
        return redirect(f"{reverse('admin:deadlines_workday_changelist')}?day__year={published.year.number}")


def _may_import(request: HttpRequest) -> bool:
    return request.user.has_perm("deadlines.add_workday")


def _published_words(published: Published) -> str:
    """Say what taking a year in did, with the deadlines that moved."""
    year, moved = published.year.number, published.moved
    if not published.has_changed:
        return gettext("%(year)d was published already with the same days; nothing changed.") % {"year": year}
    certain = ngettext(
        "%(count)d deadline that was provisional is certain now",
        "%(count)d deadlines that were provisional are certain now",
        moved.certain,
    ) % {"count": moved.certain}
    later = ngettext("%(count)d moved to a later day", "%(count)d moved to a later day", moved.later)
    return gettext("%(year)d is published. %(certain)s; %(later)s.") % {
        "year": year,
        "certain": certain,
        "later": later % {"count": moved.later},
    }
