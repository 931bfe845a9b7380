"""What a person says twice in one breath is said once: by a double click, or because the browser sent a page again.

Scripts hold a second click back, but only once they have run. Programs have their Idempotency-Key for it, and pass on
what others really said twice.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import QuerySet

from common.actors import Actor, ActorKind
from complaints.models import ConsultationLine, InternalLine, Message
from evidence.models import Evidence

Line = TypeVar("Line", Message, InternalLine, ConsultationLine)
BREATH = timedelta(seconds=10)
PEOPLE = (ActorKind.MEMBER, ActorKind.STAFF, ActorKind.CONSUMER)


def said_just_now(
    lines: QuerySet[Line], text: str, evidence: Iterable[Evidence] = (), *, actor: Actor, now: datetime
) -> Line | None:
    """Return what this person has said in the same words and with the same pictures within ten seconds, or None.

    The caller holds the lock of the case, so that the first of two has been written down when the second looks; lines
    that can have pictures come with them.
    """
    if actor.kind not in PEOPLE:
        return None
    recent = lines.filter(actor_id=actor.id, actor_name=actor.name, text=text, at__gt=now - BREATH)
    pictures = _hashes(evidence)
    return next((line for line in recent.order_by("at", "pk") if _hashes_of(line) == pictures), None)


def _hashes_of(line: Message | InternalLine | ConsultationLine) -> set[str]:
    return set() if isinstance(line, InternalLine) else _hashes(line.evidence.all())


def _hashes(evidence: Iterable[Evidence]) -> set[str]:
    """Return what tells pictures apart: the same file, uploaded twice, is kept twice."""
    return {each.sent_sha256 for each in evidence}
