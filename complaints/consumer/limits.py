"""How often a link and an address may look and send. They keep machines out; a person never meets them.

Each limit counts in the cache, in windows of its length that lie side by side: at the border of two windows up to twice
the number may pass. When the cache is away nobody is refused, and the log says so once.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from common.errors import PortalError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds, of one link, one address, or about one mini program."""

    name: str
    number: int
    seconds: int


LOOK_BY_LINK = Limit("look_by_link", 240, 60)
"""A page and its pictures are one request each."""
LOOK_BY_ADDRESS = Limit("look_by_address", 600, 60)
"""Thousands of phones share the address of their carrier."""
SEND_BY_LINK = Limit("send_by_link", 20, 600)
SEND_BY_ADDRESS = Limit("send_by_address", 60, 600)
FORM_BY_ADDRESS = Limit("form_by_address", 20, 600)
FORM_BY_PROGRAM = Limit("form_by_program", 200, 3600)
LIMITS = (LOOK_BY_LINK, LOOK_BY_ADDRESS, SEND_BY_LINK, SEND_BY_ADDRESS, FORM_BY_ADDRESS, FORM_BY_PROGRAM)


class TooMany(PortalError):
    """More was asked for than a limit allows; the same request may succeed in `retry_after` seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            _("That was more than we can take at once. Try again in %(minutes)d min.")
            % {"minutes": -(-retry_after // 60)}
        )
        self.retry_after = retry_after


def count(*asked: tuple[Limit, str], now: datetime) -> None:
    """Count one request against each of these limits. Refuses with `TooMany` when it is above one of them."""
    try:
        waits = [_wait(limit, whose, now=now) for limit, whose in asked]
    except Exception as error:  # each cache fails in its own way; none of them may keep a consumer out
        _note_that_the_cache_is_away(error)
        return
    _away.clear()
    if wait := max(waits, default=0):
        raise TooMany(wait)


def _wait(limit: Limit, whose: str, *, now: datetime) -> int:
    """Count one request; return for how many seconds more are refused, or 0."""
    moment = int(now.timestamp())
    window = moment // limit.seconds
    # A digest: what is counted is no business of whoever reads the cache, and may hold any sign.
    key = f"limit:{limit.name}:{sha256(whose.encode()).hexdigest()[:32]}:{window}"
    cache.add(key, 0, timeout=limit.seconds)
    if cache.incr(key) <= limit.number:
        return 0
    return (window + 1) * limit.seconds - moment


_away: set[str] = set()


def _note_that_the_cache_is_away(error: Exception) -> None:
    if not _away:
        logger.warning("the cache is away: consumers' requests are not limited until it is back (%s)", error)
    _away.add("cache")
