"""Write events. Called inside the transaction of the move that they tell of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from notifications.models import Event

MANY = 50
"""From so many on, asking once for the number of the transaction is quicker than letting each row ask."""

NUMBERED = """
    CREATE OR REPLACE FUNCTION event_number(xid8) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1::text::bigint + %s'
"""
FURTHER = 1_000_000_000
"""More transactions than a server has had between its last backup and its end."""


def emit(name: str, *, merchant_id: int, subject_id: int, at: datetime, payload: dict[str, Any] | None = None) -> Event:
    """Write one event; whoever follows events learns of it after the commit."""
    return Event.objects.create(name=name, merchant_id=merchant_id, subject_id=subject_id, at=at, payload=payload or {})


def emit_many(events: Iterable[Event]) -> None:
    """Write many events at once."""
    Event.objects.bulk_create(to_emit(events), batch_size=1000)


def to_emit(events: Iterable[Event]) -> list[Event]:
    """Return events as they are written, for who writes them together with other rows."""
    events = list(events)
    if len(events) > MANY:
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_number(pg_current_xact_id())")
            (number,) = cursor.fetchone()
        for event in events:
            event.transaction = number
    return events


@transaction.atomic
def number_onwards() -> None:
    """Number what happens from now on above all that is there, and above what came after it and was lost.

    Every server counts its transactions from its own beginning, and whoever reads events goes on from the number that
    they came to. In a restored backup of a server that had counted further, nobody would be told of anything new until
    this one had come as far; and programs have read on after the backup was made.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT %s - pg_current_xact_id()::text::bigint + greatest(event_number(pg_current_xact_id()),
                (SELECT max(transaction) FROM notifications_event),
                (SELECT max(transaction) FROM notifications_watermark))
            """,
            [FURTHER],
        )
        cursor.execute(NUMBERED % cursor.fetchone())
