"""File rows batch by batch, each batch in one transaction.

Killed at any point, whole batches are in and nothing else; run again it adds the rest.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import DataError, IntegrityError, InternalError, reset_queries, transaction
from rest_framework.exceptions import ValidationError

from common.actors import Actor
from common.errors import BadInput, PortalError, Sentence
from common.validating import validated
from complaints.importing.mapping import Program, RowMapping
from complaints.importing.programs import drop_unused, make_missing
from complaints.importing.recipes import is_empty
from complaints.importing.rows import Row
from complaints.intake import Filed, Filing, Outcome, file_complaints
from complaints.serializers import HandledFilingSerializer, filing_of

BATCH = 1000
SOME = 50
ADDED_COLUMNS = ("line", "field", "reason")
"""What a file of bad rows has before the columns of its source."""
BAD_ROW = (IntegrityError, DataError, InternalError)
"""What the database says of a row it cannot take. A lost connection is none of these: it ends the import."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is bad: the field to mend (empty when it is the row as a whole), a code for programs, a sentence."""

    field: str
    code: str
    detail: Sentence


@dataclass(frozen=True, slots=True)
class BadRow:
    row: Row
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class Batch:
    """What became of some rows: how many are new, how many were known, and those that were refused."""

    new: int = 0
    known: int = 0
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ready:
    row: Row
    filing: Filing
    program: Program | None


class Importer:
    """Takes rows in for one platform. `is_history` starts no clock; a dry run takes the same way and rolls back."""

    def __init__(
        self,
        mapping: RowMapping,
        *,
        platform_id: int,
        actor: Actor,
        now: datetime,
        is_history: bool = False,
        dry_run: bool = False,
    ) -> None:
        self.mapping = mapping
        self.platform_id = platform_id
        self.actor = actor
        self.now = now
        self.is_history = is_history
        self.dry_run = dry_run
        self.unused: set[str] = set()
        """Columns that rows brought and the mapping does not use; a few of them, where there are very many."""
        self._columns = set(mapping.columns())

    def batches(self, rows: Iterable[Row], *, size: int = BATCH) -> Iterator[Batch]:
        """Take the rows in, `size` at a time, and yield what became of them after each commit."""
        remaining = iter(rows)
        while taken := list(islice(remaining, size)):
            yield self.take(taken)
            reset_queries()  # with DEBUG on, Django would keep the text of every statement

    def take(self, rows: Sequence[Row]) -> Batch:
        """Take some rows in: the good ones in one transaction."""
        batch = Batch()
        ready: list[_Ready] = []
        for row in rows:
            prepared = self._prepare(row)
            if isinstance(prepared, BadRow):
                batch.bad.append(prepared)
            else:
                ready.append(prepared)
        ready.sort(key=lambda each: each.filing.upstream_id)  # two imports at once insert in one order: no deadlock
        self._file(ready, batch)
        batch.bad.sort(key=lambda bad: bad.row.line)
        return batch

    def _prepare(self, row: Row) -> _Ready | BadRow:
        if row.problem:
            return BadRow(row, (Reason("", "unreadable", row.problem),))
        if len(self.unused) < SOME:
            self.unused |= row.values.keys() - self._columns
        mapped = self.mapping.read(row.values)
        reasons = [Reason(name, "invalid", problem) for name, problem in mapped.problems.items()]
        try:
            filing = filing_of(validated(HandledFilingSerializer, mapped.values))
        except ValidationError as error:
            reasons += [reason for reason in _flat(error.detail) if reason.field not in mapped.problems]
        if reasons:
            return BadRow(row, tuple(reasons))
        if not filing.upstream_id:
            filing = replace(filing, upstream_id=derived_id(row))
        return _Ready(row, filing, mapped.program)

    def _file(self, ready: Sequence[_Ready], batch: Batch) -> None:
        """File the rows. When the database refuses one of them, each is tried alone, and only that one is bad."""
        if not ready:
            return
        try:
            outcomes = self._file_together(ready)
        except BAD_ROW as error:
            if len(ready) > 1:
                for each in ready:
                    self._file([each], batch)
                return
            outcomes = [BadInput(str(error).strip().splitlines()[0], code="refused_by_database")]
        for each, outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, PortalError):
                reason = Reason(outcome.field or "", outcome.code, outcome.message)
                batch.bad.append(BadRow(each.row, (reason,)))
            elif outcome.is_new:
                batch.new += 1
            else:
                batch.known += 1

    def _file_together(self, ready: Sequence[_Ready]) -> Sequence[Outcome]:
        with transaction.atomic():
            made = make_missing(
                (each.program for each in ready if each.program is not None), platform_id=self.platform_id
            )
            outcomes = file_complaints(
                [each.filing for each in ready],
                platform_id=self.platform_id,
                actor=self.actor,
                now=self.now,
                is_history=self.is_history,
            )
            used = {
                each.filing.app_id for each, outcome in zip(ready, outcomes, strict=True) if isinstance(outcome, Filed)
            }
            if unused := made - used:
                drop_unused(unused, platform_id=self.platform_id)
            transaction.set_rollback(self.dry_run)
        return outcomes


def derived_id(row: Row) -> str:
    """Return an upstream id for a row that has none: what stands in it, so that the same row is known again."""
    values = list(row.values.items())
    if tuple(row.values)[: len(ADDED_COLUMNS)] == ADDED_COLUMNS:  # a file of bad rows that somebody mended
        values = values[len(ADDED_COLUMNS) :]
    content = {name: value for name, value in values if name and not is_empty(value)}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return "row-" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:40]


def _flat(detail: Any, name: str = "") -> Iterator[Reason]:
    """Yield each error of a serializer's answer; what is about the consumer has the name of its column."""
    if isinstance(detail, dict):
        for part, inner in detail.items():
            part_name = "" if part == "non_field_errors" else part
            yield from _flat(inner, "_".join(filter(None, (name, part_name))))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, name)
    else:
        yield Reason(name, getattr(detail, "code", "invalid"), detail)
