"""Pages of a list by keyset: a page starts after a row, not at a number, so page 5,000 is as quick as the first.

A list may have several segments, each with an order of its own: pending complaints by their deadline, then the others
newest first. A cursor names the row where a page ends and the direction; it is opaque, not secret: whatever it says, a
page only holds rows of the querysets that the caller gave.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.errors import BadInput
from common.together import together

PAGE_SIZE = 20

Row = TypeVar("Row", bound=models.Model)


class BadCursor(BadInput):
    """A cursor that no page of this list gave out."""

    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__(_("This page of the list does not exist. Start again from the first page."), field="cursor")


@dataclass(frozen=True, slots=True)
class Segment(Generic[Row]):
    """One stretch of a list: `rows` ordered by the field that `order` names, then by id; a minus turns both around.

    The field may not be null.
    """

    rows: QuerySet[Row]
    order: str
    joined: QuerySet[Row] | None = None
    """The same model with what is joined to it: done for the rows of a page, not for each that is sorted to find them.
    """
    read: "Callable[[int, Position | None, bool], list[Row]] | None" = None
    """Reads as `take` does, where its statements are composed already."""

    @property
    def field(self) -> str:
        return self.order.removeprefix("-")

    @property
    def descends(self) -> bool:
        return self.order.startswith("-")

    def take(self, number: int, *, after: "Position | None" = None, backwards: bool = False) -> list[Row]:
        """Return the first rows after a position, or the last ones before it, walking away from it."""
        if self.read:
            return self.read(number, after, backwards)
        return list(self.taken(number, after=after, backwards=backwards))

    def taken(self, number: int, *, after: "Position | None" = None, backwards: bool = False) -> QuerySet[Row]:
        """Return what `take` reads."""
        descends = self.descends != backwards
        order = (f"-{self.field}", "-pk") if descends else (self.field, "pk")
        rows = self.rows.order_by(*order)
        if after is not None:
            beyond = TupleLessThan if descends else TupleGreaterThan
            rows = rows.filter(beyond(Tuple(F(self.field), F("pk")), (after.value, after.pk)))
        if self.joined is None:
            return rows[:number]
        return self.joined.filter(pk__in=rows.values("pk")[:number]).order_by(*order)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the segment, and the row there by its value and id."""

    segment: int
    value: Any
    pk: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of one page, and the cursors of its neighbours; None where there is none."""

    rows: list[Row]
    previous: str | None
    next: str | None


def keyset_page(segments: Sequence[Segment[Row]], *, cursor: str = "", size: int = PAGE_SIZE) -> Page[Row]:
    """Return the page that the cursor names, or the first one without a cursor.

    A page that would hold nothing, or that lies before the beginning because rows have moved, is the first page.
    Refuses a cursor that was not made for such a list with `BadCursor`.
    """
    if cursor:
        backwards, position = _read_cursor(segments, cursor)
        page = (_page_before if backwards else _page_after)(segments, position, size)
        if page is not None:
            return page
    found = _walk(segments, None, size + 1)
    return Page(
        rows=[row for _index, row in found[:size]],
        previous=None,
        next=_cursor(segments, "after", *found[size - 1]) if len(found) > size else None,
    )


def beside(segments: Sequence[Segment[Row]], index: int, row: Row) -> tuple[Row | None, Row | None]:
    """Return the rows before and after this one in a list, across its segments; the row itself need not be in it.

    `index` is the segment to whose order the row belongs. Nothing is counted: each side is one step along an index.
    """
    position = Position(segment=index, value=getattr(row, segments[index].field), pk=row.pk)
    with together() as side:
        before = side(_walk, segments, position, 1, backwards=True)
        after = side(_walk, segments, position, 1)
    return next((row for _index, row in before.value), None), next((row for _index, row in after.value), None)


def _page_after(segments: Sequence[Segment[Row]], position: Position, size: int) -> Page[Row] | None:
    found = _walk(segments, position, size + 1)
    if not found:
        return None
    shown = found[:size]
    return Page(
        rows=[row for _index, row in shown],
        previous=_cursor(segments, "before", *shown[0]),
        next=_cursor(segments, "after", *shown[-1]) if len(found) > size else None,
    )


def _page_before(segments: Sequence[Segment[Row]], position: Position, size: int) -> Page[Row] | None:
    found = _walk(segments, position, size + 1, backwards=True)
    if len(found) < size:
        return None
    shown = found[:size][::-1]
    return Page(
        rows=[row for _index, row in shown],
        previous=_cursor(segments, "before", *shown[0]) if len(found) > size else None,
        next=_cursor(segments, "after", *shown[-1]),
    )


def _walk(
    segments: Sequence[Segment[Row]], position: Position | None, number: int, *, backwards: bool = False
) -> list[tuple[int, Row]]:
    """Return up to `number` rows away from the position, each with the index of its segment, across segments."""
    start = position.segment if position else 0
    indices = range(start, -1, -1) if backwards else range(start, len(segments))
    found: list[tuple[int, Row]] = []
    for index in indices:
        if len(found) == number:
            break
        after = position if position and position.segment == index else None
        rows = segments[index].take(number - len(found), after=after, backwards=backwards)
        found += [(index, row) for row in rows]
    return found


def _cursor(segments: Sequence[Segment[Row]], direction: str, index: int, row: Row) -> str:
    value = _field(segments[index]).value_to_string(row)
    written = json.dumps([direction, index, value, row.pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_cursor(segments: Sequence[Segment[Row]], cursor: str) -> tuple[bool, Position]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        direction, index, written, pk = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise BadCursor from error
    sound = direction in ("before", "after") and type(index) is int and 0 <= index < len(segments)
    if not sound or type(pk) is not int or not 0 < pk < 2**63 or not isinstance(written, str) or "\0" in written:
        raise BadCursor
    try:
        value = _field(segments[index]).to_python(written)
    except (ValidationError, ValueError, OverflowError) as error:
        raise BadCursor from error
    if isinstance(value, datetime) and timezone.is_naive(value):
        raise BadCursor
    return direction == "before", Position(segment=index, value=value, pk=pk)


def _field(segment: Segment[Row]) -> "models.Field[Any, Any]":
    field = segment.rows.model._meta.get_field(segment.field)  # noqa: SLF001 (public in all but name)
    if not isinstance(field, models.Field):
        raise FieldDoesNotExist(segment.field)
    return field
