"""Who else is looking at a complaint at the moment, and whether they are writing.

It is a convenience that lives in Redis for half a minute: one hash for each complaint with a field for each member, so
that two who look at the same instant do not overwrite each other. Without Redis nobody is shown, and the page waits for
it once: after that it is left alone for a while.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import cast

import redis
import structlog
from django.conf import settings

from common.actors import Actor
from complaints.workspace.drafts import FIELDS

LIFE = timedelta(seconds=30)
"""So long somebody is shown after their page was last heard of; it is heard of every ten seconds."""
REST = timedelta(seconds=30)
"""So long Redis is left alone after it did not answer."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Another member who has the page open, and the form in which they are writing, if they are."""

    name: str
    writes: str = ""


class _Store:
    """Redis, or nothing for a while after it did not answer."""

    def __init__(self) -> None:
        self.failed_at: datetime | None = None

    def rests(self, now: datetime) -> bool:
        return self.failed_at is not None and self.failed_at <= now < self.failed_at + REST


_store = _Store()


@cache
def _redis() -> redis.Redis:
    # A pool of its own: redis-py's own pool would try again for seconds while a page waits.
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL, decode_responses=True, socket_connect_timeout=0.3, socket_timeout=0.3
    )
    return redis.Redis(connection_pool=pool)


def look(complaint_id: int, *, writes: str = "", actor: Actor, now: datetime) -> list[Onlooker]:
    """Note that this member looks at a complaint that is theirs to see, and return who else does, by name.

    The caller has judged that they may see it. Only members of the complaint's own merchant come here.
    """
    if _store.rests(now):
        return []
    own = {"name": actor.name, "writes": writes if writes in FIELDS else "", "at": now.timestamp()}
    key = f"portal:presence:{complaint_id}"
    try:
        with _redis().pipeline(transaction=False) as pipe:
            pipe.hset(key, str(actor.id), json.dumps(own))
            pipe.expire(key, LIFE)
            pipe.hgetall(key)
            found = cast("dict[str, str]", pipe.execute()[-1])
    except redis.RedisError as reason:
        _store.failed_at = now
        log.warning("presence_is_off", reason=str(reason))
        return []
    found.pop(str(actor.id), None)
    seen = [json.loads(each) for each in found.values()]
    there = [each for each in seen if each["at"] > (now - LIFE).timestamp()]
    return sorted((Onlooker(each["name"], each["writes"]) for each in there), key=lambda each: each.name)
