"""Let the parts of a page ask the database together.

A page wants a dozen things, most of which do not depend on each other. To send a statement for each and wait for its
rows costs more than to find them, and the more, the farther away the database stands.

    with together() as side:
        complaints = side(standing, merchant_id, now=now)
        refunds = side(refund_standing, merchant_id, now=now)
    show(complaints.value, refunds.value)

Each function runs until it asks. When all of them wait, one statement asks for all, and each goes on with its rows,
until it asks again or is done. They take turns and never run at once; what they look up reads as it does without. A
function that is called so only reads, and what it says to the database in another way than by `ask` is said at once.

The parts of such a statement are laid below each other. So their columns are text there, and are turned into values by
the types that the database named when it was asked for each part's columns, once.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.utils import CursorWrapper
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # no stubs for two names
from psycopg2.extensions import string_types  # type: ignore[import-untyped]  # no stubs for one mapping

from common.prepared import Place, Statement

P = ParamSpec("P")
Value = TypeVar("Value")
Row = tuple[Any, ...]
Question = tuple[Statement, tuple[Any, ...]]
MOST_KEPT = 200
"""So many statements that ask for several are kept."""
TEXTS = (19, 25, 1042, 1043)
"""What the database calls the types of names and texts, which need not be turned into anything."""


def ask(statement: Statement, values: Sequence[Any]) -> list[Row]:
    """Return the rows of a statement with these values: at once, or in one's turn where several ask together."""
    part = _current.get()
    if part and _may_merge(statement) and part.may_wait():
        return part.wait_for(statement, tuple(values))
    return _alone(statement, values)


class Found(Generic[Value]):
    """What a function that ran together with others has returned."""

    def __init__(self, look: Callable[[], Value]) -> None:
        self._look = look
        self._value: list[Value] = []
        self.error: BaseException | None = None

    @property
    def value(self) -> Value:
        """The value, once all of them are done."""
        (value,) = self._value
        return value

    def look(self) -> None:
        """Run the function, and keep what it returns or raises."""
        try:
            self._value.append(self._look())
        except Exception as error:  # raised by whoever waits for all
            self.error = error


class Together:
    """The functions that run together, called by `together() as side`."""

    def __init__(self) -> None:
        self.asked: list[Found[Any]] = []

    def __call__(self, look: Callable[P, Value], *args: P.args, **kwargs: P.kwargs) -> Found[Value]:
        """Let a function run with these arguments together with the others, and return where its value will be."""
        found = Found(lambda: look(*args, **kwargs))
        self.asked.append(found)
        return found


@contextmanager
def together() -> Iterator[Together]:
    """Run together, at the end of the block, what was asked for in it; raise the first error of any of them."""
    side = Together()
    yield side
    part = _current.get()
    if part and part.may_wait():
        part.wait_for_parts(side.asked)
    else:
        _Turns().take(side.asked)
    for found in side.asked:
        if found.error:
            raise found.error


class _Part:
    """A function on its way."""

    def __init__(self, turns: "_Turns", found: Found[Any], for_whom: "_Part | None" = None) -> None:
        self.turns = turns
        self.found = found
        self.for_whom = for_whom
        self.waits_for = 0
        """So many parts that run for this one are not done yet."""
        self.rows: list[Row] = []
        self.fiber: greenlet | None = None

    def go_on(self) -> None:
        """Begin, or go on with the rows that it waited for, until it asks again or is done."""
        if self.fiber:
            self.fiber.switch()
            return
        self.fiber = _fibers.idle.pop() if _fibers.idle else greenlet(_serve)
        self.fiber.parent = self.turns.hub
        self.fiber.gr_context = context = copy_context()  # the language, and what each line of the log tells
        context.run(_current.set, self)
        self.fiber.switch(self)

    def run(self) -> None:
        """Look, and let the part for which it looks go on when all of its parts are done."""
        self.found.look()
        if self.for_whom:
            self.for_whom.waits_for -= 1
            if not self.for_whom.waits_for:
                self.turns.ready.append(self.for_whom)

    def may_wait(self) -> bool:
        """Say whether others may ask meanwhile: not while this part is in a transaction of its own."""
        return self.turns.depth_now() == self.turns.depth

    def wait_for(self, statement: Statement, values: tuple[Any, ...]) -> list[Row]:
        self.turns.asking.append((self, (statement, values)))
        self.turns.hub.switch()
        return self.rows

    def wait_for_parts(self, asked: Sequence[Found[Any]]) -> None:
        self.waits_for = len(asked)
        self.turns.ready.extend([_Part(self.turns, found, self) for found in asked])
        if asked:
            self.turns.hub.switch()


_current: ContextVar[_Part | None] = ContextVar("part of a page", default=None)


class _Fibers(threading.local):
    """Fibers of this thread that have nothing to do. To make one anew costs more than what most parts do in it."""

    def __init__(self) -> None:
        self.idle: list[greenlet] = []


_fibers = _Fibers()


def _serve(part: _Part) -> None:
    """Run one part after the other: what a fiber does."""
    while True:
        part.run()
        hub, fiber = part.turns.hub, getcurrent()
        del part  # nothing of a page is kept until the next one
        fiber.gr_context = None
        _fibers.idle.append(fiber)
        part = hub.switch()


class _Turns:
    """Lets parts run in turns, and asks for what they wait for."""

    def __init__(self) -> None:
        self.hub = getcurrent()
        self.connection = connections[DEFAULT_DB_ALIAS]
        self.depth = self.depth_now()
        self.ready: deque[_Part] = deque()
        self.asking: list[tuple[_Part, Question]] = []

    def depth_now(self) -> int:
        """Return in how many transactions and parts of one this thread's connection is."""
        return len(self.connection.savepoint_ids) + self.connection.in_atomic_block

    def take(self, asked: Sequence[Found[Any]]) -> None:
        self.ready.extend([_Part(self, found) for found in asked])
        while self.ready:
            self.ready.popleft().go_on()
            if self.asking and not self.ready:
                self._answer()

    def _answer(self) -> None:
        answers = _rows_of(list(dict.fromkeys([question for _part, question in self.asking])))
        for part, question in self.asking:
            part.rows = answers[question]
            self.ready.append(part)
        self.asking.clear()


def _may_merge(statement: Statement) -> bool:
    """Say whether a statement can be asked with others: all would be planned anew each time because one is."""
    return statement.keeps_plan is True or not settings.PREPARE_STATEMENTS


def _alone(statement: Statement, values: Sequence[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        statement.run(cursor, values)
        return list(cursor.fetchall())


def _rows_of(questions: list[Question]) -> dict[Question, list[Row]]:
    """Return the rows of each question, by one statement."""
    if len(questions) == 1:
        return {questions[0]: _alone(*questions[0])}
    merged = _merged_of(questions)
    if merged.statement.keeps_plan is False:
        return {question: _alone(*question) for question in questions}
    with connection.cursor() as cursor:
        merged.statement.run(cursor, [value for _statement, values in questions for value in values])
        return dict(zip(questions, merged.read(cursor), strict=True))


class _Merged:
    """A statement that asks for several, and how the rows of each are read."""

    def __init__(self, questions: list[Question]) -> None:
        self.readers = [_columns_of(statement, values) for statement, values in questions]
        self.shapes = [
            (len(readers), [(column, read) for column, read in enumerate(readers) if read]) for readers in self.readers
        ]
        width = max(map(len, self.readers))
        parts: list[str] = []
        parameters: list[Any] = []
        offset = 0
        for number, ((statement, values), columns) in enumerate(zip(questions, self.readers, strict=True)):
            names = [f"c{column}" for column in range(len(columns))]
            shown = [f"{name}::text" for name in names] + ["NULL::text"] * (width - len(names))
            parts.append(
                f"SELECT {number}, {', '.join(shown)} FROM ({statement.sql}) AS asked ({', '.join(names)})"  # noqa: S608 (the code and the ORM wrote it)
            )
            parameters += [
                Place(each.number + offset) if isinstance(each, Place) else each for each in statement.parameters
            ]
            offset += len(values)
        self.statement = Statement(" UNION ALL ".join(parts), parameters)

    def read(self, cursor: CursorWrapper) -> list[list[Row]]:
        """Return the rows of each question, their columns turned from text into values."""
        found: list[list[Row]] = [[] for _columns in self.readers]
        own = cursor.cursor
        for number, *texts in cursor.fetchall():
            width, readers = self.shapes[number]
            for column, read in readers:
                texts[column] = read(texts[column], own)
            found[number].append(tuple(texts[:width]))
        return found


Reader = Callable[[str | None, Any], Any]
_merged: dict[tuple[Statement, ...], _Merged] = {}
_columns: WeakKeyDictionary[Statement, list[Reader | None]] = WeakKeyDictionary()


def _merged_of(questions: list[Question]) -> _Merged:
    statements = tuple([statement for statement, _values in questions])
    if statements not in _merged:
        if len(_merged) >= MOST_KEPT:
            _merged.clear()
        _merged[statements] = _Merged(questions)
    return _merged[statements]


def _columns_of(statement: Statement, values: tuple[Any, ...]) -> list[Reader | None]:
    """Return what turns the text of each column into its value, as the driver would; nothing where it is one already.

    The database is asked once what the columns are.
    """
    if statement not in _columns:
        words, parameters = statement.plain(values)
        own = connection.connection
        with connection.wrap_database_errors, own.cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({words}) AS asked LIMIT 0", parameters)  # noqa: S608 (as above)
            kinds = [column.type_code for column in cursor.description]
        _columns[statement] = [
            None if kind in TEXTS else own.string_types.get(kind) or string_types.get(kind) for kind in kinds
        ]
    return _columns[statement]
