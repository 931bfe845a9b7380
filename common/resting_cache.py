"""Django's cache in Valkey, left alone for a moment when it does not answer.

A page that asks it several times, and the page after it, would otherwise wait for it each time.
"""

import time
from functools import partial
from threading import Lock
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

REST = 5.0
"""Seconds for which a cache that did not answer is not asked again by this process."""

_lock = Lock()
_rests_until: dict[str, float] = {}


class _Redis(redis.Redis):
    """Asks for each command, unless the same server has just let somebody wait in vain."""

    def __init__(self, *, server: str, connection_pool: redis.ConnectionPool) -> None:
        super().__init__(connection_pool=connection_pool)
        self.server = server

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask. Refuses with ConnectionError while the server is left alone."""
        with _lock:
            rests = time.monotonic() < _rests_until.get(self.server, 0.0)
        if rests:
            raise redis.ConnectionError("the cache did not answer a moment ago")
        ask: Any = super().execute_command
        try:
            return ask(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError):
            with _lock:
                _rests_until[self.server] = time.monotonic() + REST
            raise


class _Client(RedisCacheClient):
    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, **options)
        self._client = partial(_Redis, server=",".join(servers))


class RestingCache(RedisCache):
    """What refuses while it is away refuses at once, for as long as it rests."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client
