"""A merchant's record, as staff see it beside a review. Each app that knows something of it tells its part."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise

RECENT = timedelta(days=90)
"""So far back a record looks, where it does not look at all there ever was."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One number of a record, in words: it may stop at a cap."""

    label: Promise
    words: str


Teller = Callable[[int, datetime], Iterable[Tally]]
"""Called with the merchant's id and the moment."""

_tellers: list[Teller] = []


def register_teller(teller: Teller) -> None:
    """Let an upper app tell its part of a record; it says so when it is ready."""
    if teller not in _tellers:
        _tellers.append(teller)


def record_of(merchant_id: int, *, now: datetime) -> list[Tally]:
    """Return a merchant's record. Apps get ready from the top floor down, and the lowest tells first."""
    return [tally for teller in reversed(_tellers) for tally in teller(merchant_id, now)]
