"""Mapping files: TOML that says how each field is made from a source's columns. docs/import.md describes them."""

import tomllib
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from complaints.importing.columns import known_fields, required_fields
from complaints.importing.mapping import RowMapping
from complaints.importing.recipes import BadMapping, Recipe, read_recipe

SHIPPED = Path(__file__).resolve().parent.parent / "mappings"
SECTIONS = {"platform", "merchant", "mini_program", "fields", "handled"}
HANDLED = {"method": "handling_method", "at": "handled_at", "note": "handling_note", "refund_amount": "refund_amount"}


def load(name: str) -> RowMapping:
    """Load a mapping by the name of one that ships with the portal, or by its path. Refuses with `BadMapping`."""
    path = SHIPPED / f"{name}.toml"
    if not path.is_file() or Path(name).name != name:
        path = Path(name)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        shipped = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.toml")))
        raise BadMapping(
            _("The mapping “%(name)s” cannot be read (%(error)s). Give a TOML file, or one of: %(shipped)s.")
            % {"name": name, "error": error, "shipped": shipped}
        ) from error
    return read(document)


def read(document: dict[str, Any]) -> RowMapping:
    """Read a mapping. Refuses, with `BadMapping`, what it does not know and a field that is missing."""
    _refuse_unknown("the file", document, SECTIONS)
    fields = _section(document, "fields", dict.fromkeys(known_fields().keys() - HANDLED.values()))
    handled = _section(document, "handled", HANDLED)
    if handled and not {"handling_method", "handled_at"} <= handled.keys():
        raise _bad(_("[handled] needs `method` and `at`"))
    program = _program(document)
    if program and "app_id" in fields:
        raise _bad(_("an app id is made by [mini_program] or by [fields], not by both"))
    missing = [name for name in required_fields() if name not in fields and not (program and name == "app_id")]
    if missing:
        raise _bad(_("[fields] lacks %(missing)s") % {"missing": ", ".join(missing)})
    return RowMapping(fields=fields, handled=handled, program=program, platform=_platform(document))


def _section(
    document: dict[str, Any], section: str, names: dict[str, str | None] | dict[str, str]
) -> dict[str, Recipe]:
    table = document.get(section, {})
    _refuse_unknown(f"[{section}]", table, names.keys())
    return {names[name] or name: read_recipe(f"[{section}] {name}", recipe) for name, recipe in table.items()}


def _program(document: dict[str, Any]) -> dict[str, Recipe]:
    given = [section for section in ("merchant", "mini_program") if section in document]
    if not given:
        return {}
    merchant = _section(document, "merchant", {"name": "merchant"})
    program = _section(document, "mini_program", {"name": "mini_program", "app_id": "app_id"})
    if len(merchant | program) != 3:
        raise _bad(_("[merchant] needs `name`, and [mini_program] needs `name` and `app_id`"))
    return merchant | program


def _platform(document: dict[str, Any]) -> tuple[str, str] | None:
    table = document.get("platform")
    if table is None:
        return None
    if not isinstance(table, dict) or table.keys() != {"code", "name"}:
        raise _bad(_("[platform] needs `code` and `name`, and nothing else"))
    return str(table["code"]), str(table["name"])


def _refuse_unknown(place: str, table: Any, known: Any) -> None:
    if not isinstance(table, dict):
        raise _bad(_("%(place)s must be a table") % {"place": place})
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise _bad(
            _("%(place)s has %(unknown)s; known are %(known)s")
            % {"place": place, "unknown": ", ".join(unknown), "known": ", ".join(sorted(known))}
        )


def _bad(why: Any) -> BadMapping:
    return BadMapping(_("The mapping cannot be used: %(why)s.") % {"why": why})
