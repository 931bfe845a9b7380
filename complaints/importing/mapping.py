"""From a row as the source has it to a row in the portal's words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Sentence
from complaints.importing import cells
from complaints.importing.columns import described, field_of, known_fields, required_fields
from complaints.importing.recipes import BadCell, Recipe, Values, is_empty, of_column
from complaints.importing.rows import UnusableFile

NAME_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Program:
    """A mini program that is made when it is not there yet, and its merchant."""

    app_id: str
    name: str
    merchant: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row in the portal's words, not checked yet, and what the mapping did not know, by field."""

    values: dict[str, Any]
    problems: dict[str, Sentence]
    program: Program | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMapping:
    """How every field of a row is made.

    `handled` makes the fields of a handling, and counts only in rows where it finds a method. `program` makes the
    app id, the mini program's name and its merchant's, for sources that know no app ids; `platform` is the code and the
    name of the platform that the source stands for.
    """

    fields: Mapping[str, Recipe]
    handled: Mapping[str, Recipe] = field(default_factory=dict)
    program: Mapping[str, Recipe] = field(default_factory=dict)
    platform: tuple[str, str] | None = None

    def columns(self) -> list[str]:
        """Return every column of the source that is used, once."""
        recipes = [*self.fields.values(), *self.handled.values(), *self.program.values()]
        return list(dict.fromkeys(column for recipe in recipes for column in recipe.columns))

    def check(self, columns: Iterable[str]) -> None:
        """Refuse, with `UnusableFile`, a file that lacks a column or has one twice."""
        given = Counter(columns)
        missing = [column for column in self.columns() if column not in given]
        if missing:
            raise UnusableFile(
                _("The mapping needs columns that the file does not have: %(missing)s. The file has: %(columns)s.")
                % {"missing": ", ".join(missing), "columns": ", ".join(given)}
            )
        twice = [column for column in self.columns() if given[column] > 1]
        if twice:
            raise UnusableFile(_("The file has a column twice: %(columns)s.") % {"columns": ", ".join(twice)})

    def read(self, values: Values) -> Mapped:
        """Return the row in the portal's words."""
        problems: dict[str, Sentence] = {}
        made = _make(self.fields, values, problems)
        handled = _make(self.handled, values, problems)
        if "handling_method" in handled or not self.program:
            made |= handled
        program = None
        if self.program:
            parts = _make(self.program, values, problems)
            program = Program(
                *(str(parts.get(part, ""))[:NAME_LIMIT] for part in ("app_id", "mini_program", "merchant"))
            )
            made["app_id"] = program.app_id
            if not program.merchant:
                problems.setdefault("merchant", _("The row does not name a merchant."))
        return Mapped(_nested(made), problems, program)


def _make(recipes: Mapping[str, Recipe], values: Values, problems: dict[str, Sentence]) -> dict[str, Any]:
    """Return the values that are not empty; note what could not be made."""
    made = {}
    for name, recipe in recipes.items():
        try:
            value = cells.clean(name, recipe(values))
        except BadCell as bad:
            problems[name] = bad.message
            continue
        if not is_empty(value):
            made[name] = value
    return made


def _nested(made: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as the API has them, with what is about the consumer in one place."""
    consumer = {
        name: made.pop(f"consumer_{name}") for name in ("reference", "name", "phone") if f"consumer_{name}" in made
    }
    return made | {"consumer": consumer} if consumer else made


def by_field_names() -> RowMapping:
    """Return the mapping of rows that name the portal's own fields."""
    return RowMapping(fields={name: of_column(name) for name in known_fields()})


def by_columns(columns: Iterable[str]) -> RowMapping:
    """Return the mapping of a table by the names of its columns; what nobody knows is not used.

    Refuses, with `UnusableFile`, a table that lacks a column which every complaint needs, or has two for one field.
    """
    fields: dict[str, str] = {}
    for column in columns:
        name = field_of(column)
        if name is None:
            continue
        if name in fields:
            raise UnusableFile(
                _("The columns “%(first)s” and “%(second)s” mean the same.") % {"first": fields[name], "second": column}
            )
        fields[name] = column
    missing = [name for name in required_fields() if name not in fields]
    if missing:
        raise UnusableFile(
            _("The file has no column for: %(missing)s. Known columns: %(known)s.")
            % {"missing": described(missing), "known": described(known_fields())}
        )
    return RowMapping(fields={name: of_column(column) for name, column in fields.items()})
