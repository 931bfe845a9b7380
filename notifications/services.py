"""Write events. Called inside the transaction of the move that they tell of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from notifications.models import Event

MANY = 50
"""From so many on, asking once for the number of the transaction is quicker than letting each row ask."""


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
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            (number,) = cursor.fetchone()
        for event in events:
            event.transaction = number
    return events
