"""Calls at the same moment, each in a thread with a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import override

from common.errors import PortalError

PATIENCE = 30


def outcome_of(call: Callable[[], Any]) -> Any:
    """Call on a connection of its own; return what it returned, or what it refused with."""
    try:
        with override("en"):
            return call()
    except (PortalError, IntegrityError) as refusal:
        return refusal
    finally:
        connection.close()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Let all calls go at the same moment."""
    gate = Barrier(len(calls))

    def let_go(call: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        gate.wait(PATIENCE)
        return outcome_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(let_go, calls))


def waiting() -> int:
    """How many sessions wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # what a transaction saw once it would see for ever
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def until_waiting(number: int) -> None:
    pause = Event()
    for _ in range(2500):
        if waiting() == number:
            return
        pause.wait(0.002)
    raise AssertionError(f"{number} sessions should be waiting by now")


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


def meeting(function: Callable[..., Any], number: int = 2) -> Callable[..., Any]:
    """Return the function with a meeting after it: each caller goes on when all have seen what it returns.

    Only the first call of each waits; for controls that take a lock away.
    """
    gate = Barrier(number)
    calls: list[int] = []

    def look(*arguments: Any, **options: Any) -> Any:
        seen = function(*arguments, **options)
        calls.append(1)
        if len(calls) <= number:
            gate.wait(PATIENCE)
        return seen

    return look


def split_outcomes(outcomes: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return what succeeded, and what was refused."""
    refusals = [each for each in outcomes if isinstance(each, Exception)]
    return [each for each in outcomes if not isinstance(each, Exception)], refusals
