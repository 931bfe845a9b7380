"""Many complaints in one request: the import of files, over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPMethod, HTTPStatus
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.bodies import MEGABYTE, TooLarge, length_of, stream_of, too_large
from common.errors import BadInput
from common.problems import Problem, pointer
from complaints.importing.engine import BadRow, Importer, Reason
from complaints.importing.jsonrows import JsonArray
from complaints.importing.mapping import by_columns, by_field_names
from complaints.importing.readers import Format, open_rows
from complaints.importing.rows import UnusableFile
from complaints.permissions import require
from complaints.serializers import HandledFilingSerializer
from merchants.api import ApiView
from merchants.idempotency import HEADER, REPLAYED, Answer, answer_once, fingerprint, read_key

BODY_LIMIT = 50 * MEGABYTE
ROW_LIMIT = 10_000
BLOCK = 64 * 1024
FORMATS = {
    "application/json": Format.JSON,
    "application/x-ndjson": Format.JSONL,
    "text/csv": Format.CSV,
}


class BadRowSerializer(serializers.Serializer[Any]):
    """One row that was refused, as a problem document (RFC 9457)."""

    line = serializers.IntegerField(
        help_text=_("The line on which the row starts; in a JSON array, its place. The first is 1.")
    )
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = serializers.ListField(  # type: ignore[assignment]  # a field, not the property
        child=serializers.DictField(),
        required=False,
        help_text=_("Each part of the row to mend; “pointer” counts from the row."),
    )


class BulkAnswerSerializer(serializers.Serializer[Any]):
    """What became of the rows."""

    rows = serializers.IntegerField()
    new = serializers.IntegerField(help_text=_("Filed now; their clocks run."))
    known = serializers.IntegerField(help_text=_("Filed before with the same upstream id, or the same content."))
    bad = serializers.IntegerField(help_text=_("Refused; the others are not held up by them."))
    problems = BadRowSerializer(many=True)
    unused_fields = serializers.ListField(
        child=serializers.CharField(), help_text=_("What rows brought and nobody here knows.")
    )


class BulkFilingView(ApiView):
    """Many complaints at once."""

    body_limit = None

    @extend_schema(
        operation_id="complaints_file_many",
        summary=_("File many complaints"),
        request={media_type: HandledFilingSerializer(many=True) for media_type in FORMATS},
        responses=BulkAnswerSerializer,
        tags=["Complaints"],
    )
    def post(self, request: Request) -> Response:
        """File up to 10,000 complaints, 50 MB at most: a JSON array, JSON Lines, or CSV with the fields' names on top.

        Good rows are filed and bad ones are listed: the answer is 200 as long as the body can be read. A body that
        cannot, or is too large, is refused as a whole, and nothing of it is filed. What is sent again is known again:
        by its upstream id, or by its content when it has none. For platform keys.
        """
        require(self.actor, "file")
        form = FORMATS.get(request._request.content_type or "")  # noqa: SLF001 (without the charset)
        if form is None:
            raise exceptions.UnsupportedMediaType(request.content_type or "")
        key = read_key(request.headers.get(HEADER))
        with _spooled(request._request) as (body, digest):  # noqa: SLF001 (there is no other way to it)
            charset = (request._request.content_params or {}).get("charset", "")  # noqa: SLF001
            _check(body, form, charset)
            if key is None:
                return Response(self._file(body, form, charset))
            answer = answer_once(
                lambda: Answer(HTTPStatus.OK, self._file(body, form, charset)),
                key=key,
                fingerprint=fingerprint(HTTPMethod.POST, request.get_full_path(), digest),
                api_key_id=request.auth.pk,
                now=self.now,
            )
            return Response(answer.content, headers={REPLAYED: "true"} if answer.is_replay else {})

    def _file(self, body: BinaryIO, form: Format, charset: str) -> dict[str, Any]:
        """File the rows, and return what became of them."""
        body.seek(0)
        source = open_rows(body, format=form, encoding_name=charset)
        importer = Importer(
            by_columns(source.columns) if form == Format.CSV else by_field_names(),
            platform_id=self.actor.own_platform_id,
            actor=self.actor,
            now=self.now,
        )
        new = known = 0
        problems: list[dict[str, Any]] = []
        for batch in importer.batches(source):
            new += batch.new
            known += batch.known
            problems += [_problem(bad, nested=form != Format.CSV) for bad in batch.bad]
        return {
            "rows": new + known + len(problems),
            "new": new,
            "known": known,
            "bad": len(problems),
            "problems": problems,
            "unused_fields": sorted(importer.unused - {""}),
        }


@contextmanager
def _spooled(request: HttpRequest) -> Iterator[tuple[BinaryIO, bytes]]:
    """Keep the body on disk for a while, and give it with its digest. Refuses one that is too large, or ends early."""
    if length_of(request) > BODY_LIMIT:
        raise too_large(BODY_LIMIT)
    stream, digest, size = stream_of(request), sha256(), 0
    with TemporaryFile() as body:
        try:
            while block := stream.read(BLOCK):
                size += len(block)
                if size > BODY_LIMIT:
                    raise too_large(BODY_LIMIT)
                digest.update(block)
                body.write(block)
        except UnreadablePostError as error:
            raise BadInput(_("The body ended too early."), code="body_ended_early") from error
        body.seek(0)
        yield body, digest.digest()


def _check(body: BinaryIO, form: Format, charset: str) -> None:
    """Read the body through before anything is filed. Refuses one with too many rows, and broken JSON."""
    source = open_rows(body, format=form, encoding_name=charset)
    for number, row in enumerate(source, start=1):
        if number > ROW_LIMIT:
            raise TooLarge(
                _("Send at most %(limit)d complaints at once; nothing of this was filed.") % {"limit": ROW_LIMIT}
            )
        if row.problem and isinstance(source, JsonArray):
            raise UnusableFile(
                _("The body is not JSON: its complaint number %(number)d cannot be read. Nothing was filed.")
                % {"number": number},
                code="not_json",
            )


def _problem(bad: BadRow, *, nested: bool) -> dict[str, Any]:
    """Return the problem document of a row."""
    whole = [reason for reason in bad.reasons if not reason.field]
    problem = Problem(
        status=HTTPStatus.BAD_REQUEST,
        code=bad.reasons[0].code if len(bad.reasons) == 1 and whole else BadInput.code,
        detail=" ".join(str(reason.detail) for reason in bad.reasons),
        errors=tuple(
            {"pointer": _place(reason, nested=nested), "detail": reason.detail, "code": reason.code}
            for reason in bad.reasons
            if reason.field
        ),
    )
    return {"line": bad.row.line} | problem.as_document()


def _place(reason: Reason, *, nested: bool) -> str:
    """Return where the field stands in the row as it was sent."""
    name, _underscore, part = reason.field.partition("_")
    return pointer(name, part) if nested and name == "consumer" and part else pointer(reason.field)
