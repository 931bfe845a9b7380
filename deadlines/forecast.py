"""What one merchant has to do by when: its running clocks, added up by the days of Beijing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.db.models.functions import TruncDate

from common.wording import BEIJING
from common.written import written
from deadlines.models import Deadline

DUTIES = (Deadline.Kind.HANDLE, Deadline.Kind.REFUND, Deadline.Kind.SUPPLEMENT)
"""The clocks that a merchant stops by doing something. Nobody's doing stops the others before their time."""
DAYS = 7


@dataclass(frozen=True, slots=True)
class Due:
    """The clocks of one kind that end on one day: how many, what they cost when missed, the first and the last end."""

    kind: str
    day: date
    number: int
    points: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the forecast, with what is due on it by kind."""

    day: date
    due: Mapping[str, Due]

    @property
    def number(self) -> int:
        return sum(each.number for each in self.due.values())

    @property
    def points(self) -> int:
        return sum(each.points for each in self.due.values())


@dataclass(frozen=True, slots=True)
class Risk:
    """What is due by the end of tomorrow: how many clocks, the points that they carry, and when the last one ends."""

    number: int
    points: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is due from a moment on: the seven days that begin with that moment's own, and what lies behind them."""

    days: list[Day]
    later: list[Due]
    next_at: datetime | None
    """When the next duty ends, however far away."""
    risk: Risk | None
    """Nothing when no duty ends before the end of tomorrow."""

    @property
    def most(self) -> int:
        """The number of clocks on the fullest day."""
        return max(each.number for each in self.days)

    @property
    def points(self) -> int:
        return sum(each.points for each in self.days)


def due_by_day(merchant_id: int, *, now: datetime) -> list[Due]:
    """Add up what a merchant has to do from now on, by kind and day, in one statement; what is missed is not among it.

    At the very moment of its deadline a clock still counts.
    """
    return [
        Due(row["kind"], row["day"], row["number"], row["stake"], row["first_at"], row["last_at"])
        for row in _sums(merchant_id, now)
    ]


@written
def _sums(merchant_id: int, now: datetime) -> QuerySet[Any, Any]:
    clocks = Deadline.objects.filter(merchant_id=merchant_id, kind__in=DUTIES, due_at__gte=now)
    days = clocks.annotate(day=TruncDate("due_at", tzinfo=BEIJING)).values("kind", "day")
    sums = days.annotate(number=Count("pk"), stake=Sum("points"), first_at=Min("due_at"), last_at=Max("due_at"))
    return sums.order_by("day", "kind")


def forecast(duties: Iterable[Due], windows: Iterable[Due] = (), *, now: datetime) -> Forecast:
    """Lay out what is due by day. `windows` end without anybody's duty: they show in the days and nowhere else."""
    duties = list(duties)
    today = now.astimezone(BEIJING).date()
    found: dict[date, dict[str, Due]] = {today + timedelta(days=number): {} for number in range(DAYS)}
    for each in (*duties, *windows):
        if each.day in found:
            found[each.day][each.kind] = each
    soon = [each for each in duties if each.day <= today + timedelta(days=1)]
    return Forecast(
        days=[Day(day, due) for day, due in found.items()],
        later=[each for each in duties if each.day not in found],
        next_at=min((each.first_at for each in duties), default=None),
        risk=_risk(soon) if soon else None,
    )


def _risk(soon: list[Due]) -> Risk:
    costly = [each for each in soon if each.points] or soon
    return Risk(
        number=sum(each.number for each in soon),
        points=sum(each.points for each in soon),
        last_at=max(each.last_at for each in costly),
    )
