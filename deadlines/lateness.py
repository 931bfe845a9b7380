"""When a sweep is late: one rule for health, alarms, admin and the command line, so that they never disagree."""

from datetime import datetime, timedelta

from deadlines.models import Lateness, SweepControl
from deadlines.sweeping import GRACE

__all__ = ["EVERY", "LATE_AFTER", "Lateness", "lateness"]

EVERY = timedelta(minutes=1)
"""How often the schedule wakes the sweep of each kind."""

LATE_AFTER = 2 * EVERY
"""So long after its last run a kind is late, and so long may what is due wait beyond the grace."""


def lateness(*, now: datetime, mode: str, last_run: datetime | None, oldest_due: datetime | None) -> Lateness | None:
    """Say why a kind is late; None when it is on time.

    `last_run` is when a run last ended, `oldest_due` the earliest moment of a clock that is due now.
    """
    if mode == SweepControl.Mode.PAUSED:
        return Lateness.PAUSED
    if last_run is None or now - last_run > LATE_AFTER:
        return Lateness.SILENT
    if oldest_due is not None and now - oldest_due > LATE_AFTER + GRACE:
        return Lateness.BEHIND
    return None
