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
NEW_ID: Any = object()
"""Stands, in a row that `insert_new_with` inserts, for the id of the new row."""


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


def insert_new_with(row: Model, followers: Sequence[Model], *, unless: str) -> int | None:
    """Insert a row unless it conflicts, and what follows it, in one statement; return its id, or None when it did.

    The followers, of any tables, carry `NEW_ID` where its id belongs. Without the new row none of them is inserted.
    """
    words, values = _insert([row])
    parts = [f"WITH new AS ({words} ON CONFLICT {unless} DO NOTHING RETURNING id)"]
    for number, follower in enumerate(followers):
        words, more = _insert_for_new(follower)
        parts.append(f"follower_{number} AS ({words})")
        values += more
    with connection.cursor() as cursor:
        cursor.execute(f"{', '.join(parts)} SELECT id FROM new", values)  # noqa: S608 (all of it is composed here)
        found = cursor.fetchone()
    return found[0] if found else None


def _insert_for_new(row: Model) -> tuple[str, list[Any]]:
    """Return the statement that inserts a row where there is a new one, and its values."""
    _all_columns, fields = _beginning(type(row))
    columns, places, values = [], [], []
    for field in fields:
        value = field.pre_save(row, True)  # True: the row is added
        if isinstance(value, DatabaseDefault):
            continue
        columns.append(f'"{field.column}"')
        if value is NEW_ID:
            places.append("new.id")
        else:
            places.append("%s")
            values.append(field.get_db_prep_save(value, connection))
    table = type(row)._meta.db_table  # noqa: SLF001 (public in all but name)
    words = f'INSERT INTO "{table}" ({", ".join(columns)}) SELECT {", ".join(places)} FROM new'  # noqa: S608 (likewise)
    return words, values


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
