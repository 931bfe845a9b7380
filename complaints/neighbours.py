"""The complaints before and after one in the list from which it was opened."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.http import QueryDict

from common.actors import Actor
from common.keyset import Segment, beside
from complaints.filters import opened
from complaints.models import Complaint
from complaints.permissions import visible_to
from complaints.queries import all_segments, narrowed, segments
from complaints.states import Status


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands before and after a complaint; None where the list ends."""

    previous: Complaint | None
    next: Complaint | None
    query: str
    """The list's filters without what means nothing any more, for the addresses of the neighbours and of the list."""


def neighbours_of(complaint: Complaint, actor: Actor, query: str, now: datetime) -> Neighbours:
    """Look up what stands before and after a complaint in the list with these filters, the query of its address.

    A complaint that has left the list since, because it was handled a moment ago, still has the place where it stood.
    Filters that mean nothing any more are left out; where no list can be made of them, there are no neighbours.
    """
    if not query:
        return _beside(complaint, all_segments(actor, [Status.PENDING], only_numbers=True), [Status.PENDING], "")
    form, _left_out = opened(QueryDict(query[:LONGEST]), actor=actor)
    if not form.is_valid():
        return Neighbours(None, None, "")
    rows = narrowed(visible_to(actor), form.wanted(), now=now)
    statuses = form.statuses()
    return _beside(complaint, segments(rows, statuses), statuses, form.kept().urlencode())


def _beside(complaint: Complaint, parts: list[Segment[Complaint]], statuses: Collection[str], query: str) -> Neighbours:
    has_pending, has_others = Status.PENDING in statuses, set(statuses) != {Status.PENDING}
    # Pending ones stand in front; who is not pending any more stands where it stood, unless the others are here too.
    is_among_others = has_others and (complaint.status != Status.PENDING or not has_pending)
    previous, following = beside(parts, len(parts) - 1 if is_among_others else 0, complaint)
    return Neighbours(previous, following, query)


LONGEST = 1500
"""Characters of a query; the list's own are shorter."""
