"""How one value is made from a row: the verbs of a mapping file."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext_lazy as _

from common.errors import Sentence
from complaints.importing.rows import UnusableFile

Values = Mapping[str, Any]
SOURCES = ("column", "first", "join", "constant", "digest")
OPTIONS = {"with", "prefix", "values", "is", "date", "zone", "hours_later"}


class BadMapping(UnusableFile):
    """The mapping file cannot be used; the sentence says where."""

    code = "bad_mapping"


class BadCell(Exception):
    """A row holds something that the mapping does not know."""

    def __init__(self, message: Sentence) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Recipe:
    """Makes one value: takes it from columns, then takes it through the steps."""

    take: Callable[[Values], Any]
    columns: tuple[str, ...] = ()
    steps: tuple[Callable[[Any, Values], Any], ...] = ()

    def __call__(self, values: Values) -> Any:
        """Return the value that this row has. Raises `BadCell`."""
        value = self.take(values)
        for step in self.steps:
            value = step(value, values)
        return value


def read_recipe(place: str, table: Any) -> Recipe:
    """Read one recipe of a mapping file; a text alone is the name of a column. Refuses with `BadMapping`."""
    if isinstance(table, str):
        return of_column(table)
    if not isinstance(table, dict):
        raise _bad(place, "it must be a table")
    given = [name for name in SOURCES if name in table]
    if len(given) != 1:
        raise _bad(place, f"exactly one of {', '.join(SOURCES)} must be given")
    if unknown := set(table) - set(SOURCES) - OPTIONS:
        raise _bad(place, f"unknown: {', '.join(sorted(unknown))}")
    taken = _READERS[given[0]](place, table)
    steps = tuple(_steps(place, table))
    later = read_recipe(f"{place}.hours_later", table["hours_later"]).columns if "hours_later" in table else ()
    return Recipe(taken.take, (*taken.columns, *later), steps)


def of_column(column: str) -> Recipe:
    return Recipe(lambda values: values.get(column), (column,))


def _column(place: str, table: dict[str, Any]) -> Recipe:
    if not isinstance(table["column"], str):
        raise _bad(place, "column must be a name")
    return of_column(table["column"])


def _constant(place: str, table: dict[str, Any]) -> Recipe:
    value = table["constant"]
    return Recipe(lambda values: value)


def _first(place: str, table: dict[str, Any]) -> Recipe:
    parts = _parts(place, table["first"])
    return Recipe(
        lambda values: next((value for part in parts if not is_empty(value := part(values))), ""), _columns_of(parts)
    )


def _join(place: str, table: dict[str, Any]) -> Recipe:
    parts, between = _parts(place, table["join"]), table.get("with", " ")
    return Recipe(
        lambda values: between.join(str(value) for part in parts if not is_empty(value := part(values))),
        _columns_of(parts),
    )


def _digest(place: str, table: dict[str, Any]) -> Recipe:
    """Sixteen hexadecimal digits that are the same whenever the columns are."""
    parts, prefix = _parts(place, table["digest"]), str(table.get("prefix", ""))

    def take(values: Values) -> str:
        text = "\x1f".join(str(part(values)) for part in parts)
        return prefix + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]

    return Recipe(take, _columns_of(parts))


_READERS: dict[str, Callable[[str, dict[str, Any]], Recipe]] = {
    "column": _column,
    "first": _first,
    "join": _join,
    "constant": _constant,
    "digest": _digest,
}


def _parts(place: str, listed: Any) -> tuple[Recipe, ...]:
    if not isinstance(listed, list) or not listed:
        raise _bad(place, "a list of columns must be given")
    return tuple(read_recipe(place, each) for each in listed)


def _columns_of(parts: tuple[Recipe, ...]) -> tuple[str, ...]:
    return tuple(column for part in parts for column in part.columns)


def _steps(place: str, table: dict[str, Any]) -> Iterator[Callable[[Any, Values], Any]]:
    if "values" in table:
        yield _translating(place, table["values"])
    if "is" in table:
        true = {str(each) for each in table["is"]}
        yield lambda value, values: str(value).strip() in true
    if "date" in table:
        yield _dating(table["date"], _zone(place, table.get("zone", "UTC")))
    if "hours_later" in table:
        yield _later(read_recipe(f"{place}.hours_later", table["hours_later"]))


def _translating(place: str, known: Any) -> Callable[[Any, Values], Any]:
    """Return a step that looks a value up; a known one that ends with `*` stands for all that begin so."""
    if not isinstance(known, dict):
        raise _bad(place, "values must be a table")
    beginnings = [(name[:-1], to) for name, to in known.items() if name.endswith("*")]

    def step(value: Any, values: Values) -> Any:
        text = "" if value is None else str(value).strip()
        if text in known:
            return known[text]
        for beginning, to in beginnings:
            if text.startswith(beginning):
                return to
        raise BadCell(_("“%(value)s” is not a value that the mapping knows.") % {"value": text[:100]})

    return step


def _dating(pattern: str, zone: tzinfo) -> Callable[[Any, Values], Any]:
    def step(value: Any, values: Values) -> Any:
        if is_empty(value):
            return None
        try:
            moment = value if isinstance(value, datetime) else datetime.strptime(str(value).strip(), pattern)  # noqa: DTZ007 (the next line gives the zone)
            return moment if moment.tzinfo else moment.replace(tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadCell(
                _("“%(value)s” is not a date written as %(pattern)s.") % {"value": str(value)[:100], "pattern": pattern}
            ) from None

    return step


def _later(hours: Recipe) -> Callable[[Any, Values], Any]:
    def step(value: Any, values: Values) -> Any:
        return value + timedelta(hours=float(hours(values))) if isinstance(value, datetime) else value

    return step


def _zone(place: str, name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise _bad(place, f"{name} is not a time zone") from None


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _bad(place: str, why: str) -> BadMapping:
    return BadMapping(_("The mapping cannot be used: %(place)s: %(why)s.") % {"place": place, "why": why})
