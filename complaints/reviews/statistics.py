"""Numbers for staff: what is open, how long decisions take in working hours, and how they fall."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from statistics import median
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import Combinable

from common.numbers import BEIJING
from complaints.reviews.waiting import IS_WAITING, is_due_today, is_overdue
from deadlines.models import WorkDay
from deadlines.reviewing import Reviewed
from merchants.models import User

OPENS, CLOSES = time(9), time(18)
"""Staff are at work from nine to six in Beijing, on working days."""

WORKING_DAY = timedelta(hours=9)
DAY = timedelta(days=1)
DECIDED_WITHIN = 30 * DAY
RATED_WITHIN = 90 * DAY
FRIDAY = 4
AGES = ("under_1", "under_3", "under_7", "older")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the reviews of one noun are counted."""

    model: type[Reviewed]
    open_statuses: tuple[str, ...]
    decided: tuple[str, ...]
    """The states of what is decided, and among them the one whose share is the rate."""
    rated: str
    corrections: tuple[str, ...]
    """The reasons of corrections, which come when they come."""
    in_hand_at: Combinable = field(default_factory=lambda: F("submitted_at"))
    """Since when staff had it in hand: while they wait for the merchant nobody is slow."""
    further: Mapping[str, Q] = field(default_factory=dict)
    """What else is counted of what is open."""
    grouped: Mapping[str, Combinable] = field(default_factory=dict)
    """By what else than the reviewer the rates are told."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the decided reviews were decided so. `label` is a code, or a person's name."""

    label: str
    so: int
    decided: int

    @property
    def percent(self) -> int:
        return round(100 * self.so / self.decided)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What staff see on the index. `open_by_age` counts whole days since the submission."""

    waiting: int
    due_today: int
    overdue: int
    further: dict[str, int]
    open_by_age: dict[str, int]
    median_hours: float | None
    decided: int
    by_reviewer: list[Rate]
    grouped: dict[str, list[Rate]]


def numbers(kind: Kind, *, now: datetime) -> Numbers:
    """Return the numbers as of `now`, with five questions to the database and one for each group of rates."""
    counts = _rows(kind).filter(status__in=kind.open_statuses)
    found = counts.aggregate(
        waiting=Count("pk", filter=IS_WAITING),
        due_today=Count("pk", filter=is_due_today(now)),
        overdue=Count("pk", filter=is_overdue(now)),
        under_1=Count("pk", filter=Q(submitted_at__gt=now - DAY)),
        under_3=Count("pk", filter=Q(submitted_at__lte=now - DAY, submitted_at__gt=now - 3 * DAY)),
        under_7=Count("pk", filter=Q(submitted_at__lte=now - 3 * DAY, submitted_at__gt=now - 7 * DAY)),
        older=Count("pk", filter=Q(submitted_at__lte=now - 7 * DAY)),
        **{name: Count("pk", filter=condition) for name, condition in kind.further.items()},
    )
    hours = decision_hours(kind, now=now)
    return Numbers(
        waiting=found["waiting"],
        due_today=found["due_today"],
        overdue=found["overdue"],
        further={name: found[name] for name in kind.further},
        open_by_age={name: found[name] for name in AGES},
        median_hours=median(hours) if hours else None,
        decided=len(hours),
        by_reviewer=_by_reviewer(kind, now=now),
        grouped={name: _rates(kind, by, now=now) for name, by in kind.grouped.items()},
    )


def decision_hours(kind: Kind, *, now: datetime) -> list[float]:
    """Return, for each decision of the last 30 days, the working hours that staff had the review in hand."""
    decisions = list(
        _decided(kind, since=now - DECIDED_WITHIN, now=now)
        .exclude(reason_code__in=kind.corrections)
        .annotate(in_hand_at=kind.in_hand_at)
        .values_list("in_hand_at", "decided_at")
    )
    if not decisions:
        return []
    clock = WorkingClock.between(min(start for start, _ in decisions), now)
    return [clock.hours(start, end) for start, end in decisions]


class WorkingClock:
    """Counts working hours between two moments: from nine to six in Beijing, on working days of the calendar."""

    def __init__(self, days: Iterable[date]) -> None:
        self._days = sorted(days)
        self._before = [timedelta(0), *accumulate([WORKING_DAY] * len(self._days))]

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "WorkingClock":
        """Read the calendar from the day of `start` to the day of `end`; an unpublished day counts Monday to Friday."""
        first, last = start.astimezone(BEIJING).date(), end.astimezone(BEIJING).date()
        known = dict(WorkDay.objects.filter(day__range=(first, last)).values_list("day", "is_working"))
        days = (first + number * DAY for number in range((last - first).days + 1))
        return cls(day for day in days if known.get(day, day.weekday() <= FRIDAY))

    def hours(self, start: datetime, end: datetime) -> float:
        """Return the working hours from `start` to `end`."""
        return (self._up_to(end) - self._up_to(start)) / timedelta(hours=1)

    def _up_to(self, moment: datetime) -> timedelta:
        local = moment.astimezone(BEIJING)
        place = bisect_right(self._days, local.date())
        if not place or self._days[place - 1] != local.date():
            return self._before[place]
        opens = datetime.combine(local.date(), OPENS, tzinfo=BEIJING)
        today = min(max(local - opens, timedelta(0)), WORKING_DAY)
        return self._before[place - 1] + today


def _rows(kind: Kind) -> QuerySet[Any]:
    return kind.model._default_manager.all()  # noqa: SLF001 (Django's own API)


def _decided(kind: Kind, *, since: datetime, now: datetime) -> QuerySet[Any]:
    return _rows(kind).filter(status__in=kind.decided, decided_at__range=(since, now))


def _rates(kind: Kind, by: Combinable, *, now: datetime) -> list[Rate]:
    """Return the rates of the last 90 days by something, the most frequent first."""
    decided = _decided(kind, since=now - RATED_WITHIN, now=now).order_by().values(label=by)
    rows = decided.annotate(so=Count("pk", filter=Q(status=kind.rated)), number=Count("pk"))
    return sorted(
        (Rate(row["label"], row["so"], row["number"]) for row in rows), key=lambda rate: (-rate.decided, rate.label)
    )


def _by_reviewer(kind: Kind, *, now: datetime) -> list[Rate]:
    rates = _rates(kind, F("decided_by"), now=now)
    people = User.objects.in_bulk([rate.label for rate in rates])
    named = [Rate(str(people[int(rate.label)]), rate.so, rate.decided) for rate in rates]
    return sorted(named, key=lambda rate: (-rate.decided, rate.label))
