"""The Chinese catalogue: collected from code and templates, compared and compiled with Babel.

Babel stands in for the gettext programs, which a fresh machine does not have.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.apps import apps
from django.conf import settings
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
WITHOUT_CHINESE = ("axes",)
"""Packages that ship no Chinese: theirs stands in our catalogue."""
UNKEPT_HEADERS = (
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Last-Translator",
    "Generated-By",
    "Report-Msgid-Bugs-To",
    "Language-Team",
)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def po_file() -> Path:
    return Path(settings.BASE_DIR) / "locale" / LOCALE / "LC_MESSAGES" / "django.po"


def collect() -> Catalog:
    """Return every message that code and templates ask for."""
    catalog = Catalog()
    for path, place in _sources():
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".html", ".txt"):
            # What Django makes of a template reads as Python but for its indentation.
            text = "\n".join(line.strip() for line in templatize(text, origin=place).splitlines())
        found = extract("python", BytesIO(text.encode()), keywords=KEYWORDS, options={"encoding": "utf-8"})
        for _line, message, _comments, context in found:
            catalog.add(message, locations=[(place, 0)], context=context)
    return catalog


def _sources() -> Iterator[tuple[Path, str]]:
    """Yield each file that may hold messages, and its name in the catalogue."""
    base = Path(settings.BASE_DIR)
    ours = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == base]
    theirs = [Path(spec.origin).parent for name in WITHOUT_CHINESE if (spec := find_spec(name)) and spec.origin]
    for folder in [*ours, base / "templates", *theirs]:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.suffix in (".py", ".html", ".txt") and not {"tests", "migrations"} & set(inside.parts):
                yield path, f"{folder.name}/{inside.as_posix()}"


def read() -> Catalog:
    """Return the catalogue as it stands; an empty one when there is none."""
    path = po_file()
    if not path.exists():
        return Catalog(locale=LOCALE, project="complaints-portal", charset="utf-8", fuzzy=False)
    with path.open("rb") as stream:
        return read_po(stream, locale=LOCALE)


def update() -> Catalog:
    """Bring the catalogue up to date with the code: new messages come in empty, what nobody asks for goes."""
    catalog = read()
    catalog.update(collect(), no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = "# Simplified Chinese."
    path = po_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = BytesIO()
    write_po(buffer, catalog, width=110, sort_output=True, include_lineno=False, omit_header=False)
    lines = [line for line in buffer.getvalue().decode().splitlines() if not _is_about_time(line)]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return catalog


def _is_about_time(line: str) -> bool:
    """Say whether a header line only tells when or by whom: it would change with every run, or says nothing."""
    return line.startswith(tuple(f'"{name}' for name in UNKEPT_HEADERS))


@dataclass(slots=True)
class Findings:
    """What is wrong with the catalogue; each list holds sentences."""

    missing: list[str] = field(default_factory=list)
    fuzzy: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.fuzzy or self.placeholders or self.unused)


def check() -> Findings:
    """Compare the catalogue with what code and templates ask for."""
    catalog, wanted, findings = read(), collect(), Findings()
    for message in wanted:
        if not message.id:
            continue
        have = catalog.get(_key(message.id), message.context)
        name = _key(message.id)
        if have is None or not all(_strings(have.string)):
            findings.missing.append(f"{name!r} ({message.locations[0][0]})")
        elif have.fuzzy:
            findings.fuzzy.append(repr(name))
        elif any(_placeholders(name, message.id) != set(PLACEHOLDER.findall(text)) for text in _strings(have.string)):
            findings.placeholders.append(repr(name))
    findings.unused = [
        repr(_key(each.id)) for each in catalog if each.id and wanted.get(_key(each.id), each.context) is None
    ]
    return findings


def _key(message_id: str | tuple[str, ...] | list[str]) -> str:
    return message_id if isinstance(message_id, str) else message_id[0]


def _strings(string: str | tuple[str, ...] | list[str] | None) -> list[str]:
    if string is None:
        return [""]
    return [string] if isinstance(string, str) else list(string)


def _placeholders(name: str, message_id: str | tuple[str, ...] | list[str]) -> set[str]:
    """Return the placeholders a translation must have: those of the plural, where there is one."""
    return set(PLACEHOLDER.findall(name if isinstance(message_id, str) else message_id[-1]))


def compile_all() -> list[Path]:
    """Compile every catalogue that is newer than its compiled form; return what was written."""
    written = []
    for path in sorted((Path(settings.BASE_DIR) / "locale").rglob("*.po")):
        target = path.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
            continue
        with path.open("rb") as stream:
            catalog = read_po(stream)
        buffer = BytesIO()
        write_mo(buffer, catalog)
        temporary = target.with_suffix(f".{os.getpid()}.mo")  # two runs of the tests may begin together
        temporary.write_bytes(buffer.getvalue())
        temporary.replace(target)
        written.append(target)
    return written
