"""Write events. Called inside the transaction of the move that they tell of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from notifications.models import Event


def emit(name: str, *, merchant_id: int, subject_id: int, at: datetime, payload: dict[str, Any] | None = None) -> Event:
    """Write one event; whoever follows events learns of it after the commit."""
    return Event.objects.create(name=name, merchant_id=merchant_id, subject_id=subject_id, at=at, payload=payload or {})


def emit_many(events: Iterable[Event]) -> None:
    """Write many events at once."""
    Event.objects.bulk_create(events, batch_size=1000)
