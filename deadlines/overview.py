"""What ops look at first: how each kind of sweep is controlled, when it ran, and what waits for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q

from deadlines.control import controls
from deadlines.lateness import Lateness, lateness
from deadlines.models import Deadline
from deadlines.sweeping import registered_kinds

HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One kind of sweep. `lag` is how long past its moment the oldest due clock is; None when nothing is due."""

    kind: str
    mode: str
    reason: str
    changed_by: str
    last_run: datetime | None
    lag: timedelta | None
    due_now: int
    due_soon: int
    late: Lateness | None
    """Why the kind is late; None when it is on time."""

    def as_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "reason": self.reason,
            "changed_by": self.changed_by,
            "last_run": self.last_run.isoformat() if self.last_run else None,
            "lag_seconds": None if self.lag is None else round(self.lag.total_seconds()),
            "due_now": self.due_now,
            "due_soon": self.due_soon,
            "late": self.late,
        }


def overview(*, now: datetime, hours: int = HOURS) -> list[Line]:
    """Return a line for each kind: how it runs, when a run last ended, and what is due now and in so many hours."""
    soon = Deadline.objects.filter(due_at__lt=now + timedelta(hours=hours)).order_by().values("kind")
    waiting: dict[str, dict[str, Any]] = {
        row["kind"]: dict(row)
        for row in soon.annotate(
            now=Count("pk", filter=Q(due_at__lt=now)), soon=Count("pk", filter=Q(due_at__gte=now)), oldest=Min("due_at")
        )
    }
    last = _last_runs()
    lines = []
    for kind, control in controls().items():
        due: dict[str, Any] = waiting.get(kind, {"now": 0, "soon": 0, "oldest": None})
        oldest_due = due["oldest"] if due["now"] else None
        lines.append(
            Line(
                kind=kind,
                mode=control.mode,
                reason=control.reason,
                changed_by=control.changed_by,
                last_run=last.get(kind),
                lag=now - oldest_due if oldest_due else None,
                due_now=due["now"],
                due_soon=due["soon"],
                late=lateness(now=now, mode=control.mode, last_run=last.get(kind), oldest_due=oldest_due),
            )
        )
    return lines


def _last_runs() -> dict[str, datetime | None]:
    """Return when a run of each kind last ended, by a look at the newest ones of each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT kind, (SELECT ended_at FROM deadlines_sweeprun AS run
                WHERE run.kind = known.kind AND ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 1)
            FROM unnest(%s) AS known (kind)
            """,
            [registered_kinds()],
        )
        return dict(cursor.fetchall())
