"""How a figure compares with the stretch before: in words, with an arrow that says the same, and a tone."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.wording import span_words, yuan


class Way(StrEnum):
    UP = "up"
    DOWN = "down"
    SAME = "same"


ARROWS = {Way.UP: "↑", Way.DOWN: "↓", Way.SAME: "="}


@dataclass(frozen=True, slots=True)
class Change:
    """Up, down or the same, since which value; `tone` says whether that is good news, and never stands alone."""

    way: Way
    words: str
    tone: str = "neutral"

    @property
    def arrow(self) -> str:
        return ARROWS[self.way]


def change(now: Any, before: Any, written: str, *, good: Way | None = Way.DOWN) -> Change | None:
    """Compare a figure with the one before, `written` for people; None when one of them is not known.

    `good` is the way in which one hopes it to go; None where neither is better.
    """
    if now is None or before is None:
        return None
    if now == before:
        return Change(Way.SAME, _("as in the stretch before"))
    way = Way.UP if now > before else Way.DOWN
    words = _("up from %(before)s") if way == Way.UP else _("down from %(before)s")
    tone = "neutral" if good is None else "ok" if way == good else "warn"
    return Change(way, words % {"before": written}, tone)


def number(value: int) -> str:
    return f"{value:,}"


def share(value: float | None) -> str:
    """A share as a percentage, rounded down, so that what is not all never reads 100 %."""
    return "–" if value is None else f"{int(value * 100 + 1e-9)}%"


def minutes(value: int | None) -> str:
    return "–" if value is None else span_words(timedelta(minutes=value))


def money(value: Decimal) -> str:
    return yuan(value)


def cost(points: int, refunded: Decimal) -> str:
    """What complaints cost, in points and yuan; empty where they cost nothing."""
    lost = ngettext("%(number)s point", "%(number)s points", points) % {"number": number(points)}
    if points and refunded:
        return _("%(points)s and %(money)s") % {"points": lost, "money": money(refunded)}
    return lost if points else money(refunded) if refunded else ""
