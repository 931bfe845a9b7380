"""What an import tells: the bad rows in a file beside the source, and how far it is while it runs."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from defusedcsv import csv as defused
from django.utils.translation import gettext as _

from complaints.importing.engine import ADDED_COLUMNS, BadRow, Batch

CELL_LIMIT = 32_767
"""Characters: the longest cell that Excel opens."""


class BadRowFile:
    """Every row that was refused: its line, the field, the reason and the row as it stood.

    It is written beside its name and moved there at the end; when no row was bad, there is no file.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        """Open the file at once: an import should not find out after an hour that it cannot be written."""
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._file = self._part.open("w", encoding="utf-8-sig", newline="")  # Excel needs the mark
        self._writer = defused.writer(self._file)
        self._writer.writerow([*ADDED_COLUMNS, *(columns or ("row",))])
        self._is_needed = False

    def write(self, rows: Iterable[BadRow]) -> None:
        """Add the rows. Cells that a spreadsheet would run as formulas are written as text."""
        for bad in rows:
            self._is_needed = True
            self._writer.writerow([bad.row.line, *_reason(bad), *(_short(cell) for cell in bad.row.cells)])
        self._file.flush()

    def close(self) -> None:
        """Put the file in its place, or take away one that an earlier import left there."""
        self._file.close()
        if self._is_needed:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)


def _reason(bad: BadRow) -> tuple[str, str]:
    fields = ", ".join(reason.field for reason in bad.reasons if reason.field)
    return fields, " ".join(str(reason.detail) for reason in bad.reasons)


def _short(cell: Any) -> str:
    return "" if cell is None else str(cell)[:CELL_LIMIT]


class Progress:
    """A bar on a terminal; elsewhere a line every ten seconds."""

    WIDTH = 30

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.is_terminal = stream.isatty()
        self.started = time.monotonic()
        self.new = self.known = self.bad = 0
        self._shown = self.started

    @property
    def rows(self) -> int:
        return self.new + self.known + self.bad

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def count(self, batch: Batch, read: int, total: int) -> None:
        """Add what became of a batch, and show it when it is time."""
        self.new += batch.new
        self.known += batch.known
        self.bad += len(batch.bad)
        if time.monotonic() - self._shown >= (0.2 if self.is_terminal else 10):
            self._show(min(read / total, 1.0) if total else None)

    def _show(self, part: float | None) -> None:
        self._shown = time.monotonic()
        words = _("%(rows)s rows, %(bad)s of them bad, %(speed)s rows/s") % {
            "rows": f"{self.rows:,}",
            "bad": f"{self.bad:,}",
            "speed": f"{self.rows / self.seconds:,.0f}",
        }
        if part is not None:
            filled = round(part * self.WIDTH)
            bar = f"[{'█' * filled}{'·' * (self.WIDTH - filled)}] " if self.is_terminal else ""
            words = f"{bar}{part:4.0%}  {words}"
        self.stream.write(f"\r{words}\x1b[K" if self.is_terminal else f"{words}\n")
        self.stream.flush()

    def end(self) -> None:
        """Clear the bar."""
        if self.is_terminal:
            self.stream.write("\r\x1b[K")
