"""Overdue complaints by the thousand, and what must be true once they are swept.

One is filed through the verb; the others are its copies, each due a little earlier, made by a statement a table.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

from complaints.models import HistoryLine
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import file_at, make_program
from complaints_portal.verifying import verify
from deadlines.models import Deadline
from merchants.models import MiniProgram
from notifications.models import Event
from penalties.models import Penalty

WINDOW = timedelta(hours=96)


@transaction.atomic
def make_overdue(number: int, *, due: datetime, apart: timedelta = timedelta(milliseconds=1)) -> MiniProgram:
    """Let so many complaints of a new mini program have been due, the last at this moment, the others before it."""
    program = make_program()
    first = file_at(due - WINDOW, program)
    earlier = f"n * interval '{apart // timedelta(microseconds=1)} microseconds'"
    moments = {name: f"r.{name} - {earlier}" for name in ("filed_at", "received_at", "handle_by")}
    copy_complaint(first, number - 1, with_rest=True, **moments)
    if number >= 1000:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE complaints_complaint, deadlines_deadline")
    return program


def counts() -> dict[str, int]:
    """Count what a sweep of missed complaints leaves, each by itself."""
    return {
        "penalties": Penalty.objects.count(),
        "complaints": Penalty.objects.values("complaint_id").distinct().count(),
        "lines": HistoryLine.objects.filter(verb="issue").count(),
        "events": Event.objects.filter(name="penalty.issued").count(),
        "windows": Deadline.objects.filter(kind="appeal").count(),
    }


def left() -> int:
    """How many clocks still run, or wait for a sweep."""
    return Deadline.objects.filter(kind="handle").count()


def broken() -> list[str]:
    """Name the invariants of `manage.py verify` that do not hold."""
    return [f"{finding.invariant.name} ({finding.count})" for finding in verify() if finding.count]


def exact(number: int) -> dict[str, int]:
    """What `counts` must be when so many complaints were missed."""
    return dict.fromkeys(("penalties", "complaints", "lines", "events", "windows"), number)
