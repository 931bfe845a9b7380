"""How each kind of sweep stands, by a few looks into indexes: what health, alarms and metrics go by."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from deadlines.lateness import Lateness, lateness
from deadlines.models import SweepControl
from deadlines.sweeping import registered_kinds

MANY = 1_000_000
"""What is due is counted up to here; more is not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One kind of sweep, without what counting would cost."""

    kind: str
    mode: str
    reason: str
    changed_by: str
    last_run: datetime | None
    last_lag: timedelta | None
    """How long past its moment the oldest clock was when that run began."""
    oldest_due: datetime | None
    late: Lateness | None

    def age(self, now: datetime) -> timedelta | None:
        """Return how long ago a run ended; None when none ever did."""
        return None if self.last_run is None else max(timedelta(0), now - self.last_run)

    def waiting(self, now: datetime) -> timedelta:
        """Return for how long the oldest due clock has been due; nothing when none is."""
        return now - self.oldest_due if self.oldest_due else timedelta(0)


def standings(*, now: datetime, on: BaseDatabaseWrapper | None = None) -> list[Standing]:
    """Return how each kind stands, asked on the given connection, or on the usual one."""
    with (on or connection).cursor() as cursor:
        cursor.execute(
            """
            SELECT known.kind, control.mode, control.reason, control.changed_by, run.ended_at, run.lag,
                (SELECT min(due_at) FROM deadlines_deadline AS clock WHERE clock.kind = known.kind AND due_at < %s)
            FROM unnest(%s) WITH ORDINALITY AS known (kind, place)
            LEFT JOIN deadlines_sweepcontrol AS control ON control.kind = known.kind
            LEFT JOIN LATERAL (
                SELECT ended_at, lag FROM deadlines_sweeprun AS run
                WHERE run.kind = known.kind AND ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 1
            ) AS run ON true
            ORDER BY known.place
            """,
            [now, registered_kinds()],
        )
        rows = cursor.fetchall()
    return [_standing(*row, now=now) for row in rows]


def _standing(
    kind: str,
    mode: str | None,
    reason: str | None,
    changed_by: str | None,
    last_run: datetime | None,
    last_lag: timedelta | None,
    oldest_due: datetime | None,
    *,
    now: datetime,
) -> Standing:
    mode = mode or SweepControl.Mode.RUN.value
    return Standing(
        kind=kind,
        mode=mode,
        reason=reason or "",
        changed_by=changed_by or "",
        last_run=last_run,
        last_lag=last_lag,
        oldest_due=oldest_due,
        late=lateness(now=now, mode=mode, last_run=last_run, oldest_due=oldest_due),
    )


def due_counts(*, now: datetime, until: datetime, on: BaseDatabaseWrapper | None = None) -> dict[str, tuple[int, int]]:
    """Return for each kind how many clocks are due, and how many will be before `until`; of each at most `MANY`."""
    with (on or connection).cursor() as cursor:
        cursor.execute(
            """
            SELECT known.kind,
                (SELECT count(*) FROM (SELECT FROM deadlines_deadline AS clock
                    WHERE clock.kind = known.kind AND due_at < %(now)s LIMIT %(many)s) AS due),
                (SELECT count(*) FROM (SELECT FROM deadlines_deadline AS clock
                    WHERE clock.kind = known.kind AND due_at >= %(now)s AND due_at < %(until)s LIMIT %(many)s) AS soon)
            FROM unnest(%(kinds)s) AS known (kind)
            """,
            {"now": now, "until": until, "many": MANY, "kinds": registered_kinds()},
        )
        return {kind: (due, soon) for kind, due, soon in cursor.fetchall()}
