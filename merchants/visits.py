"""When a member was last here, so that their home page can say what changed since."""

from datetime import datetime, timedelta

from merchants.models import Membership

BREAK = timedelta(minutes=30)
"""Whoever comes back after so long begins a new visit."""
NOTED_EVERY = timedelta(minutes=1)


def note_visit(membership: Membership, *, now: datetime) -> datetime | None:
    """Note that a member is here now, and return when their visit before this one ended; None on their first."""
    seen = membership.visited_at
    if seen is None or now - seen > BREAK:
        membership.visit_before_ended_at = seen
    if seen is None or now - seen >= NOTED_EVERY:
        membership.visited_at = now
        membership.save(update_fields=["visited_at", "visit_before_ended_at"])
    return membership.visit_before_ended_at
