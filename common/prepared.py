"""Statements that the database plans once for a connection, instead of each time.

To plan a statement whose rows an index finds takes longer than to run it. After `PATIENCE` times on one connection it
is prepared there, and from then on only its values are sent. PostgreSQL still plans it anew for its values as long as
that promises a cheaper way. Values that never change stay in its words, where partial indexes are recognised by them.

A pool that lends its connections for single transactions cannot do with that: `PREPARE_STATEMENTS=off`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import structlog
from django.conf import settings
from django.db import NotSupportedError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg2.extensions import AsIs  # type: ignore[import-untyped]  # no stubs for one class

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
PATIENCE = 3
MADE_UP = 10
"""After so many times the database has made up its mind whether a plan serves for all values."""
NEVER = -(10**12)
"""The times that a statement which cannot be prepared was run."""
TYPES: tuple[tuple[type, str], ...] = (
    (int, "bigint"),
    (datetime, "timestamptz"),
    (date, "date"),
    (Decimal, "numeric"),
)
"""What a value is to the database; of a text it is told by what it is compared with, as of one written in quotes."""

_numbers = count(1)
_used: WeakKeyDictionary[Any, dict[int, int]] = WeakKeyDictionary()
"""By connection to the database: how often each statement was run on it; the number is that of the statement."""
_stale: WeakSet[Any] = WeakSet()
"""Connections that know statements whose results a migration has changed, and are to forget all of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes among those of a statement."""

    number: int


class Statement:
    """A statement with places for values: `%s` for each parameter, a constant or the `Place` of a value.

    One that is `planned_each_time` is never prepared: the database would keep the plan for a merchant of middling size,
    who has fewer rows than are wanted of the largest, and read all that the largest has.
    """

    def __init__(self, sql: str, parameters: Sequence[Any], *, planned_each_time: bool = False) -> None:
        self.sql = sql
        self.parameters = list(parameters)
        self.sent = list(dict.fromkeys(each.number for each in self.parameters if type(each) is Place))
        self.number = next(_numbers)
        self.name = f"portal_{self.number}"
        places = ", ".join(["%s"] * len(self.sent))
        self.execute = f"EXECUTE {self.name} ({places})" if places else f"EXECUTE {self.name}"
        self.planned_each_time = planned_each_time
        self.keeps_plan: bool | None = False if planned_each_time else None
        """Whether one plan serves for all values, or each time there is a new one; None until the database has said."""

    def with_values(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """Return what is to be sent so that the statement runs with these values on this thread's connection."""
        if settings.PREPARE_STATEMENTS and not self.planned_each_time and self._is_prepared(values):
            return self.execute, tuple([values[number] for number in self.sent])
        return self.plain(values)

    def plain(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """Return its words and its parameters with these values in their places."""
        return self.sql, tuple([values[each.number] if type(each) is Place else each for each in self.parameters])

    def run(self, cursor: CursorWrapper, values: Sequence[Any]) -> None:
        """Run the statement with these values; after a change of the schema it is planned anew."""
        again(lambda: cursor.execute(*self.with_values(values)))

    def _is_prepared(self, values: Sequence[Any]) -> bool:
        """Say whether the connection knows the statement; when it ran there often enough, it is made known."""
        connection.ensure_connection()
        if connection.connection in _stale:
            if connection.in_atomic_block:
                return False
            forget()
        used = _used.setdefault(connection.connection, {})
        times = used[self.number] = used.get(self.number, 0) + 1
        if times == PATIENCE + 1 and not self._prepare(values):
            used[self.number] = NEVER
            return False
        if times == MADE_UP and self.keeps_plan is None:
            self.keeps_plan = self._has_kept_plan()
        return times > PATIENCE

    def _has_kept_plan(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = %s", [self.name])
            return (True,) in cursor.fetchall()

    def _prepare(self, values: Sequence[Any]) -> bool:
        """Make the connection know the statement. One whose values the database cannot tell the type of stays plain."""
        types = ", ".join([_type_of(values[number]) for number in self.sent])
        order = {number: AsIs(f"${place}") for place, number in enumerate(self.sent, 1)}
        places = [order[each.number] if type(each) is Place else each for each in self.parameters]
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                words = cursor.mogrify(self.sql, places).decode()
                cursor.execute(f"PREPARE {self.name}{f' ({types})' if types else ''} AS {words}".replace("%", "%%"), ())
        except ProgrammingError as error:
            log.warning("statement_not_prepared", error=str(error), statement=self.sql)
            return False
        return True


def _type_of(value: Any) -> str:
    return next((name for kind, name in TYPES if isinstance(value, kind)), "unknown")


def again(run: Callable[[], Result]) -> Result:
    """Run a statement. When a migration has changed what it returns, forget its plan and run it once more.

    Within a transaction, which is lost by then, the error is raised; the next one does without the plan.
    """
    try:
        return run()
    except NotSupportedError:
        _stale.add(connection.connection)
        if connection.in_atomic_block:
            raise
        return run()


def forget() -> None:
    """Let this thread's connection know no statement any more."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    _used.pop(connection.connection, None)
    _stale.discard(connection.connection)
