"""What the desk draws: hour by hour, what the sweeps acted on, and what will be due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db.models import Count, Sum
from django.db.models.functions import TruncHour
from django.utils.translation import gettext as _

from common.wording import BEIJING
from complaints_portal.insights.charts import Line, percent, tick
from deadlines.models import Deadline, SweepRun

HOURS = 24
HEIGHT = 72
"""Of the plot, in pixels."""
NAMED = 6
"""Every so many hours one is named below the plot."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of Beijing's clock, and how many clocks of each kind were acted on in it, or are due in it."""

    begins: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours behind, up to the one that runs now, and the hours ahead, from what is left of it."""

    acted: list[Hour]
    due: list[Hour]


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    width: str
    y: str
    height: str
    is_due: bool
    title: str


@dataclass(frozen=True, slots=True)
class HoursChart:
    """A bar for each hour of one kind; left of the middle what was acted on, right of it what is due."""

    bars: list[Bar]
    lines: list[Line]
    labels: list[tuple[str, str]]
    words: str
    height: int = HEIGHT


def hours_around(kinds: list[str], *, now: datetime) -> Hours:
    """Count by kind and hour, in two statements: what runs of the last 24 hours did, and what is due in the next.

    Clocks are counted along the index of kind and moment, and no other column is read.
    """
    this_hour = now.astimezone(BEIJING).replace(minute=0, second=0, microsecond=0)
    first, last = this_hour - timedelta(hours=HOURS - 1), this_hour + timedelta(hours=HOURS)
    runs = SweepRun.objects.filter(kind__in=kinds, started_at__gte=first, started_at__lte=now, is_shadow=False)
    acted = runs.annotate(hour=TruncHour("started_at", tzinfo=BEIJING)).order_by().values_list("kind", "hour")
    clocks = Deadline.objects.filter(kind__in=kinds, due_at__gte=now, due_at__lt=last)
    due = clocks.annotate(hour=TruncHour("due_at", tzinfo=BEIJING)).order_by().values_list("kind", "hour")
    return Hours(
        acted=_laid_out(first, acted.annotate(number=Sum("acted"))),
        due=_laid_out(this_hour, due.annotate(number=Count("pk"))),
    )


def _laid_out(first: datetime, rows: Iterable[tuple[str, datetime, int]]) -> list[Hour]:
    counts: dict[datetime, dict[str, int]] = {first + timedelta(hours=number): {} for number in range(HOURS)}
    for kind, hour, number in rows:
        counts[hour][kind] = number
    return [Hour(begins, found) for begins, found in counts.items()]


def chart_of(kind: str, hours: Hours) -> HoursChart:
    """Draw one kind's hours."""
    columns = [(hour, hour.counts.get(kind, 0), False) for hour in hours.acted]
    columns += [(hour, hour.counts.get(kind, 0), True) for hour in hours.due]
    highest = max(number for _hour, number, _is_due in columns)
    step = tick(2 * highest)  # two lines at most: the plot is low
    top = step * max(1, ceil(highest / step))
    slot = 100 / len(columns)
    bars = [
        _bar(place * slot, slot, HEIGHT * number / top, hour, number, is_due=is_due)
        for place, (hour, number, is_due) in enumerate(columns)
        if number
    ]
    lines = [Line(f"{HEIGHT - HEIGHT * value / top:.1f}", value) for value in range(0, top + 1, step)]
    labels = [
        (percent((place + 0.5) * slot), f"{hour.begins:%H}")
        for place, (hour, _number, _is_due) in enumerate(columns)
        if place % NAMED == NAMED // 2
    ]
    return HoursChart(bars, lines, labels, _words(kind, hours))


def _bar(left: float, slot: float, height: float, hour: Hour, number: int, *, is_due: bool) -> Bar:
    height = max(2.0, height)  # what is not nothing can be seen
    said = _("%(moment)s: %(number)d due") if is_due else _("%(moment)s: %(number)d acted on")
    return Bar(
        x=percent(left + slot * 0.12),
        width=percent(slot * 0.76),
        y=f"{HEIGHT - height:.1f}",
        height=f"{height:.1f}",
        is_due=is_due,
        title=said % {"moment": f"{hour.begins:%m-%d %H:%M}", "number": number},
    )


def _words(kind: str, hours: Hours) -> str:
    acted = sum(hour.counts.get(kind, 0) for hour in hours.acted)
    due = sum(hour.counts.get(kind, 0) for hour in hours.due)
    text = _("%(acted)d acted on in the 24 hours behind, %(due)d due in the 24 hours ahead.")
    return text % {"acted": acted, "due": due}


@dataclass(frozen=True, slots=True)
class TableRow:
    hour: datetime
    cells: list[int]


def table_of(hours: list[Hour], kinds: list[str]) -> list[TableRow]:
    """Return the hours in which there was something, with a number for each kind."""
    rows = [TableRow(hour.begins, [hour.counts.get(kind, 0) for kind in kinds]) for hour in hours]
    return [row for row in rows if any(row.cells)]
