"""What was just done can be taken back for ten seconds: a message with a button, which works without a script.

A view offers it, and another view takes it back::

    offer_undo(request, _("The view was deleted."), reverse("complaints:view_undo"), {"name": view.name})
    return redirect(...)

    state = taken_back(request)  # in the view behind that address, which answers POST only

What stands in the state was signed here and cannot be altered, but it is old: the view hands it to a verb, and the
verb looks again, also whether the same was taken back a moment ago, for the same click can come twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.core import signing
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from common.errors import IllegalMove, Sentence

SHOWN_FOR = timedelta(seconds=10)
SLACK = timedelta(seconds=2)
"""A click in the last moment is still on its way."""

SALT = "common.undo"
MARK = "undo "
"""What a message's extra tags begin with when an offer follows."""


class TooLate(IllegalMove):
    """The time for taking it back is over, or the offer is not this person's; what was done stays done.

    Where a page lets it through, the middleware says so on the page on which the button stood.
    """

    code = "too_late"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a message's button needs: where it posts, what it hands over, and for how long it is there."""

    url: str
    token: str
    milliseconds: int


def offer_undo(request: HttpRequest, sentence: Sentence, url: str, state: Mapping[str, Any]) -> None:
    """Say what was done, with a button that takes it back: it posts to `url`, which gets `state` from `taken_back`.

    The state is what JSON can hold. The offer holds for whoever is signed in, at this address, for ten seconds.
    """
    held = {"url": url, "person": request.user.pk, "at": arrived_at(request).isoformat(), "state": dict(state)}
    messages.success(request, str(sentence), extra_tags=MARK + signing.dumps(held, salt=SALT, compress=True))


def offer_in(message: Message, now: datetime) -> Offer | None:
    """Return the offer that a message carries, or None: it has none, or its time is over."""
    tags = message.extra_tags or ""
    held = _read(tags.removeprefix(MARK)) if tags.startswith(MARK) else None
    if not held:
        return None
    left = (datetime.fromisoformat(held["at"]) + SHOWN_FOR - now) // timedelta(milliseconds=1)
    return Offer(held["url"], tags.removeprefix(MARK), left) if left > 0 else None


def taken_back(request: HttpRequest) -> dict[str, Any]:
    """Return the state that was offered at this address to this person; refuse with `TooLate` otherwise.

    Twelve seconds after the offer it is still in time, and a microsecond later it is not.
    """
    held = _read(request.POST.get("undo", ""))
    if not held or (held["url"], held["person"]) != (request.path, request.user.pk):
        raise TooLate(_("There is nothing to undo here."))
    if arrived_at(request) > datetime.fromisoformat(held["at"]) + SHOWN_FOR + SLACK:
        raise TooLate(
            _("That was more than %(seconds)d seconds ago: it can no longer be undone.")
            % {"seconds": SHOWN_FOR.seconds}
        )
    return cast("dict[str, Any]", held["state"])


def _read(token: str) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", signing.loads(token, salt=SALT))
    except (signing.BadSignature, ValueError):
        return None


def arrived_at(request: HttpRequest) -> datetime:
    """Return the moment at which the request arrived."""
    return cast("datetime", getattr(request, "now", None) or timezone.now())
