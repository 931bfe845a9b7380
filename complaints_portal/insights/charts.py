"""Charts as SVG that the server draws: places in per cent of the width, so that text keeps its size on any screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

HEIGHT = 180
"""Of the plot, in pixels."""
LABELS = 5
"""At most so many weeks are named below the plot: more would run into each other on a phone."""
SLIMMEST = 0.4
"""Per cent of the width: a bar that stands for something can be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One week: the bar of the stretch, and the mark of the same week of the stretch before. All as SVG writes it."""

    x: str
    width: str
    y: str
    height: str
    mark_from: str
    mark_to: str
    mark_y: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line across the plot, and the number that it stands for."""

    y: str
    value: int


@dataclass(frozen=True, slots=True)
class Label:
    x: str
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class WeeksChart:
    bars: list[Bar]
    lines: list[Line]
    labels: list[Label]
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Column:
    """What a chart shows of one week."""

    day: date
    now: int
    before: int
    title: str


def weeks_chart(columns: Sequence[Column]) -> WeeksChart:
    """Draw a bar for each week, with a mark where the week of the stretch before stood."""
    highest = max((max(each.now, each.before) for each in columns), default=0)
    step = tick(highest)
    top = step * max(1, ceil(highest / step))
    slot = 100 / max(1, len(columns))
    bars = []
    for place, each in enumerate(columns):
        left = place * slot
        height = HEIGHT * each.now / top
        bars.append(
            Bar(
                x=percent(left + slot * 0.2),
                width=percent(slot * 0.6),
                y=f"{HEIGHT - height:.1f}",
                height=f"{height:.1f}",
                mark_from=percent(left + slot * 0.08),
                mark_to=percent(left + slot * 0.92),
                mark_y=f"{HEIGHT - HEIGHT * each.before / top:.1f}",
                title=each.title,
            )
        )
    lines = [Line(f"{HEIGHT - HEIGHT * value / top:.1f}", value) for value in range(0, top + 1, step)]
    return WeeksChart(bars, lines, _labels(columns, slot))


def _labels(columns: Sequence[Column], slot: float) -> list[Label]:
    every = max(1, ceil(len(columns) / LABELS))
    years = len({each.day.year for each in columns}) > 1 and every > 4
    return [
        Label(percent((place + 0.5) * slot), "middle", f"{each.day:%Y-%m}" if years else f"{each.day:%m-%d}")
        for place, each in enumerate(columns)
        if place % every == every // 2
    ]


def tick(highest: int) -> int:
    """Return a round distance of lines that gives two to five of them up to the highest value."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor * 4:
                return step * factor
        step *= 10


def bar_width(value: float, longest: float) -> str:
    """Return the length of a bar beside the longest one; what is not nothing can be seen."""
    if not value or not longest:
        return "0%"
    return percent(max(SLIMMEST, 100 * value / longest))


def percent(value: float) -> str:
    return f"{value:.2f}%"
