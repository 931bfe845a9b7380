"""How moments, spans of time, money, phones and names are written for people, in the language that is active."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.translation import get_language
from django.utils.translation import gettext as _

BEIJING = ZoneInfo("Asia/Shanghai")

NOTHING = timedelta(0)
MINUTE = timedelta(minutes=1)
SOON = timedelta(hours=24)
URGENT = timedelta(hours=6)
KEPT = 10_000
"""So many faces of clocks are kept, each some hundred bytes: every minute of three and a half days in two languages."""


@dataclass(frozen=True)
class ClockFace:
    """What a clock shows: its state (calm, soon, urgent, missed, stopped), the words, and whether it counts on."""

    state: str
    words: str
    running: bool


def clock_face(due_at: datetime, *, now: datetime, stopped_at: datetime | None = None) -> ClockFace:
    """The face of a deadline; at the very moment of the deadline it is not missed yet.

    A clock that was stopped in time says so; one that was stopped late stays missed, by as much as it was late.
    """
    left = due_at - (stopped_at or now)
    return _face(abs(left) // MINUTE, left < NOTHING, stopped_at is not None, get_language())


@lru_cache(maxsize=KEPT)
def _face(minutes: int, is_past: bool, is_stopped: bool, _language: str | None) -> ClockFace:
    """The face of a clock that ends in so many whole minutes, or ended so many ago; the rows of a list share many."""
    span = _span_words(minutes)
    if is_past:
        return ClockFace("missed", _("missed by %(span)s") % {"span": span}, running=not is_stopped)
    if is_stopped:
        return ClockFace("stopped", _("in time, %(span)s to spare") % {"span": span}, running=False)
    left = minutes * MINUTE
    state = "urgent" if left < URGENT else "soon" if left < SOON else "calm"
    return ClockFace(state, _("%(span)s left") % {"span": span}, running=True)


def span_words(span: timedelta) -> str:
    """A span in its two largest units, rounded down: 3 d 4 h, 5 h 20 min, 12 min, less than 1 min.

    One that is negative, because two machines' clocks differ, is less than a minute too.
    """
    return _span_words(max(span, NOTHING) // MINUTE)


def _span_words(minutes: int) -> str:
    days, hours = minutes // 1440, minutes // 60
    if days:
        return _("%(days)s d %(hours)s h") % {"days": days, "hours": hours % 24}
    if hours:
        return _("%(hours)s h %(minutes)s min") % {
            "hours": hours,
            "minutes": minutes % 60,
        }
    if minutes:
        return _("%(minutes)s min") % {"minutes": minutes}
    return _("less than 1 min")


def clock_words() -> dict[str, str]:
    """The same phrases unfilled, for the script that lets clocks run on in the browser."""
    return {
        "days": _("%(days)s d %(hours)s h"),
        "hours": _("%(hours)s h %(minutes)s min"),
        "minutes": _("%(minutes)s min"),
        "moment": _("less than 1 min"),
        "left": _("%(span)s left"),
        "missed": _("missed by %(span)s"),
    }


def beijing_time(moment: datetime, *, zone: bool = True, seconds: bool = False) -> str:
    """A moment on Beijing's clock, 2026-02-25 18:00, with the zone named unless a column heading names it."""
    written = moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return _("%(moment)s Beijing time") % {"moment": written} if zone else written


def yuan(amount: Decimal) -> str:
    """Money in yuan to the cent: ¥1,234.50, and −¥1,234.50 with a real minus sign."""
    return f"{'−' if amount < 0 else ''}¥{abs(amount):,.2f}"


def masked_phone(phone: str) -> str:
    """A phone number with its middle hidden, 138****1234; one too short to keep anything is hidden whole."""
    digits = phone.strip()
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 8 else "*" * len(digits)


def masked_name(name: str) -> str:
    """A person's name with everything hidden but its first character: 张**, J***."""
    name = name.strip()
    return name[:1] + "*" * min(len(name) - 1, 3) if len(name) > 1 else "*" * len(name)


def initials(name: str) -> str:
    """Two signs for a person: the first letters of Wang Fang, WF; the given name of 欧阳娜娜, 娜娜."""
    parts = name.split()
    if not parts:
        return ""
    if not parts[-1].isascii():
        return parts[-1][-2:]
    return "".join(part[0] for part in (parts[0], parts[-1])[: len(parts)]).upper()
