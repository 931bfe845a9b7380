"""What tests about late sweeps share: kinds that were swept at a moment, and clocks that wait."""

from datetime import timedelta

from complaints.tests.factories import moment
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import registered_kinds


def swept(at: str, *kinds: str, **fields: object) -> None:
    """Let a run of each of these kinds, or of all, have ended at this moment."""
    ended = moment(at)
    for kind in kinds or registered_kinds():
        given = {"cut_off": ended, "issued_at": ended, "started_at": ended - timedelta(seconds=1), "ended_at": ended}
        SweepRun.objects.create(kind=kind, ran_by="schedule", **{**given, **fields})


def due(at: str, kind: str = "handle", subject: int = 1) -> None:
    """Let a clock have been due since this moment."""
    Deadline.objects.create(
        kind=kind, subject_id=subject, complaint_id=subject, merchant_id=1, mini_program_id=1, due_at=moment(at)
    )
