"""Complaints by the thousand: one is filed through the verb, the others are its copies, made by a statement a table."""

from collections.abc import Mapping
from typing import Any

from django.db import connection, models, transaction

from complaints.models import Complaint, HistoryLine
from deadlines.models import Deadline
from notifications.models import Event

ABOUT: Mapping[type[models.Model], tuple[str, str, dict[str, str]]] = {
    Deadline: (
        "subject_id",
        "r.kind = 'handle'",
        {"complaint_id": "c.id", "due_at": "c.handle_by", "remind_at": "NULL"},
    ),
    HistoryLine: ("complaint_id", "r.noun = 'complaint'", {"noun_id": "c.id", "at": "c.filed_at"}),
    Event: (
        "subject_id",
        "r.name = 'complaint.filed'",
        {"at": "c.received_at", "payload": "r.payload || jsonb_build_object('complaint_no', c.complaint_no)"},
    ),
}
"""By which column a row is about a complaint, which rows are (penalties have the same numbers), and what is its own."""


@transaction.atomic
def copy_complaint(first: Complaint, number: int, *, with_rest: bool = False, **changed: str) -> None:
    """Make so many copies of a complaint of which nothing has happened since it was filed.

    `changed` says in SQL what is different in a column, of the first one's row `r` and the number `n` of the copy, from
    1 on. `with_rest` gives each copy its clock, its line of history and its event, as the verb does.
    """
    changed = {"complaint_no": f"'F{first.pk}-' || lpad(n::text, 8, '0')", "trade_no": "'F-' || n", **changed}
    given: dict[str, Any] = {"first": first.pk, "number": number, "copies": f"F{first.pk}-%"}
    source = "complaints_complaint AS r, generate_series(1, %(number)s) AS n WHERE r.id = %(first)s"
    _insert(Complaint, changed, source, given)
    if not with_rest:
        return
    for model, (about, which, own) in ABOUT.items():
        # That row is looked for once: the database knows nothing yet of so many copies, and would look for each.
        row = f"""WITH r AS MATERIALIZED (
            SELECT r.* FROM {model._meta.db_table} AS r WHERE r.{about} = %(first)s AND {which}
        )"""
        source = "r, complaints_complaint AS c WHERE c.complaint_no LIKE %(copies)s"
        _insert(model, {about: "c.id", **own}, source, given, row)


def _insert(
    model: type[models.Model], changed: Mapping[str, str], source: str, given: Mapping[str, Any], before: str = ""
) -> None:
    columns = [str(field.column) for field in model._meta.concrete_fields if not field.primary_key]
    columns = [column for column in columns if column != "transaction"]
    values = [changed.get(column, f"r.{column}") for column in columns]
    statement = f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) {before} SELECT {', '.join(values)} FROM"
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} {source}", given)
