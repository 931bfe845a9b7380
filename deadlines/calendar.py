"""Working days in China: public holidays and make-up working days, as far as the State Council has published them.

The days are a table (`WorkDay`), whole years of it. A deadline that reaches past the last published day counts Monday
to Friday as working days, is marked provisional, and moves when the year is published: only ever later.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from common.numbers import BEIJING
from deadlines.models import Deadline, WorkDay
from deadlines.reviewing import Reviewed

FRIDAY = 4
DAY = timedelta(days=1)
WARNED_AHEAD = 60
"""So many days before the published calendar runs out, health, checks and admin begin to say so."""


@dataclass(frozen=True, slots=True)
class WorkingDeadline:
    """The end of a working day in Beijing; provisional when it reaches past what is published."""

    due_at: datetime
    is_provisional: bool


def end_of_working_day(start: datetime, count: int) -> WorkingDeadline:
    """Return the end of the `count`-th working day after the day of `start` in Beijing, which itself does not count."""
    day = start.astimezone(BEIJING).date()
    # Long enough: no holiday of China keeps people from work for so many days in a row.
    until = day + 3 * count * DAY + 30 * DAY
    published = dict(WorkDay.objects.filter(day__gt=day, day__lte=until).values_list("day", "is_working"))
    is_provisional = False
    while count:
        day += DAY
        is_provisional = is_provisional or day not in published
        count -= published.get(day, works_by_rule(day))
    return WorkingDeadline(datetime.combine(day, time.max, tzinfo=BEIJING), is_provisional)


def works_by_rule(day: date) -> bool:
    """Say whether a day that no notice names is a working day: Monday to Friday are."""
    return day.weekday() <= FRIDAY


def published_through() -> date | None:
    """Return the last day whose kind is known, or None when no year was taken in yet."""
    last: date | None = WorkDay.objects.aggregate(last=Max("day"))["last"]
    return last


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the published calendar reaches; `days_left` counts from today in Beijing, and falls below zero."""

    through: date | None
    days_left: int

    @property
    def has_run_out(self) -> bool:
        return self.days_left < 0

    @property
    def runs_out_soon(self) -> bool:
        return self.days_left < WARNED_AHEAD


def reach(through: date | None, *, now: datetime) -> Reach:
    """Say how far a calendar that is published through this day reaches; one without any day ran out yesterday."""
    return Reach(through, (through - now.astimezone(BEIJING).date()).days if through else -1)


_copies: list[type[Reviewed]] = []


def keep_in_step(model: type[Reviewed]) -> None:
    """Let `review_by` of these rows follow when the clock of their review moves. Each app says so when it is ready."""
    if model not in _copies:
        _copies.append(model)


@dataclass(slots=True)
class Moved:
    """How many deadlines are certain now that were provisional, and how many of all moved to a later day."""

    certain: int = 0
    later: int = 0


def move_provisional_deadlines(*, all_of_them: bool = False) -> Moved:
    """Count the provisional deadlines again, now that more is published, and say what became of them.

    `all_of_them` counts those that were certain again as well: a published year was replaced. A deadline moves only
    ever later: nobody loses time that was shown to them. Each one is a transaction of its own; cut off in the middle,
    the rest stays provisional, and the next call goes on.
    """
    moved = Moved()
    counted_in_days = Deadline.objects.filter(kind=Deadline.Kind.REVIEW, working_days__isnull=False)
    wanted = counted_in_days.filter(Q() if all_of_them else Q(is_provisional=True))
    for clock_id, subject_id in wanted.order_by("due_at", "id").values_list("id", "subject_id"):
        _move(clock_id, subject_id, moved)
    return moved


@transaction.atomic
def _move(clock_id: int, subject_id: int, moved: Moved) -> None:
    """Move one deadline and its copy. Locks are taken as the verbs take them: what is reviewed, then its clock."""
    rows: list[Reviewed] = []
    for model in _copies:
        rows += QuerySet(model).select_for_update(no_key=True).filter(pk=subject_id)
    clock = Deadline.objects.select_for_update().filter(pk=clock_id).first()
    if clock is None or clock.counted_from is None or clock.working_days is None:
        return  # decided meanwhile
    counted = end_of_working_day(clock.counted_from, clock.working_days)
    due_at, was_provisional = max(clock.due_at, counted.due_at), clock.is_provisional
    moved.later += due_at > clock.due_at
    moved.certain += was_provisional and not counted.is_provisional
    clock.due_at, clock.is_provisional = due_at, counted.is_provisional
    clock.save(update_fields=["due_at", "is_provisional"])
    for row in rows:
        row.review_by, row.is_provisional = due_at, counted.is_provisional
        row.save(update_fields=["review_by", "is_provisional"])
