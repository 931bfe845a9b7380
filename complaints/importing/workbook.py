"""Read XLSX, the first sheet of it. A formula counts with the value that Excel saved last."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import openpyxl
from django.utils.translation import gettext_lazy as _
from openpyxl.utils.exceptions import InvalidFileException

from common.errors import Sentence
from complaints.importing.rows import Row, UnusableFile

DIGITS_KEPT = 15
"""Excel keeps so many digits of a number, and makes zeros of the rest."""
TEXT_LIMIT = 32 * 1024 * 1024
"""Bytes. The texts of a workbook stand in one table that has to be read whole; larger ones are better sent as CSV."""
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    SyntaxError,
    KeyError,
    ValueError,
    OSError,
    EOFError,
)
"""What a damaged workbook raises; XML that is not well-formed is a `SyntaxError`."""


class WorkbookRows:
    """The rows of a workbook's first sheet. Its first row that is not empty names the columns."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read the names of the columns. Refuses what is no workbook, an empty one, and one with too much text."""
        try:
            _check_size(stream)
            sheet = openpyxl.load_workbook(stream, read_only=True, data_only=True).worksheets[0]
            self._total = sheet.max_row or 0
            sheet.reset_dimensions()  # some programs write wrong ones
            self._rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            self._number, header = next((number, cells) for number, cells in self._rows if not _is_empty(cells))
        except (StopIteration, IndexError):
            raise UnusableFile(_("The file is empty.")) from None
        except UNREADABLE as error:
            raise UnusableFile(_("This is not a workbook that can be read (.xlsx), or it is damaged.")) from error
        self.columns = tuple("" if cell is None else str(cell).strip() for cell in header)

    def __iter__(self) -> Iterator[Row]:
        try:
            for number, cells in self._rows:
                self._number = number
                if not _is_empty(cells):
                    yield self._row(number, [_as_excel_has_it(cell) for cell in cells])
        except UNREADABLE:
            yield Row(self._number + 1, problem=_("The workbook is damaged here; nothing behind this was read."))

    def _row(self, line: int, cells: Sequence[Any]) -> Row:
        return Row(line, dict(zip(self.columns, cells, strict=False)), cells)

    def progress(self) -> tuple[int, int]:
        return self._number, self._total

    def notes(self) -> list[Sentence]:
        return []


def _check_size(stream: BinaryIO) -> None:
    with zipfile.ZipFile(stream) as archive:
        size = sum(part.file_size for part in archive.infolist() if part.filename.endswith("sharedStrings.xml"))
    if size > TEXT_LIMIT:
        raise UnusableFile(_("This workbook holds too much text to be read at once. Save it as “CSV UTF-8”."))


def _is_empty(cells: Sequence[Any]) -> bool:
    return all(cell is None or cell == "" for cell in cells)


def _as_excel_has_it(cell: Any) -> Any:
    """Return a whole number beyond the digits that Excel keeps as the rounded number that it is."""
    if isinstance(cell, int) and abs(cell) >= 10**DIGITS_KEPT:
        return float(cell)
    return cell
