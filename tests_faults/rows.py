"""Overdue complaints by the thousand, and what must be true once they are swept.

One is filed through the verb; the others are its copies, each due a little earlier, made by a statement a table.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction

from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, make_program
from complaints_portal.verifying import verify
from deadlines.models import Deadline
from merchants.models import MiniProgram
from notifications.models import Event
from penalties.models import Penalty

WINDOW = timedelta(hours=96)
OF_A_COMPLAINT: dict[type[models.Model], str] = {
    Deadline: "r.kind = 'handle'",
    HistoryLine: "r.noun = 'complaint'",
    Event: "r.name = 'complaint.filed'",
}
"""Which rows of a table are about a complaint: penalties have numbers of their own, and the same ones."""


@transaction.atomic
def make_overdue(number: int, *, due: datetime, apart: timedelta = timedelta(milliseconds=1)) -> MiniProgram:
    """Let so many complaints of a new mini program have been due, the last at this moment, the others before it."""
    program = make_program()
    first = file_at(due - WINDOW, program)
    _copy_complaints(first, number - 1, apart)
    copied: dict[str, Any] = {"template": first.pk, "program": program.pk}
    _copy(
        Deadline, "subject_id", copied, subject_id="c.id", complaint_id="c.id", due_at="c.handle_by", remind_at="NULL"
    )
    _copy(HistoryLine, "complaint_id", copied, complaint_id="c.id", noun_id="c.id", at="c.filed_at")
    payload = "r.payload || jsonb_build_object('complaint_no', c.complaint_no)"
    _copy(Event, "subject_id", copied, subject_id="c.id", at="c.received_at", payload=payload)
    if number >= 1000:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE complaints_complaint, deadlines_deadline")
    return program


def _copy_complaints(first: Complaint, number: int, apart: timedelta) -> None:
    moments = {name: f"r.{name} - n * %(apart)s" for name in ("filed_at", "received_at", "handle_by")}
    changed = {"complaint_no": f"'F{first.pk}-' || lpad(n::text, 8, '0')", "trade_no": "'F-' || n", **moments}
    _insert(
        Complaint,
        changed,
        "complaints_complaint AS r, generate_series(1, %(number)s) AS n WHERE r.id = %(template)s",
        {"number": number, "apart": apart, "template": first.pk},
    )


def _copy(model: type[models.Model], about: str, given: dict[str, Any], **changed: str) -> None:
    """Give each copy of the complaint the row that the first one has in this table.

    That row is looked for once: the database knows nothing yet of so many copies, and would look again for each.
    """
    row = f"""WITH r AS MATERIALIZED (
        SELECT r.* FROM {model._meta.db_table} AS r WHERE r.{about} = %(template)s AND {OF_A_COMPLAINT[model]}
    )"""
    copies = "r, complaints_complaint AS c WHERE c.mini_program_id = %(program)s AND c.id > %(template)s"
    _insert(model, changed, copies, given, row)


def _insert(
    model: type[models.Model], changed: dict[str, str], source: str, given: dict[str, Any], first: str = ""
) -> None:
    columns = [str(field.column) for field in model._meta.concrete_fields if not field.primary_key]
    columns = [column for column in columns if column != "transaction"]
    values = [changed.get(column, f"r.{column}") for column in columns]
    selected = f"{first} SELECT {', '.join(values)} FROM {source}"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) {selected}", given)


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
