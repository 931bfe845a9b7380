"""Bodies of requests to the API: read within a limit, and read as JSON."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
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


class JsonRenderer(JSONRenderer):
    r"""Writes JSON, also where an answer repeats half a sign of UTF-16, which UTF-8 has no bytes for: as it was sent.

    JSON may hold `\ud800` alone, and a refusal names the value or the field that cannot be taken.
    """

    def render(self, *args: Any, **options: Any) -> Any:
        try:
            return super().render(*args, **options)
        except UnicodeEncodeError:
            return _EscapingRenderer().render(*args, **options)


class _EscapingRenderer(JSONRenderer):
    ensure_ascii = True


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
