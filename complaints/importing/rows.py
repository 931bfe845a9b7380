"""What a reader gives out: rows with the line where each starts, and why a row or a whole file cannot be used."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from django.utils.translation import gettext_lazy as _

from common.errors import BadInput, Sentence

LINE_LIMIT = 2 * 1024 * 1024
"""The longest line, and the longest cell, that is read at all (bytes, characters): far more than a row may hold."""


class UnusableFile(BadInput):
    """Nothing of this file can be taken in; nothing was."""

    code = "unusable_file"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file. `line` counts from 1 and is where the row starts.

    `problem` says why the row could not even be read; `values` is empty then.
    """

    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    cells: Sequence[Any] = ()
    problem: Sentence = ""


class Source(Protocol):
    """A file that is being read. `columns` is empty where every row names its own."""

    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[Row]: ...

    def progress(self) -> tuple[int, int]:
        """Return how much was read and how much there is, in bytes or in rows; 0 for what nobody knows."""
        ...

    def notes(self) -> list[Sentence]:
        """Return what a person should know about the file although every row may be good."""
        ...


class LineTooLong(Exception):
    """A line beyond `LINE_LIMIT`; the rest of it was passed over without being kept."""


def read_line(stream: BinaryIO) -> bytes:
    """Return the next line with its end, or nothing at the end. Refuses one that is too long with `LineTooLong`."""
    line = stream.readline(LINE_LIMIT)
    if len(line) < LINE_LIMIT or line.endswith(b"\n"):
        return line
    while line and not line.endswith(b"\n"):
        line = stream.readline(LINE_LIMIT)
    raise LineTooLong


def size_of(stream: BinaryIO) -> int:
    """Return how many bytes a stream has, and leave it where it was."""
    here = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return size


def too_long() -> Sentence:
    return _("This row is longer than %(limit)d MB.") % {"limit": LINE_LIMIT // 1024**2}
