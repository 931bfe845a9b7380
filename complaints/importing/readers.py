"""Open a file as rows, whatever its format."""

import codecs
from enum import StrEnum
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from complaints.importing import encoding
from complaints.importing.delimited import DelimitedRows
from complaints.importing.jsonrows import JsonArray, JsonLines
from complaints.importing.rows import Source, UnusableFile
from complaints.importing.workbook import WorkbookRows

ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    JSON = "json"
    XLSX = "xlsx"


def open_rows(stream: BinaryIO, *, format: Format | None = None, encoding_name: str = "") -> Source:
    """Return the rows of a file; format and encoding are found out unless given. Refuses with `UnusableFile`."""
    match format or sniff(stream):
        case Format.XLSX:
            return WorkbookRows(stream)
        case Format.JSONL:
            return JsonLines(stream)
        case Format.JSON:
            return JsonArray(stream)
        case Format.CSV:
            chosen = encoding.check(encoding_name) if encoding_name else encoding.detect(stream)
            return DelimitedRows(stream, encoding=chosen)


def sniff(stream: BinaryIO) -> Format:
    """Find out the format from how a file begins. Refuses the Excel format of before 2007."""
    head = stream.read(1024)
    stream.seek(0)
    if head.startswith(OLD_EXCEL):
        raise UnusableFile(_("This is the old Excel format (.xls). Save it as .xlsx, or as “CSV UTF-8”."))
    if head.startswith(ZIP):
        return Format.XLSX
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        return Format.JSON
    if text.startswith(b"{"):
        return Format.JSON if text[1:].lstrip().startswith(b'"complaints"') else Format.JSONL
    return Format.CSV
