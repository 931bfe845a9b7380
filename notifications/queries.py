"""Read events in the order in which their transactions can be known to be over, so that no reader misses one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from common.actors import Actor, ActorKind
from common.errors import BadInput
from common.written import Fixed, written
from notifications.models import NEWS, Event

OF_THE_FUND, FUND_GRANT = "fund.", "fund"
"""What moves in a guarantee fund is told to who may use it, for its merchant, and to nobody else."""
OF_ROBOTS = "robot."
"""That a chat robot fails is told to the members who can mend it, in their pages; programs do not follow that."""
LONGEST = f"{2**63}-{2**63}"


SEEN_OPEN = """
    SELECT event_number(pg_snapshot_xmax(seen)), array(
        SELECT event_number(open) FROM pg_snapshot_xip(seen) AS open WHERE NOT EXISTS (
            SELECT FROM pg_stat_activity AS session WHERE session.backend_xid = open::xid
                AND session.datid <> (SELECT oid FROM pg_database WHERE datname = current_database())
        )
    ) FROM pg_current_snapshot() AS seen
"""
"""The number of the next transaction to begin, and of those open now that are not seen at work in another database of
the same server, whose events are not ours. Some may be over by the time that the sessions are looked at."""

STILL_OPEN = """
    SELECT least(event_number(pg_current_xact_id_if_assigned()), (
        SELECT min(event_number(open)) FROM pg_snapshot_xip(pg_current_snapshot()) AS open
        WHERE event_number(open) = ANY (%s)
    ))
"""
"""The oldest of those transactions that a later look still finds open, and one's own."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the stream of events: after the event `id` of the transaction `transaction`."""

    transaction: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.transaction}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a position that `str` wrote. Refuses anything else with `BadInput`."""
        transaction, dash, event_id = text.partition("-")
        if not (dash and transaction.isdecimal() and event_id.isdecimal() and len(text) <= len(LONGEST)):
            raise BadInput(_("“after” must be a position that an earlier answer gave."), field="after")
        return cls(int(transaction), int(event_id))


def visible_to(actor: Actor) -> QuerySet[Event]:
    """Return the events that this actor may read: a platform's, or one merchant's."""
    events = Event.objects.exclude(name__startswith=OF_ROBOTS)
    of_merchant = actor.kind in (ActorKind.MEMBER, ActorKind.MERCHANT)
    if not (of_merchant and FUND_GRANT in actor.grants):
        events = events.exclude(name__startswith=OF_THE_FUND)
    if actor.kind == ActorKind.PLATFORM:
        return events.filter(merchant__platform_id=actor.own_platform_id)
    if of_merchant and "view" in actor.grants:
        return events.filter(merchant_id=actor.own_merchant_id)
    return events.none()


def events_after(position: Position, *, actor: Actor, limit: int) -> list[Event]:
    """Return up to `limit` events after `position`, oldest first.

    A transaction that is still open may yet commit an event with a smaller number, so the reader waits for the oldest
    open one: what is given out is complete up to there.
    """
    after = Q(transaction__gt=position.transaction) | Q(transaction=position.transaction, id__gt=position.id)
    events = visible_to(actor).filter(after, transaction__gte=position.transaction, transaction__lt=oldest_open())
    return list(events.order_by("transaction", "id")[:limit])


def oldest_open() -> int:
    """Return the number of the oldest transaction that may yet write an event.

    It looks twice, and the reading that follows is a third look. A session of another database has shown itself at the
    first look, or its transaction was over when the first look came to the sessions: then the second finds it open no
    more. What is over at the second look is visible to the reading, so nothing below the answer can come later.
    """
    with connection.cursor() as cursor:
        cursor.execute(SEEN_OPEN)
        next_to_begin: int
        next_to_begin, seen_open = cursor.fetchone()
        cursor.execute(STILL_OPEN, [seen_open])
        (still_open,) = cursor.fetchone()
    return next_to_begin if still_open is None else min(next_to_begin, int(still_open))


def news_since(merchant_id: int, since: datetime, *, limit: int) -> list[Event]:
    """Return what others did at a merchant since a moment, up to `limit`, the newest first.

    For people who look: an event whose transaction commits later than its moment says may be passed over once.
    """
    return _news(merchant_id, since, Fixed(limit))


@written
def _news(merchant_id: int, since: datetime, limit: Fixed) -> QuerySet[Event]:
    events = Event.objects.filter(merchant_id=merchant_id, name__in=NEWS, at__gt=since)
    from_others = Q(payload__role__isnull=True) | Q(payload__role__in=("consumer", "platform"))
    return events.filter(from_others).order_by("-at", "-pk")[: limit.value]
