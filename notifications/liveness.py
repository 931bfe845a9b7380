"""Whether a notice is still worth sending: a reminder is not, once its clock was stopped or moved.

Upper floors know; each registers what it knows for the events that it writes.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from notifications.models import Notice

Check = Callable[[Sequence[Notice]], Collection[int]]
"""Given notices of one event, the ids of those that still hold."""

STALE = timedelta(days=5)
"""What could not be sent for so long is no news any more; it stays on the page."""

_checks: dict[str, Check] = {}


def register_check(event: str, check: Check) -> None:
    """Say how notices of an event are looked at again before they leave; an upper floor does so when it is ready."""
    _checks[event] = check


def still_true(notices: Sequence[Notice]) -> set[int]:
    """Return the ids of those notices that still hold, with one question for each event that has a check."""
    alive = {notice.pk for notice in notices if notice.name not in _checks}
    for name in {notice.name for notice in notices} & _checks.keys():
        alive |= set(_checks[name]([notice for notice in notices if notice.name == name]))
    return alive


def worth_sending(notices: Sequence[Notice], *, now: datetime) -> set[int]:
    """Return the ids of those that still hold, are news, and speak of no deadline that is over by now."""
    fresh = [notice for notice in notices if now - notice.at <= STALE and not _is_over(notice, now)]
    return still_true(fresh)


def _is_over(notice: Notice, now: datetime) -> bool:
    due_at = notice.payload.get("due_at")
    return due_at is not None and datetime.fromisoformat(due_at) < now
