"""`Idempotency-Key`: the same request sent twice takes effect once.

After draft-ietf-httpapi-idempotency-key-header. The key, the effect and the answer are written in one transaction, so
there is never one without the others:

- the same key with the same request gets the first answer again, with `Idempotent-Replayed: true`;
- the same key with another request is refused with 422;
- a request that comes while the first is still under way waits for it a little, and then gets 409 and `Retry-After`;
- a refusal completes nothing, so it leaves nothing, not even the key: a mended request may use the key again. The draft
  leaves the answer to a repeated refusal to the server; here it is judged anew, and an unchanged one is refused again.

Each API key has its own keys, and they are forgotten after a day.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from common.problems import BadHeader, TryLater
from merchants.models import IdempotentRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
WAIT = timedelta(seconds=2)
"""How long a request waits for the same one that is under way."""

LOCK_NOT_AVAILABLE = "55P03"
KEY = re.compile(r"[\x21-\x7e]{1,255}")


class StillUnderWay(TryLater):
    """The same request is still under way on another connection."""

    code = "idempotency_key_in_use"


class OtherRequest(Conflict):
    """The key was used before, with another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(_("This idempotency key was used for another request. Use a new one for each request."))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the status, the content as JSON has it, and the headers that belong to it."""

    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)
    is_replay: bool = False


def read_key(value: str | None) -> str | None:
    """Return the key that a header carries, quoted as the draft has it or bare; None when there is none.

    Refuses with `BadHeader` a key that is empty, longer than 255 characters or not plain visible ASCII.
    """
    if value is None:
        return None
    key = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not KEY.fullmatch(key):
        raise BadHeader(
            _("An idempotency key is 1 to 255 visible ASCII characters without spaces, such as a UUID."),
            field=HEADER,
            code="idempotency_key_invalid",
        )
    return key


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what two requests have in common when they are the same one."""
    return sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def answer_once(act: Callable[[], Answer], *, key: str, fingerprint: str, api_key_id: int, now: datetime) -> Answer:
    """Act and keep the answer, or return the one that was kept. What `act` raises takes the key with it.

    Refuses with `OtherRequest` a key that was used for another request, and with `StillUnderWay` when the same one, on
    another connection, does not end within `WAIT`.
    """
    with transaction.atomic():
        kept_id = _take(key, fingerprint, api_key_id=api_key_id, now=now)
        if kept_id is None:
            return _kept(key, fingerprint, api_key_id=api_key_id)
        answer = act()
        # The content as a string: the database would put its names in another order, and takes no NUL.
        kept = {"content": json.dumps(answer.content), "headers": answer.headers}
        IdempotentRequest.objects.filter(pk=kept_id).update(status=answer.status, body=kept)
        return answer


TAKE = """
    SET LOCAL lock_timeout = %(wait)s;
    INSERT INTO merchants_idempotentrequest AS kept (api_key_id, key, fingerprint, created_at)
    VALUES (%(api_key_id)s, %(key)s, %(fingerprint)s, %(now)s)
    ON CONFLICT (api_key_id, key) DO UPDATE
        SET fingerprint = EXCLUDED.fingerprint, created_at = EXCLUDED.created_at, status = NULL, body = NULL
        WHERE kept.created_at <= EXCLUDED.created_at - %(kept_for)s
    RETURNING id
"""


def _take(key: str, fingerprint: str, *, api_key_id: int, now: datetime) -> int | None:
    """Insert the row, or take over one that is more than a day old; None when a younger one is there."""
    given: dict[str, Any] = {
        "api_key_id": api_key_id,
        "key": key,
        "fingerprint": fingerprint,
        "now": now,
        "kept_for": KEPT_FOR,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE, given | {"wait": f"{WAIT // timedelta(milliseconds=1)}ms"})
            row = cursor.fetchone()
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        raise StillUnderWay(_("The same request is still under way. Try again in a moment.")) from error
    return row[0] if row else None


def _kept(key: str, fingerprint: str, *, api_key_id: int) -> Answer:
    kept = IdempotentRequest.objects.get(api_key_id=api_key_id, key=key)
    if kept.fingerprint != fingerprint:
        raise OtherRequest
    body: dict[str, Any] = kept.body or {}
    return Answer(kept.status or HTTPStatus.OK, json.loads(body["content"]), body["headers"], is_replay=True)


def forget_old(*, now: datetime, batch: int = 5000) -> int:
    """Delete up to `batch` answers that are more than a day old, and return how many were deleted."""
    old = IdempotentRequest.objects.filter(created_at__lte=now - KEPT_FOR).order_by("created_at")
    taken = old.select_for_update(skip_locked=True, no_key=False).values("pk")[:batch]
    deleted, _by_model = IdempotentRequest.objects.filter(pk__in=list(taken.values_list("pk", flat=True))).delete()
    return deleted
