"""Insert rows of several tables in one trip to the database, and learn which of them were new.

`bulk_create` takes a trip for each table, builds each statement anew from its model, and cannot say which rows a
conflict left out: for a single complaint that is more work than all the rest of filing it.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

DEFAULT = "DEFAULT"


def insert_together(*tables: Sequence[Model]) -> None:
    """Insert rows of several tables, each table's in one statement and all in one trip. They do not learn their ids."""
    statements = [_insert(rows) for rows in tables if rows]
    if statements:
        with connection.cursor() as cursor:
            cursor.execute(
                "; ".join(words for words, _values in statements),
                [value for _words, values in statements for value in values],
            )


def insert_new(rows: Sequence[Model], *, unless: str, by: str) -> Mapping[Any, int]:
    """Insert the rows that conflict with none, and return the ids of those that were inserted, by this column.

    `unless` is the target of the conflict as SQL has it, with its condition; any other conflict raises as ever.
    """
    if not rows:
        return {}
    words, values = _insert(rows)
    with connection.cursor() as cursor:
        cursor.execute(f"{words} ON CONFLICT {unless} DO NOTHING RETURNING {by}, id", values)
        return dict(cursor.fetchall())


def _insert(rows: Sequence[Model]) -> tuple[str, list[Any]]:
    """Return the statement that inserts rows of one table, and its values."""
    beginning, fields = _beginning(type(rows[0]))
    written, values = [], []
    for row in rows:
        places = []
        for field in fields:
            value = field.pre_save(row, True)  # True: the row is added
            if isinstance(value, DatabaseDefault):
                places.append(DEFAULT)
            else:
                places.append("%s")
                values.append(field.get_db_prep_save(value, connection))
        written.append(f"({', '.join(places)})")
    return f"{beginning} {', '.join(written)}", values


@cache
def _beginning(model: type[Model]) -> tuple[str, "tuple[Field[Any, Any], ...]"]:
    """Return how every insert into a table begins, and the fields whose values follow: all but the id."""
    options = model._meta  # noqa: SLF001 (public in all but name)
    fields = tuple(field for field in options.local_concrete_fields if field is not options.auto_field)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return f'INSERT INTO "{options.db_table}" ({columns}) VALUES', fields
