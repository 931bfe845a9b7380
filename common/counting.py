"""Counts for people, who read “1,000+” as well as a number; counting 100,000 rows would cost more than their page."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

CAP = 1000


def capped_count(rows: "QuerySet[Any]") -> int:
    """Count rows, no further than one above `CAP`."""
    return rows.order_by().values("pk")[: CAP + 1].count()


def capped_counts(querysets: "Mapping[str, QuerySet[Any]]") -> dict[str, int]:
    """Count the rows of several querysets in one statement, each no further than one above `CAP`."""
    sql, parameters = capped_statement(querysets)
    counts = dict.fromkeys(querysets, 0)
    if sql:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            counts.update(cursor.fetchall())
    return counts


def capped_statement(querysets: "Mapping[str, QuerySet[Any]]") -> tuple[str, list[Any]]:
    """Return the statement that counts, a row for each name, and its parameters; no words when nothing can match."""
    parts: list[str] = []
    parameters: list[Any] = []
    for name, rows in querysets.items():
        try:
            sql, values = rows.order_by().values("pk")[: CAP + 1].query.sql_with_params()
        except EmptyResultSet:  # the ORM sees that nothing can match
            continue
        parts.append(f"SELECT %s, count(*) FROM ({sql}) AS counted")  # noqa: S608 (the ORM wrote it)
        parameters += [name, *values]
    return " UNION ALL ".join(parts), parameters


def count_words(count: int) -> str:
    """Write a capped count: 1,000+ above the cap."""
    return f"{CAP:,}+" if count > CAP else f"{count:,}"
