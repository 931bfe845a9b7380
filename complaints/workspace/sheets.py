"""The list of complaints as a table for a spreadsheet: its columns, its cells, and the two kinds of file.

Names and phones are masked, and what members note for each other is not in it. A file is read by programs that run
what looks like a formula, and leaves the portal: so every text that begins like one is written as text.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from django.db.models import Case, F, QuerySet, Value, When
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from common.numbers import BEIJING
from common.wording import masked_name, masked_phone
from complaints.models import Complaint, Method
from complaints.states import Status

Cell = str | datetime | Decimal | None

CELL_LIMIT = 32_767
"""Characters of the longest cell that spreadsheets open, counted as they do: one beyond the basic plane is two."""
CUT = "…"
WIDTH = 20
"""Of each column, in characters: a moment or a number is read without pulling at the column."""
CHUNK = 2000
"""Rows that are read from the database at a time."""

FORMULA = re.compile(r"[\s\0]*[=+\-@＝＋－＠﹢﹣﹦﹫|%]|[\t\r\n\0]")
"""What a cell begins with that some program would run, or that hides such a beginning from a check."""
NOT_IN_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def headings() -> list[str]:
    """Name the columns in the language that is active."""
    return [
        _("Complaint number"),
        _("Status"),
        _("Mini program"),
        _("Dispute type"),
        _("Demand"),
        pgettext("of a complaint", "Description"),
        _("Trade number"),
        _("Merchant order number"),
        _("Trade amount (yuan)"),
        _("Requested refund (yuan)"),
        _("Consumer, masked"),
        _("Phone, masked"),
        _("Advance protection"),
        _("Filed at (Beijing time, UTC+08:00)"),
        _("Handle by (Beijing time, UTC+08:00)"),
        _("Assigned to"),
        _("Way of handling"),
        _("Refunded (yuan)"),
        _("Handled at (Beijing time, UTC+08:00)"),
        _("Handled in time"),
    ]


FIELDS = (
    "complaint_no",
    "status",
    "mini_program__name",
    "dispute_type",
    "demand",
    "description",
    "trade_no",
    "merchant_order_no",
    "trade_amount",
    "requested_refund_amount",
    "consumer_name",
    "consumer_phone",
    "advance_protection",
    "filed_at",
    "handle_by",
    "assignee__user__first_name",
    "assignee__user__last_name",
    "assignee__user__username",
    "handling__method",
    "handling__refund_amount",
    "handling__handled_at",
    "handling__in_time",
)


def rows_of(complaints: QuerySet[Complaint]) -> Iterator[list[Cell]]:
    """Yield the cells of each complaint in the order of the list, read by one statement as the rows are asked for.

    Words are looked up here, in the language that is active: while a response is being sent, none is chosen any more.
    """
    return _rows(complaints, _looks())


def _looks() -> tuple[dict[str, str], dict[str, str], dict[bool | None, str]]:
    statuses = {status.value: capfirst(str(status.label)) for status in Status}
    methods = {method.value: capfirst(str(method.label)) for method in Method}
    return statuses, methods, {True: _("yes"), False: _("no"), None: ""}


def _rows(
    complaints: QuerySet[Complaint], looks: tuple[dict[str, str], dict[str, str], dict[bool | None, str]]
) -> Iterator[list[Cell]]:
    statuses, methods, answers = looks
    # Not whole complaints: they would take several times as long.
    for row in in_order(complaints).values_list(*FIELDS).iterator(chunk_size=CHUNK):
        (no, status, program, dispute, demand, description, trade, order, amount, asked, name, phone, is_protected) = (
            row[:13]
        )
        filed_at, handle_by, first, last, username, method, refunded, handled_at, in_time = row[13:]
        yield [
            *(no, statuses[status], program, dispute, demand, description, trade, order),
            *(amount, asked, masked_name(name), masked_phone(phone), answers[is_protected]),
            *(_in_beijing(filed_at), _in_beijing(handle_by), f"{first or ''} {last or ''}".strip() or username or ""),
            *(methods.get(method, ""), refunded, _in_beijing(handled_at), answers[in_time]),
        ]


def in_order(complaints: QuerySet[Complaint]) -> QuerySet[Complaint]:
    """Put complaints in the order of the list in one statement: a second one would see other complaints pending."""
    is_pending = {"status": Status.PENDING}
    return complaints.order_by(
        Case(When(**is_pending, then=Value(0)), default=Value(1)),
        Case(When(**is_pending, then=F("handle_by"))),
        Case(When(**is_pending, then=F("pk"))),
        "-filed_at",
        "-pk",
    )


def _in_beijing(moment: datetime | None) -> datetime | None:
    """Return what a clock in Beijing shows: a spreadsheet knows no zones, so the heading names it."""
    return moment and moment.astimezone(BEIJING).replace(tzinfo=None, microsecond=0)


def harmless(text: str) -> str:
    """Return a text as a cell may hold it: never a formula, without signs that no file can hold, not too long."""
    text = NOT_IN_XML.sub("", text)
    if FORMULA.match(text):
        text = "'" + text
    if len(text) > CELL_LIMIT // 2 and len(text.encode("utf-16-le")) > 2 * CELL_LIMIT:
        kept = text.encode("utf-16-le")[: 2 * (CELL_LIMIT - len(CUT))]
        text = kept.decode("utf-16-le", errors="ignore") + CUT
    return text


class _Line:
    """A file of one line at a time: what is written is what comes back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the table line by line as CSV. Excel needs the mark before it to read Chinese."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(names)
    for row in rows:
        yield writer.writerow([_written(cell) for cell in row])


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else f"{cell:.2f}"


def write_csv(file: BinaryIO, names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write the table into a file as CSV."""
    for line in csv_lines(names, rows):
        file.write(line.encode())


def write_xlsx(file: BinaryIO, names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write the table into a file as a workbook, row by row: a whole one would not fit into the memory."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(harmless(_("Complaints")))
    sheet.freeze_panes = "B2"
    for number in range(1, len(names) + 1):
        sheet.column_dimensions[get_column_letter(number)].width = WIDTH
    sheet.append(list(names))
    for row in rows:
        sheet.append([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    book.save(file)


Writer = Callable[[BinaryIO, Sequence[str], Iterable[Sequence[Cell]]], None]
