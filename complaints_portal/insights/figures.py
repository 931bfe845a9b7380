"""The figures of a merchant for a stretch of days, from the summaries: totals, parts, weeks, and the time before."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
LONGEST = timedelta(days=732)
"""Two years are compared at most; more is no question of the day, and a page must not wait for it."""

ADDED = (
    "filed",
    "handled",
    "in_time",
    "missed",
    "unhandled",
    "points_lost",
    "points_given_back",
    "repeated",
    "from_consultation",
)
TOTAL = "total"
PARTS = ("dispute_type", "mini_program", "root_cause", "week")
"""By what the figures can be parted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A stretch of days in Beijing, both included, and what it is narrowed to."""

    first: date
    last: date
    mini_program_ids: tuple[int, ...] = ()
    dispute_types: tuple[str, ...] = ()

    @property
    def length(self) -> timedelta:
        return self.last - self.first + DAY

    @property
    def before(self) -> "Range":
        """The stretch of the same length just before."""
        return Range(
            first=self.first - self.length,
            last=self.first - DAY,
            mini_program_ids=self.mini_program_ids,
            dispute_types=self.dispute_types,
        )

    def weeks(self) -> Iterator["Range"]:
        """Yield its weeks, counted from its first day, so that those of the stretch before are as long; the last may
        be shorter."""
        start = self.first
        while start <= self.last:
            yield Range(
                first=start,
                last=min(start + WEEK - DAY, self.last),
                mini_program_ids=self.mini_program_ids,
                dispute_types=self.dispute_types,
            )
            start += WEEK


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What became of the complaints filed in a stretch of days. Amounts are yuan, times minutes from filing."""

    part: Any = None
    """The dispute type, number of the mini program, root cause or first day of the week; None for all."""
    filed: int = 0
    handled: int = 0
    in_time: int = 0
    missed: int = 0
    unhandled: int = 0
    points_lost: int = 0
    points_given_back: int = 0
    repeated: int = 0
    from_consultation: int = 0
    refunded: Decimal = Decimal(0)
    median: int | None = None
    ninetieth: int | None = None

    @property
    def share_in_time(self) -> float | None:
        """The share of what was handled, or missed and never handled, that was handled in time; None of nothing."""
        judged = self.handled + self.unhandled
        return self.in_time / judged if judged else None

    @property
    def points(self) -> int:
        """What they still cost: the points lost without those that were given back."""
        return self.points_lost - self.points_given_back


@dataclass(frozen=True, slots=True)
class Growth:
    """A dispute type, with how many complaints there were in the stretch and in the one before."""

    dispute_type: str
    now: int
    before: int

    @property
    def more(self) -> int:
        return self.now - self.before


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one stretch of days: of all of it, and by each of `PARTS`, those with most complaints first."""

    total: Figures
    parts: dict[str, list[Figures]] = field(default_factory=lambda: {name: [] for name in PARTS})

    def of(self, name: str) -> dict[Any, Figures]:
        """Return the figures of one kind of parts by the part itself."""
        return {figures.part: figures for figures in self.parts[name]}


def grown(now: Iterable[Figures], before: Iterable[Figures], *, shown: int = 5) -> list[Growth]:
    """Return the dispute types that grew most, by how many complaints more there were than in the stretch before."""
    earlier = {figures.part: figures.filed for figures in before}
    growths = [Growth(figures.part, figures.filed, earlier.get(figures.part, 0)) for figures in now]
    return sorted((each for each in growths if each.more > 0), key=lambda each: -each.more)[:shown]


def look_up(merchant_id: int, wanted: Range, *, timed: Collection[str] = (TOTAL, *PARTS)) -> Found:
    """Return the figures of a merchant's stretch of days: everything in one statement.

    Times are looked up only for what `timed` names: they are what costs most.
    """
    with connection.cursor() as cursor:
        cursor.execute(*statement(merchant_id, wanted, timed=timed))
        rows = cursor.fetchall()
    found = Found(Figures())
    total = found.total
    for by, part, sums, refunded, times in rows:
        figures = Figures(
            part=_part(by, part, wanted),
            **dict(zip(ADDED, sums, strict=True)),
            refunded=refunded,
            median=times[0] if times else None,
            ninetieth=times[1] if times else None,
        )
        if by == TOTAL:
            total = figures
        else:
            found.parts[by].append(figures)
    found.parts["week"].sort(key=lambda figures: figures.part)
    for name in PARTS[:-1]:
        found.parts[name].sort(key=lambda figures: (-figures.filed, str(figures.part)))
    return Found(total, found.parts)


def statement(merchant_id: int, wanted: Range, *, timed: Collection[str]) -> tuple[str, dict[str, Any]]:
    """Return the statement that looks figures up, and its values."""
    given = {
        "merchant": merchant_id,
        "first": wanted.first,
        "last": wanted.last,
        "programs": list(wanted.mini_program_ids),
        "types": list(wanted.dispute_types),
        "timed": list(timed),
    }
    if not (wanted.mini_program_ids or wanted.dispute_types):
        return LOOK_UP.format(kept=WHOLE), given
    conditions = " AND mini_program_id = ANY(%(programs)s)" if wanted.mini_program_ids else ""
    conditions += " AND dispute_type = ANY(%(types)s)" if wanted.dispute_types else ""
    return LOOK_UP.format(kept=NARROWED + conditions), given


def _part(by: str, part: str, wanted: Range) -> Any:
    """Return a part as it is, which the statement gives as text: numbers of mini programs, weeks by their place."""
    if by == TOTAL:
        return None
    if by == "week":
        return wanted.first + int(part) * WEEK
    return int(part) if by == "mini_program" else part


def dispute_types(merchant_id: int, wanted: Range) -> list[str]:
    """Return what the complaints of a merchant were about in a stretch of days, whatever it is narrowed to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT dispute_type FROM complaints_portal_daysummary WHERE merchant_id = %s AND by = 'dispute_type'"
            " AND day BETWEEN %s AND %s GROUP BY 1 ORDER BY sum(filed) DESC, 1 LIMIT 200",
            [merchant_id, wanted.first, wanted.last],
        )
        return [name for (name,) in cursor.fetchall()]


_ADDED = ", ".join(ADDED)
_SUMS = f"ARRAY[{', '.join(f'sum({name})' for name in ADDED)}] AS sums, sum(refunded) AS refunded"
_OF_THE_DAYS = (
    "FROM complaints_portal_daysummary WHERE merchant_id = %(merchant)s AND day BETWEEN %(first)s AND %(last)s"
)
_WEEK = "(day - %(first)s::date) / 7 AS week"

WHOLE = f"""
    SELECT by, coalesce(dispute_type, mini_program_id::text, root_cause, '') COLLATE "C" AS part, {_WEEK}, {_ADDED},
        refunded, minutes
    {_OF_THE_DAYS} AND by IN ('total', 'dispute_type', 'mini_program', 'root_cause')
"""
"""What is read of days that are narrowed to nothing: the summaries by one thing each."""

NARROWED = f"""
    SELECT kind.by, (CASE kind.by WHEN 'dispute_type' THEN dispute_type WHEN 'mini_program' THEN mini_program_id::text
        WHEN 'root_cause' THEN root_cause ELSE '' END) COLLATE "C" AS part, {_WEEK}, {_ADDED}, refunded, minutes
    FROM (VALUES ('total'), ('dispute_type'), ('mini_program'), ('root_cause')) AS kind (by)
    CROSS JOIN (SELECT * {_OF_THE_DAYS} AND by = 'everything') AS summary
    WHERE true
"""  # noqa: S608 (only names of this module)
"""The same from the summaries by everything, for what mini programs or dispute types are asked for."""

LOOK_UP = f"""
    WITH kept AS MATERIALIZED ({{kept}}), sums AS (
        SELECT by, part, {_SUMS} FROM kept GROUP BY by, part
        UNION ALL SELECT 'week', week::text, {_SUMS} FROM kept WHERE by = 'total' GROUP BY week
    ), numbered AS MATERIALIZED (
        SELECT *, row_number() OVER () AS number FROM sums
    ), minutes AS (
        SELECT number, unnest(minutes) AS minute FROM kept JOIN numbered USING (by, part) WHERE by = ANY(%(timed)s)
        UNION ALL SELECT number, unnest(minutes) FROM kept JOIN numbered ON numbered.part = kept.week::text
        WHERE kept.by = 'total' AND numbered.by = 'week' AND numbered.by = ANY(%(timed)s)
    ), times AS (
        SELECT number, percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY minute) AS times
        FROM minutes GROUP BY number
    )
    SELECT by, part, sums, refunded, times FROM numbered LEFT JOIN times USING (number)
"""  # noqa: S608 (only names of this module)
"""What a stretch was, whole and by each of `PARTS`. The parts are numbered, so that times are sorted by numbers."""
