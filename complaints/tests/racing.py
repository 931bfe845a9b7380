"""Races: calls on real connections of their own, which meet because a row is held until all of them wait for it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import override

from common.errors import PortalError

PATIENCE = 120
"""Seconds to wait for a call before the test fails: long, since a busy machine is no reason to fail."""
LOOK_EVERY = 0.002


def outcome_of(call: Callable[[], Any]) -> Any:
    """Call a verb on a connection of its own; return what it returned, or what it refused with."""
    try:
        with override("en"):
            return call()
    except (PortalError, IntegrityError) as refusal:
        return refusal
    finally:
        connection.close()


def waiting() -> int:
    """How many sessions wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # what a transaction saw once it would see for ever
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            " AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def until_waiting(number: int) -> None:
    pause = Event()
    for _ in range(round(PATIENCE / LOOK_EVERY)):  # by counting, since a test may have stopped the clock
        if waiting() == number:
            return
        pause.wait(LOOK_EVERY)
    raise AssertionError(f"{number} sessions should be waiting by now")


def sessions() -> set[int]:
    """The sessions of clients in this database: a killed program's goes on until it has done what it was told last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


def until_gone(before: set[int]) -> None:
    """Wait until no session is left but those that were there before."""
    pause = Event()
    for _ in range(round(PATIENCE / LOOK_EVERY)):
        if sessions() <= before:
            return
        pause.wait(LOOK_EVERY)
    raise AssertionError("the sessions of what ended should be gone by now")


@contextmanager
def started(*calls: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
    """Start calls, each in a thread with a connection of its own."""
    with ThreadPoolExecutor(len(calls)) as pool:
        yield [pool.submit(outcome_of, call) for call in calls]


def collide(rows: Any, *calls: Callable[[], Any]) -> list[Any]:
    """Hold the rows until every call waits for them, then let go: the calls meet in every round, not by luck."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with transaction.atomic():
            assert list(rows.select_for_update())
            futures = []
            for number, call in enumerate(calls, 1):
                futures.append(pool.submit(outcome_of, call))
                until_waiting(number)
        return [future.result(timeout=PATIENCE) for future in futures]
