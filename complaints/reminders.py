"""Remind of deadlines that come near: an event for each clock that crosses a step of the policy.

No row says which clock was reminded: each run looks at the stretch of time since the last one, so a clock crosses each
step exactly once, one that moved to a later moment crosses it again, and what nobody needs to be told costs nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from common.numbers import BEIJING
from common.policy import policy_at
from complaints.models import Complaint
from deadlines.models import Deadline, WorkDay
from deadlines.sweeping import GRACE
from notifications.models import Event, Notice, Watermark
from notifications.services import emit_many

READER = "reminders"
EVENT = "deadline.near"
KINDS = (Deadline.Kind.HANDLE, Deadline.Kind.REFUND, Deadline.Kind.APPEAL, Deadline.Kind.SUPPLEMENT)
"""What a merchant can still do something about."""
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Subjects:
    """What an upper floor knows about the clocks of its own: what number they go by, and which are a merchant's.

    Given what clocks are about, `numbers` leaves out those about which nothing can be done now; given a merchant,
    `running` finds its own without reading the clocks of all.
    """

    name: str
    numbers: Callable[[Collection[int]], Mapping[int, str]]
    running: "Callable[[int], QuerySet[Any, int]]"


_subjects: dict[str, Subjects] = {}


def register_subjects(kind: str, subjects: Subjects) -> None:
    """Say what clocks of a kind are about; an upper floor does so when it is ready."""
    _subjects[kind] = subjects


def subjects_of(kind: str) -> Subjects | None:
    """Return what is known about the clocks of a kind; None for those of complaints themselves."""
    return _subjects.get(kind)


@transaction.atomic
def remind(*, now: datetime) -> int:
    """Write an event for each clock that came nearer than a step since the last run, and return how many.

    A clock that crossed several steps meanwhile is told of once, by the last of them; one that is past is not told of.
    """
    mark, _is_new = Watermark.objects.select_for_update().get_or_create(name=READER)
    # Clocks that started a moment ago may not be committed yet, as for sweeps.
    until = now - GRACE
    since, mark.at = mark.at or until, max(until, mark.at or until)
    mark.save()
    written = 0
    for clocks in _batches(_crossed(since, until, now=now)):
        events = _events(clocks, now=now)
        emit_many(events)
        written += len(events)
    return written


def still_running(notices: Sequence[Notice]) -> set[int]:
    """Return which reminders still hold: those whose clock runs, and to the same moment."""
    clocks = Deadline.objects.filter(subject_id__in=[notice.subject_id for notice in notices], kind__in=KINDS)
    running = {(clock.kind, clock.subject_id, clock.due_at.isoformat()) for clock in clocks}
    return {
        notice.pk
        for notice in notices
        if (notice.payload["kind"], notice.subject_id, notice.payload["due_at"]) in running
    }


def _crossed(since: datetime, until: datetime, *, now: datetime) -> Iterator[tuple[Deadline, int]]:
    """Yield the clocks that came nearer than a step, each with the hours of the nearest one, nearest steps first."""
    told: set[int] = set()
    steps = sorted(policy_at(now).reminder_hours)
    for hours in steps:
        step = timedelta(hours=hours)
        for clock in _due_between(max(since + step, now), until + step).iterator(chunk_size=BATCH):
            if clock.pk not in told:
                told.add(clock.pk)
                yield clock, hours


def _due_between(after: datetime, until: datetime) -> QuerySet[Deadline]:
    return Deadline.objects.filter(kind__in=KINDS, due_at__gt=after, due_at__lte=until)


def _batches(clocks: Iterator[tuple[Deadline, int]]) -> Iterator[list[tuple[Deadline, int]]]:
    batch: list[tuple[Deadline, int]] = []
    for clock in clocks:
        batch.append(clock)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _events(clocks: list[tuple[Deadline, int]], *, now: datetime) -> list[Event]:
    told = named([clock for clock, _hours in clocks])
    holidays = holidays_on(clock.due_at for clock, _hours in clocks)
    return [
        Event(
            name=EVENT,
            merchant_id=clock.merchant_id,
            subject_id=clock.subject_id,
            at=now,
            payload={
                **told[clock.pk],
                "kind": clock.kind,
                "due_at": clock.due_at.isoformat(),
                "hours": hours,
                "points": clock.points,
                "holiday": holidays.get(day_of(clock.due_at), ""),
            },
        )
        for clock, hours in clocks
        if clock.pk in told
    ]


def named(clocks: Collection[Deadline]) -> dict[int, dict[str, str]]:
    """Return the numbers that each of these clocks goes by, without those about which nothing can be done now."""
    complaints = Complaint.objects.filter(pk__in={clock.complaint_id for clock in clocks})
    complaint_nos = dict(complaints.values_list("pk", "complaint_no"))
    found = {
        clock.pk: {"complaint_no": complaint_nos[clock.complaint_id]}
        for clock in clocks
        if clock.complaint_id in complaint_nos
    }
    for kind in {clock.kind for clock in clocks} & _subjects.keys():
        about = [clock for clock in clocks if clock.kind == kind and clock.pk in found]
        numbers = _subjects[kind].numbers([clock.subject_id for clock in about])
        for clock in about:
            if clock.subject_id in numbers:
                found[clock.pk][_subjects[kind].name] = numbers[clock.subject_id]
            else:
                del found[clock.pk]
    return found


def holidays_on(moments: Iterable[datetime]) -> dict[date, str]:
    """Return the public holidays among the days of these moments in Beijing, by their names."""
    days = {day_of(moment) for moment in moments}
    holidays = WorkDay.objects.filter(day__in=days, is_working=False).exclude(name="")
    return dict(holidays.values_list("day", "name"))


def day_of(moment: datetime) -> date:
    """Return the day of a moment in Beijing."""
    return moment.astimezone(BEIJING).date()
