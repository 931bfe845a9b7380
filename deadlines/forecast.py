"""What one merchant has to do by when: its running clocks, added up by the days of Beijing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from common.prepared import Place, Statement
from common.together import ask
from common.wording import BEIJING
from deadlines.models import Deadline

DUTIES = (Deadline.Kind.HANDLE, Deadline.Kind.REFUND, Deadline.Kind.SUPPLEMENT)
"""The clocks that a merchant stops by doing something. Nobody's doing stops the others before their time."""
DAYS = 7
BY_DAY = Statement(
    f"""
        SELECT number, sums.* FROM generate_series(0, {DAYS}) AS number CROSS JOIN LATERAL (
            SELECT kind, count(*), sum(points), min(due_at), max(due_at) FROM deadlines_deadline
            WHERE merchant_id = %s AND kind IN (%s, %s, %s)
                AND due_at >= CASE number WHEN 0 THEN %s ELSE %s + (number - 1) * '24 hours'::interval END
                AND due_at < CASE number WHEN {DAYS} THEN 'infinity' ELSE %s + number * '24 hours'::interval END
            GROUP BY kind
        ) AS sums ORDER BY number, kind
    """,  # noqa: S608 (a number of this file)
    [Place(0), *(kind.value for kind in DUTIES), Place(1), Place(2), Place(2)],
)
"""Each day is a stretch of the index: to compute the day of each clock would take longer than to read it."""


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

    At the very moment of its deadline a clock still counts. What is due after the days of the forecast stands together,
    under the first day behind them.
    """
    today = now.astimezone(BEIJING).date()
    tomorrow = datetime.combine(today + timedelta(days=1), time.min, tzinfo=BEIJING)
    rows = ask(BY_DAY, [merchant_id, now, tomorrow])
    return [Due(kind, today + timedelta(days=number), *sums) for number, kind, *sums in rows]


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
