"""What every move of this app leaves behind: a line in the case's history and an event, in the same transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.actors import Actor
from complaints.models import Complaint, HistoryLine
from notifications.models import Event
from notifications.services import emit_many

NOT_TOLD = ("message",)
"""Long words stand in the history and on the page; events only say what happened."""


@dataclass(frozen=True, slots=True)
class Record:
    """One move of one noun about a complaint. Without an `event` nobody is told. Amounts go out as text."""

    noun: str
    noun_id: int
    verb: str
    before: str
    to: str
    complaint: Complaint
    event: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        return {name: as_text(value) for name, value in self.detail.items()}


def write(records: Iterable[Record], *, actor: Actor, now: datetime) -> None:
    """Write the lines of history and the events, each in one statement."""
    records = list(records)
    HistoryLine.objects.bulk_create(_line(record, actor, now) for record in records)
    emit_many(_event(record, now) for record in records if record.event)


def as_text(value: Any) -> Any:
    """Return an amount or a moment as JSON can carry it."""
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, datetime) else value


def _line(record: Record, actor: Actor, now: datetime) -> HistoryLine:
    return HistoryLine(
        complaint=record.complaint,
        noun=record.noun,
        noun_id=record.noun_id,
        verb=record.verb,
        from_state=record.before,
        to_state=record.to,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        at=now,
        detail=record.facts,
    )


def _event(record: Record, now: datetime) -> Event:
    told = {name: value for name, value in record.facts.items() if name not in NOT_TOLD}
    return Event(
        name=f"{record.noun}.{record.event}",
        merchant_id=record.complaint.merchant_id,
        subject_id=record.noun_id,
        at=now,
        payload={"complaint_no": record.complaint.complaint_no, "status": record.to, **told},
    )
