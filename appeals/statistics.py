"""Numbers for staff: what is open, how long decisions take in working hours, and what is approved."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from statistics import median

from django.db.models import Case, Count, F, Q, QuerySet, When

from appeals.models import Appeal
from appeals.reasons import Reason
from appeals.states import OPEN, Status
from common.numbers import BEIJING
from deadlines.models import WorkDay
from merchants.models import User
from penalties.states import Kind

OPENS, CLOSES = time(9), time(18)
"""Staff are at work from nine to six in Beijing, on working days."""

WORKING_DAY = timedelta(hours=9)
DAY = timedelta(days=1)
DECIDED_WITHIN = 30 * DAY
RATED_WITHIN = 90 * DAY
FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the decided appeals were approved. `label` is a kind of penalty, or a person's name."""

    label: str
    approved: int
    decided: int

    @property
    def percent(self) -> int:
        return round(100 * self.approved / self.decided)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What staff see on the index. `open_by_age` counts whole days since the submission."""

    waiting: int
    more_wanted: int
    due_today: int
    overdue: int
    open_by_age: dict[str, int]
    median_hours: float | None
    decided: int
    by_rule: list[Rate]
    by_reviewer: list[Rate]


def numbers(*, now: datetime) -> Numbers:
    """Return the numbers as of `now`, with six questions to the database."""
    waiting = Q(status=Status.SUBMITTED)
    midnight = datetime.combine(now.astimezone(BEIJING).date() + DAY, time.min, tzinfo=BEIJING)
    counts = Appeal.objects.filter(status__in=OPEN).aggregate(
        waiting=Count("pk", filter=waiting),
        more_wanted=Count("pk", filter=Q(status=Status.MORE_WANTED)),
        due_today=Count("pk", filter=waiting & Q(review_by__gte=now, review_by__lt=midnight)),
        overdue=Count("pk", filter=waiting & Q(review_by__lt=now)),
        under_1=Count("pk", filter=Q(submitted_at__gt=now - DAY)),
        under_3=Count("pk", filter=Q(submitted_at__lte=now - DAY, submitted_at__gt=now - 3 * DAY)),
        under_7=Count("pk", filter=Q(submitted_at__lte=now - 3 * DAY, submitted_at__gt=now - 7 * DAY)),
        older=Count("pk", filter=Q(submitted_at__lte=now - 7 * DAY)),
    )
    hours = decision_hours(now=now)
    return Numbers(
        waiting=counts["waiting"],
        more_wanted=counts["more_wanted"],
        due_today=counts["due_today"],
        overdue=counts["overdue"],
        open_by_age={name: counts[name] for name in ("under_1", "under_3", "under_7", "older")},
        median_hours=median(hours) if hours else None,
        decided=len(hours),
        by_rule=_rates_by_rule(now=now),
        by_reviewer=_rates_by_reviewer(now=now),
    )


def decision_hours(*, now: datetime) -> list[float]:
    """Return, for each decision of the last 30 days, the working hours that staff had the appeal in hand.

    After staff asked for more, it counts from when the merchant gave it, or from when their time for it was over:
    while they wait for the merchant nobody is slow. Corrections are left out, they come when they come.
    """
    in_hand = Case(
        When(supplemented_at__gte=F("asked_at"), then=F("supplemented_at")),
        When(asked_at__isnull=False, then=F("supplement_by")),
        default=F("submitted_at"),
    )
    decisions = list(
        _decided(since=now - DECIDED_WITHIN, now=now)
        .exclude(reason_code=Reason.DECIDED_WRONGLY)
        .annotate(in_hand_at=in_hand)
        .values_list("in_hand_at", "decided_at")
    )
    if not decisions:
        return []
    clock = WorkingClock.between(min(start for start, _ in decisions), now)
    return [clock.hours(start, end) for start, end in decisions if end is not None]


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


def _decided(*, since: datetime, now: datetime) -> QuerySet[Appeal]:
    return Appeal.objects.filter(status__in=(Status.APPROVED, Status.REJECTED), decided_at__range=(since, now))


APPROVED = Count("pk", filter=Q(status=Status.APPROVED))


def _rates_by_rule(*, now: datetime) -> list[Rate]:
    decided = _decided(since=now - RATED_WITHIN, now=now).order_by().values("penalty__kind")
    rows = decided.annotate(approved=APPROVED, number=Count("pk"))
    rates = [Rate(row["penalty__kind"], row["approved"], row["number"]) for row in rows]
    return sorted(rates, key=lambda rate: Kind.values.index(rate.label))


def _rates_by_reviewer(*, now: datetime) -> list[Rate]:
    decided = _decided(since=now - RATED_WITHIN, now=now).order_by().values("decided_by")
    rows = list(decided.annotate(approved=APPROVED, number=Count("pk")))
    people = User.objects.in_bulk([row["decided_by"] for row in rows])
    rates = [Rate(str(people[row["decided_by"]]), row["approved"], row["number"]) for row in rows]
    return sorted(rates, key=lambda rate: (-rate.decided, rate.label))
