"""Calls at the same moment, each in a thread with a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection

from complaints.tests.racing import PATIENCE, collide, outcome_of

__all__ = ["PATIENCE", "at_once", "collide", "meeting", "split_outcomes"]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Let all calls go at the same moment."""
    gate = Barrier(len(calls))

    def let_go(call: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        gate.wait(PATIENCE)
        return outcome_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(let_go, calls))


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
