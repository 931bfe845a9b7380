"""Read JSON: one object a line (JSON Lines), or one array of objects, without ever holding the whole of it."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from django.utils.translation import gettext_lazy as _

from common.errors import Sentence
from complaints.importing.rows import LINE_LIMIT, LineTooLong, Row, UnusableFile, read_line, size_of, too_long

BLOCK = 64 * 1024
OPENING = re.compile(r'\ufeff?\s*(\{\s*"complaints"\s*:\s*)?\[')
SPACE = re.compile(r"\s*")
NOT_JSON = (ValueError, RecursionError)
"""What the parser raises: not JSON, a number of five thousand digits, a thousand brackets."""


class JsonLines:
    """The rows of a JSON Lines file. Every row names its own columns; empty lines are passed over."""

    columns: tuple[str, ...] = ()

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._total = size_of(stream)

    def __iter__(self) -> Iterator[Row]:
        number = 0
        while True:
            number += 1
            try:
                raw = read_line(self._stream)
            except LineTooLong:
                yield Row(number, problem=too_long())
                continue
            if not raw:
                return
            if raw.strip():
                yield _row_of_line(number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw)

    def progress(self) -> tuple[int, int]:
        return self._stream.tell(), self._total

    def notes(self) -> list[Sentence]:
        return []


class JsonArray:
    """The rows of `[…]` or `{"complaints": […]}`. A row's line is its place in the array, from 1.

    What is not JSON ends the reading: nobody can say where the next row would start.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, stream: BinaryIO) -> None:
        """Find the start of the array. Refuses anything else."""
        self._stream = stream
        self._total = size_of(stream)
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        self._text = ""
        self._place = 0
        self._number = 0
        self._utf_8 = codecs.getincrementaldecoder("utf-8")()
        try:
            self._more()
        except UnicodeDecodeError:
            raise UnusableFile(_("This is not UTF-8.")) from None
        opening = OPENING.match(self._text)
        if opening is None:
            raise UnusableFile(_("Give an array of complaints, or an object with “complaints” and such an array."))
        self._place = opening.end()
        self._closing = "]}" if opening[1] else "]"

    def __iter__(self) -> Iterator[Row]:
        try:
            for value in self._elements():
                self._number += 1
                yield _row(self._number, value)
        except NOT_JSON:
            problem = _("From here on it is not an array of JSON objects; nothing behind this was read.")
            yield Row(self._number + 1, cells=[self._text[self._place : self._place + 200]], problem=problem)

    def _elements(self) -> Iterator[Any]:
        """Yield what stands in the array. Raises `ValueError` where it is broken."""
        if self._next_sign() != "]":
            yield self._value()
        while self._next_sign() != "]":
            self._pass(",")
            self._next_sign()
            yield self._value()
        for sign in self._closing:
            self._pass(sign)
        if self._next_sign():
            raise ValueError("something stands behind the array")

    def _pass(self, sign: str) -> None:
        if self._next_sign() != sign:
            raise ValueError(f"{sign} is missing")
        self._place += 1

    def _value(self) -> Any:
        """Return the value that starts here, reading on for as long as it may be unfinished."""
        if self._text[self._place : self._place + 1] != "{":
            raise ValueError("a complaint is an object")
        while True:
            try:
                value, self._place = self._decoder.raw_decode(self._text, self._place)
            except json.JSONDecodeError:
                if len(self._text) - self._place > LINE_LIMIT or not self._more():
                    raise
            else:
                return value

    def _next_sign(self) -> str:
        """Pass over space and return the sign that stands there; nothing at the end."""
        while True:
            self._place = SPACE.match(self._text, self._place).end()  # type: ignore[union-attr]
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, and forget what was read before. Says whether there was anything."""
        block = self._stream.read(BLOCK)
        text = self._utf_8.decode(block, final=not block)
        self._text, self._place = self._text[self._place :] + text, 0
        return bool(block)

    def progress(self) -> tuple[int, int]:
        return self._stream.tell(), self._total

    def notes(self) -> list[Sentence]:
        return []


def _row_of_line(number: int, raw: bytes) -> Row:
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return Row(number, cells=[raw.decode("utf-8", errors="replace")], problem=_("This line is not UTF-8."))
    except json.JSONDecodeError as error:
        where = _("This line is not JSON: it cannot be read at its column %(column)d.") % {"column": error.colno}
        return Row(number, cells=[raw.decode("utf-8").strip()], problem=where)
    except NOT_JSON:
        problem = _("This line has a number or a depth that no complaint has.")
        return Row(number, cells=[raw.decode("utf-8").strip()], problem=problem)
    return _row(number, value)


def _row(number: int, value: Any) -> Row:
    text = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict):
        return Row(number, cells=[text], problem=_("A complaint is a JSON object."))
    return Row(number, _flat(value), [text])


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """Return the object with `{"consumer": {"name": …}}` as `consumer_name`, as columns have it."""
    consumer = value.get("consumer")
    if not isinstance(consumer, dict):
        return value
    rest = {name: each for name, each in value.items() if name != "consumer"}
    return rest | {f"consumer_{name}": each for name, each in consumer.items()}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
