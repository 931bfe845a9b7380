"""Compose a statement once, and then only put the values in.

To compose a statement from a queryset costs several times as much as to run it where an index finds a few rows, and a
page runs a dozen of them. A function that `written` decorates is called once for each shape of its arguments, with
stand-ins in the place of their values; the statement it returns is kept, and from then on the values are put into it.
What it asks for is still said by a queryset, in one place, and no row is kept.

The shape of an argument is whatever a statement may depend on: which values are None, true or false, members of an
enumeration or a set of names, and how many there are in a list. Everything else (a number, a text, a moment) is a
value, also within a frozen dataclass such as `Actor`. The function may only hand it on: a stand-in can be neither true,
nor ordered, nor gone through, so that no statement is kept that was composed for one value in particular.
"""

import dataclasses
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, wraps
from itertools import count
from typing import Any, ParamSpec, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Expression, Model, QuerySet

from common.counting import capped_statement
from common.prepared import Place, Statement
from common.together import ask

P = ParamSpec("P")
Row = TypeVar("Row")
MOST_SHAPES = 200
"""So many statements of one function are kept."""
MOST_VALUES = 100
"""A statement with more values is composed anew, as it would be without: a page has no such, and they would be many."""


PLAIN = frozenset((int, str, Decimal, date, datetime))
"""Most values are of these types themselves."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    """An argument that belongs to the shape whole: how many rows are wanted, in which order."""

    value: Any


class Given(Expression):
    """Stands for a value, or for a list of several, while a statement is composed."""

    def __init__(self, place: int, several: int | None = None) -> None:
        super().__init__()
        self.place = place
        self.several = several

    def as_sql(self, _compiler: Any, _connection: Any) -> tuple[str, Any]:
        if self.several is None:
            return "%s", [Place(self.place)]
        places = [Place(self.place + number) for number in range(self.several)]
        return f"({', '.join(['%s'] * self.several)})", places

    def __bool__(self) -> bool:
        """Expressions are true to Django, which asks; whoever else asks means the value, which is not known yet."""
        here = inspect.currentframe()
        asks = here.f_back if here else None
        if asks is None or not asks.f_globals["__name__"].startswith("django."):
            raise TypeError("A written statement may hand a value on, and not look at it.")
        return True


def written(compose: "Callable[P, QuerySet[Any, Row]]") -> Callable[P, list[Row]]:
    """Let a function that returns a queryset return its rows, by a statement that is composed once."""
    kept: dict[Hashable, _Rows] = {}

    @wraps(compose)
    def rows(*args: P.args, **kwargs: P.kwargs) -> list[Row]:
        shape, values = _taken_apart(args, kwargs)
        if len(values) > MOST_VALUES:
            return list(compose(*args, **kwargs))
        statement = kept.get(shape)
        if statement is None:
            statement = _Rows(_composed(compose, args, kwargs))
            _keep(kept, shape, statement)
        return statement.rows(values)

    return rows


def written_counts(compose: "Callable[P, Mapping[str, QuerySet[Any]]]") -> Callable[P, dict[str, int]]:
    """Let a function that returns querysets count their rows as `capped_counts` does, by a statement composed once."""
    kept: dict[Hashable, tuple[list[str], Statement]] = {}

    @wraps(compose)
    def counts(*args: P.args, **kwargs: P.kwargs) -> dict[str, int]:
        shape, values = _taken_apart(args, kwargs)
        counted = kept.get(shape)
        if counted is None:
            querysets = _composed(compose, args, kwargs)
            sql, parameters = capped_statement(querysets)
            counted = list(querysets), Statement(sql, _places(parameters))
            _keep(kept, shape, counted)
        names, statement = counted
        return dict.fromkeys(names, 0) | dict(ask(statement, values) if statement.sql else ())

    return counts


def written_sums(*sums: str) -> "Callable[[Callable[P, QuerySet[Any, Any]]], Callable[P, tuple[Any, ...]]]":
    """Let a function that returns a queryset of columns return sums over its rows, such as `max(filed_at)`."""

    def decorate(compose: "Callable[P, QuerySet[Any, Any]]") -> Callable[P, tuple[Any, ...]]:
        kept: dict[Hashable, Statement] = {}

        @wraps(compose)
        def summed(*args: P.args, **kwargs: P.kwargs) -> tuple[Any, ...]:
            shape, values = _taken_apart(args, kwargs)
            statement = kept.get(shape)
            if statement is None:
                sql, parameters = _composed(compose, args, kwargs).query.sql_with_params()
                words = f"SELECT {', '.join(sums)} FROM ({sql}) AS found"  # noqa: S608 (the code and the ORM wrote it)
                statement = Statement(words, _places(parameters))
                _keep(kept, shape, statement)
            (sums_found,) = ask(statement, values)
            return sums_found

        return summed

    return decorate


def lay_beside(owner: Model, name: str, rows: Sequence[Model]) -> None:
    """Let `owner.name.all()` be these rows, which were looked up already, as after a prefetch."""
    found: Any = QuerySet(type(rows[0]) if rows else type(owner))
    vars(found).update(_result_cache=list(rows), _prefetch_done=True)
    vars(owner).setdefault("_prefetched_objects_cache", {})[name] = found


def _keep(kept: dict[Hashable, Any], shape: Hashable, statement: Any) -> None:
    """Keep a statement; a function with ever new shapes begins anew now and then."""
    if len(kept) >= MOST_SHAPES:
        kept.clear()
    kept[shape] = statement


class _Rows:
    """A statement that returns rows, and how they are read."""

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        self.queryset = queryset
        self.compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        try:
            sql, parameters = self.compiler.as_sql()
        except EmptyResultSet:  # the ORM sees that nothing can match
            sql, parameters = "", ()
        self.statement = Statement(sql, _places(parameters))
        self.converters: dict[int, Any] | None = None

    def rows(self, values: Sequence[Any]) -> list[Any]:
        """Ask with these values. A queryset reads the rows as ever, and looks up what is prefetched."""
        return list(self._read(ask(self.statement, values))) if self.statement.sql else []

    def _read(self, rows: list[tuple[Any, ...]]) -> Any:
        if self.compiler.has_extra_select:  # what only the order needed stands behind the columns
            rows = [row[: self.compiler.col_count] for row in rows]
        # Each thread has a connection of its own.
        mine = {
            "connection": connections[DEFAULT_DB_ALIAS],
            "execute_sql": lambda *_args, **_kwargs: [rows],
            "get_converters": self._convert,
        }
        compiler = _twin(self.compiler, **mine)
        query = _twin(self.queryset.query, get_compiler=lambda *_args, **_kwargs: compiler)
        found: Any = type(self.queryset)(self.queryset.model, query, DEFAULT_DB_ALIAS)
        for name in ("_iterable_class", "_fields", "_prefetch_related_lookups"):
            setattr(found, name, getattr(self.queryset, name))
        return found

    def _convert(self, expressions: Sequence[Any]) -> dict[int, Any]:
        """Return how the columns are turned into values, found out once."""
        if self.converters is None:
            self.converters = self.compiler.get_converters(expressions)
        return self.converters


def _twin(original: Any, **other: Any) -> Any:
    """Return a copy of an object that has some other attributes."""
    twin = object.__new__(type(original))
    vars(twin).update(vars(original), **other)
    return twin


def _places(parameters: Sequence[Any]) -> list[Any]:
    """Return where values go; a stand-in that `Value` took for a value is one of the parameters itself."""
    return [Place(each.place) if isinstance(each, Given) else each for each in parameters]


def _taken_apart(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Hashable, list[Any]]:
    """Return the shape of arguments, and the values in them."""
    values: list[Any] = []
    shape = [_shape(each, values) for each in args]
    shape += [(name, _shape(each, values)) for name, each in kwargs.items()]
    return tuple(shape), values


def _shape(value: Any, values: list[Any]) -> Hashable:
    kind: Any = value.__class__  # of what a lazy object holds
    if kind in PLAIN:
        values.append(value)
        return cast("Hashable", kind)
    if _is_part_of_shape(value):
        return cast("Hashable", value)
    if kind in (list, tuple):
        if not all(map(_is_value, value)):
            raise TypeError("Only plain values can stand in a list of a written statement.")
        values += value
        return kind, len(value), frozenset(map(type, value))
    if dataclasses.is_dataclass(kind):
        return kind, *[_shape(getattr(value, name), values) for name in _fields(value.__class__)]
    if not _is_value(value):
        raise TypeError(f"{kind.__name__} cannot be put into a written statement.")
    values.append(value)
    return cast("Hashable", kind)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple([each.name for each in dataclasses.fields(kind)])


def _is_part_of_shape(value: Any) -> bool:
    return value is None or isinstance(value, bool | frozenset | Enum | Fixed)


def _is_value(value: Any) -> bool:
    return isinstance(value, int | str | Decimal | date) and not isinstance(value, bool | Enum)


def _composed(compose: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call the function with stand-ins in the place of the values, counted as `_taken_apart` counts them."""
    numbers = count()
    given = [_stand_in(each, numbers) for each in args]
    return compose(*given, **{name: _stand_in(each, numbers) for name, each in kwargs.items()})


def _stand_in(value: Any, numbers: Iterator[int]) -> Any:
    kind = value.__class__
    if _is_part_of_shape(value):
        return value
    if kind in (list, tuple):
        places = [next(numbers) for _each in value]
        return Given(places[0], len(places)) if places else kind()
    if dataclasses.is_dataclass(kind):
        parts = {name: _stand_in(getattr(value, name), numbers) for name in _fields(value.__class__)}
        return value.__class__(**parts)
    return Given(next(numbers))
