"""Start and stop clocks. Called by the verbs of upper apps, inside their transactions."""

from collections.abc import Iterable
from datetime import datetime

from deadlines.models import Deadline


def start_clocks(clocks: Iterable[Deadline]) -> None:
    """Start many clocks at once."""
    Deadline.objects.bulk_create(clocks, batch_size=1000)


def stop_clock(kind: Deadline.Kind, subject_id: int, *, now: datetime) -> bool:
    """Stop a clock in time and return True; leave it for the sweep and return False when `now` is late.

    At the very moment of the deadline one is still in time. A clock that a sweep with an explicit cut-off took already
    is gone: then the answer is False too, and exactly one of the two has won.
    """
    stopped, _ = Deadline.objects.filter(kind=kind, subject_id=subject_id, due_at__gte=now).delete()
    return bool(stopped)
