"""The page of insights, and each of its tables as CSV."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from common.numbers import BEIJING
from complaints_portal.insights.charts import Column, WeeksChart, weeks_chart
from complaints_portal.insights.figures import PARTS, TOTAL, dispute_types, grown, look_up
from complaints_portal.insights.forms import WEEKS, RangeForm
from complaints_portal.insights.headlines import headlines, tiles
from complaints_portal.insights.summaries import counted_up_to
from complaints_portal.insights.tables import (
    IN_CHART,
    IN_TABLE,
    Row,
    Sight,
    column_heads,
    csv_lines,
    days_words,
    headings,
    part_heads,
)
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page

BEHIND = timedelta(minutes=10)
"""Later than that, the page says that the newest is missing."""
IN_ORDER = ("week", "dispute_type", "mini_program", "root_cause")


@require_safe
@member_page(Grant.VIEW)
def page(request: MemberRequest) -> HttpResponse:
    """Show what a merchant can learn from its complaints: in sentences, figures, charts, and tables behind them."""
    form = _form(request)
    return _page(request, form) if form.is_valid() else _refused(request, form)


@require_safe
@member_page(Grant.VIEW)
def table(request: MemberRequest, part: str) -> HttpResponseBase:
    """Send one table as a file for a spreadsheet."""
    if part not in PARTS:
        raise Http404
    form = _form(request)
    if not form.is_valid():
        return _refused(request, form, status=HTTPStatus.BAD_REQUEST)
    sight = _sight(request, form)
    name = f"insights-{part.replace('_', '-')}-{sight.wanted.first.isoformat()}-{sight.wanted.last.isoformat()}.csv"
    return HttpResponse(
        "".join(csv_lines(sight, part)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _form(request: MemberRequest) -> RangeForm:
    today = request.now.astimezone(BEIJING).date()
    return RangeForm(request.GET, merchant_id=request.merchant.pk, today=today)


def _sight(request: MemberRequest, form: RangeForm) -> Sight:
    wanted, merchant_id = form.wanted(), request.merchant.pk
    names = {program.pk: program.name for program in form.programs}
    before = look_up(merchant_id, wanted.before, timed=[TOTAL])
    return Sight(wanted, look_up(merchant_id, wanted), before, names)


def _refused(request: MemberRequest, form: RangeForm, *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    form.offer_types([])
    return render(request, "insights/page.html", {"form": form, "tabs": _tabs(request, None)}, status=status)


def _page(request: MemberRequest, form: RangeForm) -> HttpResponse:
    sight = _sight(request, form)
    wanted = sight.wanted
    form.offer_types(dispute_types(request.merchant.pk, wanted))
    counted_at = counted_up_to()
    rows = {part: sight.rows(part) for part in IN_ORDER}
    context = {
        "form": form,
        "tabs": _tabs(request, None if form.has_own_days else form.chosen_weeks),
        "is_narrowed": bool(wanted.mini_program_ids or wanted.dispute_types or form.has_own_days),
        "days": days_words(wanted),
        "days_before": days_words(wanted.before),
        "narrowed_to": _narrowed_to(sight),
        "is_empty": not (sight.now.total.filed or sight.before.total.filed),
        "counted_at": counted_at,
        "is_behind": counted_at is None or request.now - counted_at > BEHIND,
        "headlines": list(headlines(sight)),
        "tiles": tiles(sight),
        "grown": _grown(sight, rows["dispute_type"]),
        "chart": _chart(rows["week"]),
        "chart_words": _chart_words(rows["week"]),
        "parts": [_part(request, part, rows[part]) for part in IN_ORDER],
        "heads": column_heads(),
    }
    return render(request, "insights/page.html", context)


def _tabs(request: MemberRequest, chosen: int | None) -> list[dict[str, Any]]:
    """Return a tab for each number of weeks, which keeps what the page is narrowed to."""
    tabs = []
    for weeks in WEEKS:
        query = request.GET.copy()
        for name in ("first", "last"):
            query.pop(name, None)
        query["weeks"] = str(weeks)
        label = ngettext("Last %(weeks)d week", "Last %(weeks)d weeks", weeks) % {"weeks": weeks}
        tabs.append({"url": f"?{query.urlencode()}", "label": label, "current": weeks == chosen})
    return tabs


def _narrowed_to(sight: Sight) -> list[str]:
    wanted = sight.wanted
    return [*(sight.programs[each] for each in wanted.mini_program_ids), *wanted.dispute_types]


def _grown(sight: Sight, rows: list[Row]) -> list[Row]:
    """Return the rows of the dispute types that grew most."""
    by_type = {row.label: row for row in rows}
    growths = grown(sight.now.parts["dispute_type"], sight.before.parts["dispute_type"])
    return [by_type[growth.dispute_type] for growth in growths]


def _chart(weeks: list[Row]) -> WeeksChart:
    return weeks_chart(
        [
            Column(
                row.wanted.first,
                row.now.filed,
                row.before.filed,
                _("%(days)s: %(now)d, before %(before)d")
                % {"days": row.label, "now": row.now.filed, "before": row.before.filed},
            )
            for row in weeks
        ]
    )


def _chart_words(weeks: list[Row]) -> str:
    """Say in a sentence what the chart shows, for whoever does not see it."""
    most = max(weeks, key=lambda row: row.now.filed)
    return _(
        "%(weeks)d bars, one for each week; the highest is %(days)s with %(most)d. A mark at each bar shows the same "
        "week of the stretch before."
    ) % {"weeks": len(weeks), "days": most.label, "most": most.now.filed}


def _part(request: MemberRequest, part: str, rows: list[Row]) -> dict[str, Any]:
    """Return what the card of a table shows: bars for the first rows, the table, and where the file is."""
    query = request.GET.urlencode()
    address = reverse("insights:table", args=[part])
    return {
        "name": part,
        "heading": headings()[part],
        "part_head": part_heads()[part],
        "bars": rows[:IN_CHART],
        "rows": rows if part == "week" else rows[:IN_TABLE],
        "more_bars": max(0, len(rows) - IN_CHART),
        "more_rows": 0 if part == "week" else max(0, len(rows) - IN_TABLE),
        "csv_url": f"{address}?{query}" if query else address,
    }
