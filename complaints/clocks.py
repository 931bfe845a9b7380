"""Every clock that runs about a complaint: its own, and those of its penalties, refunds and reviews.

`Deadline` has no index by complaint: a sweep starts clocks by the hundred thousand, and would write it for each. So
each floor says by which numbers its clocks are found, and one statement looks them all up.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.db.models import QuerySet

from common.written import written
from deadlines.models import Deadline

Subjects = Callable[[Collection[int]], "QuerySet[Any, int]"]
"""Given complaints' numbers, the numbers of what a clock of some kind is about."""

_subjects: list[tuple[str, Subjects]] = []


def register_clocks(kind: str, subjects: Subjects) -> None:
    """Say how the clocks of a kind are found for complaints; an upper floor does so when it is ready."""
    _subjects.append((kind, subjects))


def clocks_by_complaint(complaint_ids: Collection[int]) -> Mapping[int, list[Deadline]]:
    """Return the clocks that run about these complaints, what is due first in front, in one statement."""
    found: dict[int, list[Deadline]] = {number: [] for number in complaint_ids}
    if not found:
        return found
    for clock in sorted(_clocks_about(list(found)), key=lambda clock: (clock.due_at, clock.pk)):
        found[clock.complaint_id].append(clock)
    return found


@written
def _clocks_about(complaint_ids: list[int]) -> "QuerySet[Deadline]":
    own = (Deadline.Kind.HANDLE, Deadline.Kind.FINISH)
    clocks = Deadline.objects.filter(kind__in=own, subject_id__in=complaint_ids)
    others = [Deadline.objects.filter(kind=kind, subject_id__in=of(complaint_ids)) for kind, of in _subjects]
    return clocks.union(*others, all=True)
