"""Keeps pictures: the row and its file come together, and go together."""

import base64
import binascii
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeAlias

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, PortalError
from common.policy import policy_at
from evidence.models import Evidence, evidence_files
from evidence.names import clean_name
from evidence.pictures import Picture, reencode, too_large

logger = logging.getLogger(__name__)

SentPicture: TypeAlias = "UploadedFile[Any] | tuple[str, bytes]"


class NotKept(PortalError):
    """The storage cannot take pictures now: full, read-only or out of reach. Nothing of the submission was kept."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "picture_not_kept"


def keep_pictures(
    files: Iterable[SentPicture], *, platform_id: int, merchant_id: int, actor: Actor, now: datetime
) -> list[Evidence]:
    """Check, re-encode and store the pictures of one submission, and return their rows in the order sent.

    All are kept or none is. Inside a transaction the files last exactly as long as the rows: a rollback removes them.
    Refuses with `BadInput` more pictures than the policy allows and whatever `reencode` refuses, and with `NotKept`
    when the storage fails.
    """
    policy = policy_at(now)
    sent = list(files)
    check_number(len(sent), now=now)
    pictures = []
    for file in sent:
        name, data = _read(file, max_bytes=policy.picture_max_bytes)
        pictures.append((name, reencode(data, max_bytes=policy.picture_max_bytes, name=name)))
    with transaction.atomic():
        written: list[str] = []
        transaction.on_commit(_FilesOfTransaction(written))
        return [
            _keep(name, picture, written, platform_id=platform_id, merchant_id=merchant_id, actor=actor, now=now)
            for name, picture in pictures
        ]


def decode_base64_pictures(pictures: Sequence[Mapping[str, Any]], *, now: datetime) -> list[tuple[str, bytes]]:
    """Return name and bytes of pictures that came in JSON, each as `{"name": …, "content": …}` with strict base64.

    Number and size are judged before anything is decoded. Refuses with `BadInput`.
    """
    check_number(len(pictures), now=now)
    return [_decode(picture, max_bytes=policy_at(now).picture_max_bytes) for picture in pictures]


def check_number(number: int, *, now: datetime) -> None:
    """Refuse with `BadInput` more pictures than one submission may have."""
    limit = policy_at(now).pictures_per_submission
    if number > limit:
        raise BadInput(
            _("%(number)d pictures were sent. Send at most %(limit)d at a time.") % {"number": number, "limit": limit},
            field="pictures",
            code="too_many_pictures",
        )


def _read(file: SentPicture, *, max_bytes: int) -> tuple[str, bytes]:
    if isinstance(file, tuple):
        name, data = file
        return clean_name(name), data
    name = clean_name(file.name or "")
    if file.size is None or file.size > max_bytes:
        raise too_large(name, max_bytes)
    file.seek(0)
    return name, file.read()


def _decode(picture: Mapping[str, Any], *, max_bytes: int) -> tuple[str, bytes]:
    given, content = picture.get("name"), picture.get("content")
    if not isinstance(given, str) or not isinstance(content, str):
        raise BadInput(
            _("Give each picture a name and its content in base64."), field="pictures", code="picture_unreadable"
        )
    name = clean_name(given)
    if len(content) > 4 * (max_bytes // 3 + 1):
        raise too_large(name, max_bytes)
    try:
        return name, base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(
            _("The content of “%(name)s” is not base64. Send it in one line, without a prefix such as “data:”.")
            % {"name": name},
            field="pictures",
            code="picture_unreadable",
        ) from error


def _keep(
    name: str,
    picture: Picture,
    written: list[str],
    *,
    platform_id: int,
    merchant_id: int,
    actor: Actor,
    now: datetime,
) -> Evidence:
    """Write one file and its row; the file's name stands in `written` before its first byte does."""
    token = secrets.token_hex(16)
    path = f"{now.astimezone(UTC):%Y/%m}/{token}.{picture.extension}"
    written.append(path)
    try:
        stored_as = evidence_files().save(path, ContentFile(picture.data))
    except Exception as error:  # each storage fails in its own way: OSError here, botocore's exceptions there
        logger.exception("evidence could not be stored")
        raise NotKept(
            _("“%(name)s” could not be stored just now, and nothing was kept. Try again in a few minutes.")
            % {"name": name}
        ) from error
    if stored_as != path:
        written.append(stored_as)
    return Evidence.objects.create(
        token=token,
        platform_id=platform_id,
        merchant_id=merchant_id,
        name=name,
        file=stored_as,
        content_type=picture.content_type,
        size=len(picture.data),
        width=picture.width,
        height=picture.height,
        sent_sha256=picture.sent_sha256,
        stored_sha256=picture.stored_sha256,
        uploaded_by=actor.name[:200],
        sent_through=actor.case,
        uploaded_at=now,
    )


class _FilesOfTransaction:
    """Files written inside a transaction: kept when it commits, removed when it does not.

    Django has a hook for the commit and none for the rollback, but a rollback, also one to a savepoint, lets go of the
    hooks of what it undoes. So this is a commit hook, and when it is let go without having been called, its files go.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def __call__(self) -> None:
        self.names.clear()

    def __del__(self) -> None:
        if self.names:
            _remove_without_rows(self.names)


def _remove_without_rows(names: list[str]) -> None:
    """Remove those files that no committed row names.

    It asks on a connection of its own: the usual one is in the middle of its rollback. A row may be there all the same,
    when the connection broke during the commit, or when an earlier commit hook failed; its file must stay.
    """
    try:
        with closing(connection.copy()) as own, own.cursor() as cursor:
            cursor.execute("SELECT file FROM evidence_evidence WHERE file = ANY(%s)", [names])
            named = {row[0] for row in cursor.fetchall()}
        for name in names:
            if name not in named:
                evidence_files().delete(name)
    except Exception:  # raised while another exception is on its way: it must not take that one's place
        logger.exception("files of evidence that was not kept may be left in the storage: %s", ", ".join(names))
