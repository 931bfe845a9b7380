"""The tables of insights: by week, dispute type, mini program and root cause, with the stretch before beside it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from defusedcsv import csv as defused
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from complaints.models import RootCause
from complaints.outcomes import Outcome
from complaints_portal.insights import charts, comparing
from complaints_portal.insights.comparing import Change, change
from complaints_portal.insights.figures import DAY, Figures, Found, Range
from complaints_portal.insights.links import complaints_url

IN_CHART = 10
"""A chart shows so many bars; what comes after stands in the table."""
IN_TABLE = 50
"""A table on the page shows so many rows; the file has all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the complaints, with what it was in the stretch before, and the address of those behind it."""

    label: str
    now: Figures
    before: Figures
    wanted: Range
    root_cause: str | None = None
    bar: str = "0%"
    bar_before: str = "0%"

    def url(self, outcome: str = "") -> str:
        return complaints_url(self.wanted, outcome=outcome, root_cause=self.root_cause)

    @property
    def change(self) -> Change | None:
        return change(self.now.filed, self.before.filed, comparing.number(self.before.filed))

    @property
    def cost(self) -> str:
        """What they cost in words; empty where they cost nothing."""
        return comparing.cost(self.now.points, self.now.refunded)

    @property
    def cells(self) -> "list[Cell]":
        """What the page shows of it: the words of each number, and the address of the complaints behind it."""
        now = self.now
        words_and_urls = [
            (comparing.number(now.filed), self.url()),
            (comparing.number(self.before.filed), ""),
            (comparing.share(now.share_in_time), self.url(Outcome.IN_TIME) if now.in_time else ""),
            (comparing.minutes(now.median), self.url(Outcome.HANDLED) if now.handled else ""),
            (comparing.minutes(now.ninetieth), ""),
            (comparing.number(now.points), self.url(Outcome.PENALISED) if now.points_lost else ""),
            (comparing.money(now.refunded), self.url(Outcome.REFUNDED) if now.refunded else ""),
        ]
        return [Cell(head, *each) for head, each in zip(column_heads(), words_and_urls, strict=True)]


@dataclass(frozen=True, slots=True)
class Cell:
    head: str
    words: str
    url: str


def column_heads() -> list[str]:
    """Return what stands above the numbers of a table."""
    return [
        _("Complaints"),
        _("Before"),
        _("In time"),
        _("Half handled within"),
        _("Nine of ten within"),
        _("Points"),
        _("Refunded"),
    ]


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a page of insights knows: two stretches of days, and the names of the mini programs."""

    wanted: Range
    now: Found
    before: Found
    programs: Mapping[int, str] = field(default_factory=dict)

    def rows(self, part: str) -> list[Row]:
        """Return the rows of a table: weeks in their order, everything else with the most complaints first."""
        rows = list(self._weeks() if part == "week" else self._parts(part))
        longest = max((max(row.now.filed, row.before.filed) for row in rows), default=0)
        return [
            replace(
                row,
                bar=charts.bar_width(row.now.filed, longest),
                bar_before=charts.bar_width(row.before.filed, longest),
            )
            for row in rows
        ]

    def _weeks(self) -> Iterator[Row]:
        now, before = self.now.of("week"), self.before.of("week")
        for week, week_before in zip(self.wanted.weeks(), self.wanted.before.weeks(), strict=True):
            yield Row(
                days_words(week),
                now.get(week.first, Figures()),
                before.get(week_before.first, Figures()),
                week,
            )

    def _parts(self, part: str) -> Iterator[Row]:
        now, before = self.now.of(part), self.before.of(part)
        nothing = Figures()
        found = [(each, now.get(each, nothing), before.get(each, nothing)) for each in {**now, **before}]
        for each, figures, earlier in sorted(found, key=lambda row: (-row[1].filed, -row[2].filed, str(row[0]))):
            yield NARROWED[part](self, each, figures, earlier)


def _of_type(sight: Sight, dispute_type: str, now: Figures, before: Figures) -> Row:
    return Row(dispute_type, now, before, replace(sight.wanted, dispute_types=(dispute_type,)))


def _of_program(sight: Sight, number: int, now: Figures, before: Figures) -> Row:
    return Row(sight.programs.get(number, f"#{number}"), now, before, replace(sight.wanted, mini_program_ids=(number,)))


def _of_cause(sight: Sight, cause: str, now: Figures, before: Figures) -> Row:
    return Row(cause_words(cause), now, before, sight.wanted, root_cause=cause)


NARROWED: dict[str, Callable[[Sight, Any, Figures, Figures], Row]] = {
    "dispute_type": _of_type,
    "mini_program": _of_program,
    "root_cause": _of_cause,
}


def cause_words(cause: str) -> str:
    """Return a root cause in words; none said is one too."""
    known = dict(RootCause.choices)
    return capfirst(str(known[cause])) if cause in known else _("Not said, or not handled yet")


def days_words(wanted: Range) -> str:
    """Write a stretch of days: 2026-11-02 – 2026-11-08, or the day alone."""
    if wanted.length == DAY:
        return wanted.first.isoformat()
    return f"{wanted.first.isoformat()} – {wanted.last.isoformat()}"


def headings() -> dict[str, str]:
    """Return what each table is called."""
    return {
        "week": _("By week"),
        "dispute_type": _("By dispute type"),
        "mini_program": _("By mini program"),
        "root_cause": _("Root causes, and what they cost"),
    }


def part_heads() -> dict[str, str]:
    """Return what stands above the parts of each table."""
    return {
        "week": _("Days of filing (Beijing time, UTC+08:00)"),
        "dispute_type": _("Dispute type"),
        "mini_program": _("Mini program"),
        "root_cause": _("Root cause"),
    }


class _Line:
    """A file of one line at a time: what is written is handed back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(sight: Sight, part: str) -> Iterator[str]:
    """Yield a table line by line, all of it. Excel needs the mark before it; what it would run as a formula is text."""
    writer = defused.writer(_Line())
    yield "\ufeff" + writer.writerow(
        [
            part_heads()[part],
            _("Complaints filed %(days)s (Beijing time, UTC+08:00)") % {"days": days_words(sight.wanted)},
            _("Complaints filed %(days)s (Beijing time, UTC+08:00)") % {"days": days_words(sight.wanted.before)},
            pgettext("how many", "Handled"),
            pgettext("how many", "Handled in time"),
            pgettext("how many", "Missed"),
            _("Minutes until half were handled"),
            _("Minutes until nine of ten were handled"),
            _("Points lost"),
            _("Points given back"),
            _("Refunded (yuan)"),
            _("Repeated"),
            _("Was a consultation before"),
        ]
    )
    for row in sight.rows(part):
        now = row.now
        yield writer.writerow(
            [
                row.label,
                now.filed,
                row.before.filed,
                now.handled,
                now.in_time,
                now.missed,
                "" if now.median is None else now.median,
                "" if now.ninetieth is None else now.ninetieth,
                now.points_lost,
                now.points_given_back,
                f"{now.refunded:.2f}",
                now.repeated,
                now.from_consultation,
            ]
        )
