"""What the sweeps ever did, in numbers that only grow: exact with any number of processes, and after every restart.

Old runs are added up once; the runs of the last day are counted where they stand, so that a run which is still going,
or was killed, is counted with what it did.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from deadlines.sweeping import registered_kinds

SETTLED_AFTER = timedelta(days=1)
"""A run that began so long ago does nothing any more."""
ADD_UP_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What all runs of one kind did; runs in shadow did nothing."""

    examined: int
    acted: int
    skipped: int
    failed: int


def totals(*, on: BaseDatabaseWrapper | None = None) -> dict[str, Total]:
    """Return what the sweeps of each kind ever did, asked on the given connection, or on the usual one."""
    with (on or connection).cursor() as cursor:
        cursor.execute(
            """
            SELECT known.kind,
                coalesce(total.examined, 0) + newer.examined, coalesce(total.acted, 0) + newer.acted,
                coalesce(total.skipped, 0) + newer.skipped, coalesce(total.failed, 0) + newer.failed
            FROM unnest(%s) AS known (kind)
            LEFT JOIN deadlines_sweeptotal AS total ON total.kind = known.kind
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(examined), 0) AS examined, coalesce(sum(acted), 0) AS acted,
                    coalesce(sum(skipped), 0) AS skipped, coalesce(sum(failed), 0) AS failed
                FROM deadlines_sweeprun AS run WHERE run.kind = known.kind
                    AND started_at >= coalesce(total.through, '-infinity') AND NOT is_shadow
            ) AS newer
            """,
            [registered_kinds()],
        )
        return {
            kind: Total(examined=int(examined), acted=int(acted), skipped=int(skipped), failed=int(failed))
            for kind, examined, acted, skipped, failed in cursor.fetchall()
        }


@transaction.atomic
def add_up(*, now: datetime) -> int:
    """Add the runs that began more than a day ago to the totals, at most once an hour; return how many kinds moved.

    Several may come at once: a row that somebody moved meanwhile is not moved again.
    """
    through = now - SETTLED_AFTER
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deadlines_sweeptotal AS total (kind, through, examined, acted, skipped, failed)
            SELECT kind, '-infinity', 0, 0, 0, 0 FROM unnest(%s) AS known (kind)
            ON CONFLICT (kind) DO NOTHING
            """,
            [registered_kinds()],
        )
        cursor.execute(
            "SELECT kind FROM deadlines_sweeptotal WHERE through < %s ORDER BY kind FOR NO KEY UPDATE",
            [through - ADD_UP_EVERY],
        )
        kinds = [kind for (kind,) in cursor.fetchall()]
        cursor.execute(
            """
            UPDATE deadlines_sweeptotal AS total SET through = %(through)s,
                examined = total.examined + older.examined, acted = total.acted + older.acted,
                skipped = total.skipped + older.skipped, failed = total.failed + older.failed
            FROM deadlines_sweeptotal AS known CROSS JOIN LATERAL (
                SELECT coalesce(sum(examined), 0) AS examined, coalesce(sum(acted), 0) AS acted,
                    coalesce(sum(skipped), 0) AS skipped, coalesce(sum(failed), 0) AS failed
                FROM deadlines_sweeprun AS run WHERE run.kind = known.kind
                    AND started_at >= known.through AND started_at < %(through)s AND NOT is_shadow
            ) AS older
            WHERE known.kind = total.kind AND total.kind = ANY (%(kinds)s)
            """,
            {"through": through, "kinds": kinds},
        )
    return len(kinds)
