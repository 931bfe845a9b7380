"""Read CSV: comma, semicolon or tab, quoted line breaks, damaged rows.

The parser is strict: a quotation mark in the wrong place is a bad row, never a guess. What such a row swallowed is
given back and read again, so that one stray mark costs one row and not the rest of the file.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from django.utils.translation import gettext_lazy as _

from common.errors import Sentence
from complaints.importing.rows import LINE_LIMIT, LineTooLong, Row, UnusableFile, read_line, size_of, too_long

DELIMITERS = ",;\t"
END_OF_FILE, CELL_TOO_LONG = "unexpected end of data", "field larger than field limit"  # as the csv module says it
LOOKED_AT = 1000  # lines, to see whether they are rows or text
csv.field_size_limit(LINE_LIMIT)  # one setting for the whole process; 128 kB would take a long text for an error


class DelimitedRows:
    """The rows of a CSV file. The first line that is neither empty nor a remark after “#” names the columns."""

    def __init__(self, stream: BinaryIO, *, encoding: str) -> None:
        """Read the names of the columns. Refuses a file that has none."""
        self._stream = stream
        self._total = size_of(stream)
        self._encoding = encoding
        self._lines = _Lines(stream, encoding)
        self._ends_broken = False
        self.columns = self._header()

    def _header(self) -> tuple[str, ...]:
        try:
            while (first := self._lines.peek()) is not None and (not first.strip() or first.startswith("#")):
                next(self._lines)
            delimiter = max(DELIMITERS, key=(first or "").count)
            self._parser = csv.reader(self._lines, strict=True, delimiter=delimiter)
            cells = next(self._parser, [])
        except (csv.Error, LineTooLong):
            raise UnusableFile(_("The first line does not name columns; is this a CSV file?")) from None
        if not any(cells):
            raise UnusableFile(_("The file is empty."))
        return tuple(cell.strip() for cell in cells)

    def __iter__(self) -> Iterator[Row]:
        while True:
            line = self._lines.start_record()
            try:
                cells = next(self._parser)
            except StopIteration:
                return
            except LineTooLong:
                yield Row(line, problem=too_long())
            except csv.Error as error:
                yield self._broken(line, error)
            else:
                if any(cells):
                    yield self._row(line, cells)

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        problem: Sentence = ""
        self._ends_broken = len(cells) < len(self.columns)
        if self._lines.damaged_at:
            problem = _("Line %(line)d has bytes that are not %(encoding)s.") % {
                "line": self._lines.damaged_at,
                "encoding": self._encoding,
            }
        elif len(cells) < len(self.columns):
            cut = self._lines.peek() is None
            problem = (
                _("The file ends in the middle of this row: it has %(cells)d of %(columns)d columns.")
                if cut
                else _("This row has %(cells)d of %(columns)d columns.")
            ) % {"cells": len(cells), "columns": len(self.columns)}
        elif any(cells[len(self.columns) :]):
            problem = _("This row has %(cells)d columns, the first line names %(columns)d.") % {
                "cells": len(cells),
                "columns": len(self.columns),
            }
        if problem:
            return Row(line, cells=cells, problem=problem)
        return Row(line, dict(zip(self.columns, cells, strict=False)), cells)

    def _broken(self, line: int, error: csv.Error) -> Row:
        """Return the row that the parser could not read, and stand where reading goes on."""
        first, swallowed = self._lines.record()
        problem: Sentence = _("This row is not CSV: a quotation mark or a line break is in the wrong place.")
        file_ended = END_OF_FILE in str(error)
        if (file_ended or CELL_TOO_LONG in str(error)) and self._look_like_text(swallowed):
            problem = too_long()
            if file_ended or self._lines.pass_over_quoted():
                self._ends_broken = True
                problem = _(
                    "The file ends in the middle of this row: a quotation mark opens and is never closed. "
                    "Nothing behind it was read; the file has %(lines)d lines."
                ) % {"lines": self._lines.number}
        else:
            self._lines.give_back()
        return Row(line, cells=[first], problem=problem)

    def _look_like_text(self, lines: Sequence[str]) -> bool:
        """Say whether lines behind an open mark are one long text, and not rows that a stray mark swallowed."""
        looked_at = lines[:LOOKED_AT]
        rows = sum(self._is_row(line) for line in looked_at)
        return rows * 2 <= len(looked_at)

    def _is_row(self, line: str) -> bool:
        try:
            return any(len(cells) == len(self.columns) for cells in csv.reader([line], self._parser.dialect))
        except csv.Error:
            return False

    def progress(self) -> tuple[int, int]:
        return self._stream.tell(), self._total

    def notes(self) -> list[Sentence]:
        if self._lines.ends_with_line_break or self._ends_broken:
            return []
        return [
            _("The last line, %(line)d, has no line break at its end; if the file was cut there, it is not whole.")
            % {"line": self._lines.number}
        ]


class _Line(NamedTuple):
    text: str
    damaged: bool = False
    too_long: bool = False


class _Lines:
    """The lines of a file as text. Those of the record that is being read are kept, and can be given back."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.number = 0
        """Of the line that was given out last; the first one is 1."""
        self.ends_with_line_break = True
        self._stream = stream
        self._encoding = encoding
        self._record: list[_Line] = []
        self._ahead: deque[_Line] = deque()
        self._byte_order_mark = "\ufeff"

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        """Return the next line. Refuses one that is too long, and goes on behind it when it is asked again."""
        line = self._ahead.popleft() if self._ahead else self._read()
        self.number += 1
        if line.too_long:
            raise LineTooLong
        self._record.append(line)
        return line.text

    def peek(self) -> str | None:
        """Return the next line without taking it, None at the end."""
        if not self._ahead:
            try:
                self._ahead.append(self._read())
            except StopIteration:
                return None
        return self._ahead[0].text

    def start_record(self) -> int:
        """Forget the last record, and return the number of the line on which the next one starts."""
        self._record = []
        return self.number + 1

    def record(self) -> tuple[str, list[str]]:
        """Return the first line of the record, and the others."""
        first, *others = self._record
        return first.text, [line.text for line in others]

    @property
    def damaged_at(self) -> int:
        """The first line of the record with bytes that are not of the encoding; 0 when there is none."""
        start = self.number - len(self._record) + 1
        return next((start + index for index, line in enumerate(self._record) if line.damaged), 0)

    def give_back(self) -> None:
        """Give back every line of the record but the first."""
        swallowed = self._record[1:]
        self._ahead.extendleft(reversed(swallowed))
        self.number -= len(swallowed)

    def pass_over_quoted(self) -> bool:
        """Pass over the rest of a record whose quotation mark is open. Says whether the file ended in it."""
        is_open = True
        while is_open:
            try:
                line = self._ahead.popleft() if self._ahead else self._read()
            except StopIteration:
                return True
            self.number += 1
            if line.text.count('"') % 2:  # a mark inside a text stands doubled
                is_open = not is_open
        return False

    def _read(self) -> _Line:
        try:
            raw = read_line(self._stream)
        except LineTooLong:
            return _Line("", too_long=True)
        if not raw:
            raise StopIteration
        self.ends_with_line_break = raw.endswith(b"\n")
        try:
            line = _Line(raw.decode(self._encoding).removeprefix(self._byte_order_mark))
        except UnicodeDecodeError:
            line = _Line(raw.decode(self._encoding, errors="replace"), damaged=True)
        self._byte_order_mark = ""
        return line
