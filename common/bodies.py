"""Bodies of the API: read within a limit, read as JSON, and written as JSON."""

import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

import orjson
from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.utils.json import strict_constant

from common.errors import BadInput, PortalError

MEGABYTE = 1024 * 1024


class TooLarge(PortalError):
    """The body is larger than this address takes; the rest of it was not read."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class LengthRequired(PortalError):
    """The body came in chunks through a server that cannot tell where they end."""

    status = HTTPStatus.LENGTH_REQUIRED
    code = "length_required"


def take_body(request: HttpRequest, *, limit: int) -> None:
    """Read the body, at most `limit` bytes of it, and leave it as `request.body`.

    Django has one limit for all addresses, and takes a body in chunks, which .NET and many proxies send, for none.
    Refuses with `TooLarge`, with `LengthRequired` where chunks cannot be read, with `BadInput` when the sender left.
    """
    if length_of(request) > limit:
        raise too_large(limit)
    try:
        body = stream_of(request).read(limit + 1)
    except UnreadablePostError as error:
        raise BadInput(_("The body ended too early."), code="body_ended_early") from error
    if len(body) > limit:
        raise too_large(limit)
    request._body, request._stream = body, BytesIO(body)  # noqa: SLF001 (as Django leaves a body that it has read)
    request.META["CONTENT_LENGTH"] = str(len(body))


def length_of(request: HttpRequest) -> int:
    given = request.META.get("CONTENT_LENGTH") or "0"
    return int(given) if given.isdecimal() else 0


def stream_of(request: HttpRequest) -> IO[bytes] | HttpRequest:
    if "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        return request
    if not request.META.get("wsgi.input_terminated"):
        raise LengthRequired(_("Send the body with a Content-Length."))
    stream: IO[bytes] = request.META["wsgi.input"]
    return stream


def too_large(limit: int) -> TooLarge:
    return TooLarge(_("The body is larger than %(limit)d MB.") % {"limit": limit // MEGABYTE})


class JsonParser(BaseParser):
    """Reads JSON as RFC 8259 has it: no NaN, no Infinity, UTF-8. Refuses anything else with `BadInput`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return json.loads(stream.read().decode("utf-8-sig"), parse_constant=strict_constant)
        except json.JSONDecodeError as error:
            raise BadInput(
                _("The body is not JSON: it cannot be read at line %(line)d, column %(column)d.")
                % {"line": error.lineno, "column": error.colno},
                code="not_json",
            ) from error
        except UnicodeDecodeError as error:
            raise BadInput(_("The body is not JSON: it is not UTF-8."), code="not_json") from error
        except (ValueError, RecursionError) as error:  # NaN, a number of five thousand digits, a thousand brackets
            raise BadInput(
                _("The body is not JSON that can be read: it has a number or a depth that no complaint has."),
                code="not_json",
            ) from error


class JsonRenderer(BaseRenderer):
    r"""Writes JSON in UTF-8, as the framework's own renderer does, in a tenth of the time.

    What JSON has no form for is written as the framework writes it, a lazy text in the language of whoever asks; only
    an amount stays as exact as it is, as text. A value that has no form at all is an error of ours: `TypeError`.

    Half a sign of UTF-16, which UTF-8 has no bytes for, is written as it was sent: JSON may hold `\ud800` alone, and a
    refusal names the value or the field that cannot be taken.
    """

    media_type = "application/json"
    format = "json"
    charset = None
    """JSON is UTF-8, and says so nowhere (RFC 8259, 8.1)."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_in_other_words, option=_AS_THE_FRAMEWORK)
        except orjson.JSONEncodeError:
            return json.dumps(data, default=_in_other_words, separators=(",", ":")).encode()


_framework = JSONEncoder()
_AS_THE_FRAMEWORK = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def _in_other_words(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else _framework.default(value)
