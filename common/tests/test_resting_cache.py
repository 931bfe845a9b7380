"""A cache that does not answer costs its limit of time once, not once a command, and is asked again later."""

import os
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis

from common import resting_cache
from common.resting_cache import REST, RestingCache

LIMITS = {"OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.2}, "KEY_PREFIX": "resting"}
COMMANDS = {
    "get": lambda cache: cache.get("a"),
    "set": lambda cache: cache.set("a", 1),
    "add": lambda cache: cache.add("a", 1),
    "incr": lambda cache: cache.incr("a"),
    "delete": lambda cache: cache.delete("a"),
    "get_many": lambda cache: cache.get_many(["a"]),
}


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(later=0.0)
    fake = SimpleNamespace(monotonic=lambda: time.monotonic() + clock.later)
    monkeypatch.setattr(resting_cache, "time", fake)
    return clock


def cache_at(server: socket.socket) -> RestingCache:
    return RestingCache(f"redis://127.0.0.1:{server.getsockname()[1]}/0", LIMITS)


def asked(server: socket.socket) -> int:
    """How many connections came since the last time."""
    number = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return number
        number += 1


@pytest.mark.parametrize("command", COMMANDS)
def test_after_one_that_waited_in_vain_nobody_asks_until_it_has_rested(hanging, clock, command):
    cache = cache_at(hanging)
    with pytest.raises(redis.TimeoutError):
        COMMANDS[command](cache)
    assert asked(hanging) > 0
    for each in COMMANDS.values():
        with pytest.raises(redis.ConnectionError, match="a moment ago"):
            each(cache)
    clock.later = REST - 1
    with pytest.raises(redis.ConnectionError, match="a moment ago"):
        cache_at(hanging).get("a")  # as another thread has it
    assert asked(hanging) == 0
    clock.later = REST + 1
    with pytest.raises(redis.TimeoutError):
        cache.get("a")
    assert asked(hanging) > 0


def test_the_rest_of_one_server_is_none_of_another_and_what_answers_never_rests(hanging):
    with pytest.raises(redis.TimeoutError):
        cache_at(hanging).get("a")
    there = RestingCache(os.environ["REDIS_URL"], LIMITS)
    there.set("a", 7)
    assert (there.get("a"), there.incr("a"), there.get_many(["a"])) == (7, 8, {"a": 8})
    with pytest.raises(ValueError, match="not found"):
        there.incr("nothing")
    assert there.get("a") == 8
    there.delete("a")
