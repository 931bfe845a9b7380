"""Working days in China: public holidays and make-up working days, as far as the State Council has published them.

The days are a table (`WorkDay`), whole years of it. A deadline that reaches past the last published day counts Monday
to Friday as working days, is marked provisional, and moves when the year is published: only ever later.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction

from common.numbers import BEIJING
from deadlines.models import Deadline, WorkDay

FRIDAY = 4
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkingDeadline:
    """The end of a working day in Beijing; provisional when it reaches past what is published."""

    due_at: datetime
    is_provisional: bool


def end_of_working_day(start: datetime, count: int) -> WorkingDeadline:
    """Return the end of the `count`-th working day after the day of `start` in Beijing, which itself does not count."""
    days = _days_after(start.astimezone(BEIJING).date())
    left = count
    while True:
        day, is_working, is_published = next(days)
        left -= is_working
        if not left:
            return WorkingDeadline(_end_of(day), is_provisional=not is_published)


def published_through() -> date | None:
    """Return the last day whose kind is known, or None when no year was taken in yet."""
    return WorkDay.objects.order_by("-day").values_list("day", flat=True).first()


def _days_after(day: date) -> Iterator[tuple[date, bool, bool]]:
    """Yield each following day: whether it is a working day, and whether that is published."""
    for known, is_working in WorkDay.objects.filter(day__gt=day).order_by("day").values_list("day", "is_working")[:60]:
        day = known
        yield day, is_working, True
    while True:
        day += DAY
        yield day, day.weekday() <= FRIDAY, False


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, tzinfo=BEIJING)


Mover = Callable[[int, WorkingDeadline], None]
_movers: list[tuple[str, Mover]] = []


def register_mover(kind: Deadline.Kind, mover: Mover) -> None:
    """Let an app that keeps a copy of a deadline of this kind follow when it moves."""
    _movers.append((kind.value, mover))


@transaction.atomic
def move_provisional_deadlines() -> int:
    """Count the provisional deadlines again, now that more is published; return how many are certain now.

    A deadline moves only ever later: nobody loses time that was shown to them.
    """
    certain = 0
    for clock in Deadline.objects.select_for_update().filter(is_provisional=True).order_by("id"):
        if clock.counted_from is None or clock.working_days is None:
            continue
        counted = end_of_working_day(clock.counted_from, clock.working_days)
        if counted.is_provisional:
            continue
        clock.due_at, clock.is_provisional = max(clock.due_at, counted.due_at), False
        clock.save(update_fields=["due_at", "is_provisional"])
        for kind, mover in _movers:
            if kind == clock.kind:
                mover(clock.subject_id, WorkingDeadline(clock.due_at, is_provisional=False))
        certain += 1
    return certain
