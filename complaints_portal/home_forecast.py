"""The forecast of the home page as rows: each day with its bars, and in words what is due on it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from django.utils.translation import ngettext

from common.addresses import address
from common.counting import count_words
from deadlines.forecast import Day, Due, Forecast
from deadlines.models import Deadline

CAN_BE_APPEALED = "status=in_effect&window=open"
"""Narrows the list of penalties to those that can be appealed: a window stays open while an appeal is reviewed."""

WIDTH = 100
"""Units of the fullest day's bar."""
CAPPED = Deadline.Kind.APPEAL
"""Of what closes without anybody's doing, no more than a thousand are counted on a day."""
LEAST = 1.5
"""What is there can be seen, however much there is on another day."""


@dataclass(frozen=True, slots=True)
class Part:
    """The clocks of one kind on one day: a piece of the bar, and its words with the list that they lead to."""

    kind: str
    words: str
    url: str
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Row:
    """One day, today first."""

    day: date
    is_today: bool
    is_tomorrow: bool
    parts: list[Part]
    points: int

    @property
    def points_shown(self) -> str:
        return f"{self.points:,}"


def _handle(number: int) -> str:
    return ngettext("%(number)s complaint", "%(number)s complaints", number)


def _refund(number: int) -> str:
    return ngettext("%(number)s refund", "%(number)s refunds", number)


def _supplement(number: int) -> str:
    return ngettext("%(number)s appeal that needs evidence", "%(number)s appeals that need evidence", number)


def _appeal(number: int) -> str:
    return ngettext("%(number)s appeal window closes", "%(number)s appeal windows close", number)


KINDS: dict[str, tuple[Callable[[int], str], Callable[[date], str]]] = {
    Deadline.Kind.HANDLE: (_handle, lambda day: f"{address('complaints:list')}?due={day}"),
    Deadline.Kind.REFUND: (_refund, lambda _day: address("refunds:list")),
    Deadline.Kind.SUPPLEMENT: (_supplement, lambda _day: f"{address('appeals:list')}?status=more_wanted"),
    Deadline.Kind.APPEAL: (_appeal, lambda _day: f"{address('penalties:list')}?{CAN_BE_APPEALED}"),
}
"""What each kind is called, and the list that shows it: narrowed to the day where the list can be."""


def rows_of(found: Forecast) -> list[Row]:
    """Return the days as rows, their bars to one scale."""
    return [
        Row(
            day=each.day,
            is_today=number == 0,
            is_tomorrow=number == 1,
            parts=list(_parts(each, most=found.most)),
            points=each.points,
        )
        for number, each in enumerate(found.days)
    ]


def _parts(day: Day, *, most: int) -> Iterable[Part]:
    start = 0.0
    for kind, (words, url) in KINDS.items():
        due: Due | None = day.due.get(kind)
        if due is None:
            continue
        width = max(LEAST, due.number * (WIDTH - LEAST * len(KINDS)) / most)
        yield Part(
            kind=kind,
            words=words(due.number) % {"number": count_words(due.number) if kind == CAPPED else f"{due.number:,}"},
            url=url(day.day),
            start=f"{start:.2f}",
            width=f"{width - 0.4:.2f}",
        )
        start += width
