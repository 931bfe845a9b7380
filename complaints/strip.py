"""The clocks of one complaint as a member reads them: what to do by when, how long that is, and what it costs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from django.utils.functional import Promise
from django.utils.translation import get_language, ngettext, pgettext_lazy
from django.utils.translation import gettext as _

from complaints.states import Status
from deadlines.models import Deadline

Kind = Deadline.Kind
KINDS: dict[str, str | Promise] = {
    Kind.HANDLE: pgettext_lazy("a clock", "Handle"),
    Kind.REFUND: pgettext_lazy("a clock", "Refund"),
    Kind.APPEAL: pgettext_lazy("a clock", "Appeal"),
    Kind.REVIEW: pgettext_lazy("a clock", "Review"),
    Kind.SUPPLEMENT: pgettext_lazy("a clock", "Add evidence"),
    Kind.FINISH: pgettext_lazy("a clock", "Finishes"),
}
"""What a clock is about, in a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One clock: it runs, or was stopped, or never ran and `remark` says why."""

    kind: str
    words: str | Promise
    due_at: datetime
    stopped_at: datetime | None = None
    remark: str = ""
    points: str = ""
    """What is at stake, in words."""
    is_lost: bool = False
    provisional: bool = False


class Timed(Protocol):
    """A complaint, or a row of the list: what is known of its time. Once handled, it has a `handling`."""

    @property
    def status(self) -> str: ...
    @property
    def is_history(self) -> bool: ...
    @property
    def handle_by(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


def strip(complaint: Timed, clocks: Iterable[Deadline], *, now: datetime, lost: int | None = None) -> list[Line]:
    """Return the clocks that run, what is due first in front, and the clock of handling, which stays when it stands.

    `lost` are the points of the penalty for not handling it, 0 when they were given back; None without a penalty.
    """
    clocks = list(clocks)
    running = [_running(clock, now) for clock in clocks if clock.kind != Kind.HANDLE]
    at_stake = next((clock.points for clock in clocks if clock.kind == Kind.HANDLE), 0)
    handling = _handling(complaint, at_stake, lost, now)
    if complaint.status == Status.PENDING:
        return sorted([handling, *running], key=lambda line: line.due_at)
    return [*sorted(running, key=lambda line: line.due_at), handling]


def _running(clock: Deadline, now: datetime) -> Line:
    is_lost = bool(clock.points) and clock.due_at < now
    return Line(
        kind=clock.kind,
        words=KINDS[clock.kind],
        due_at=clock.due_at,
        points=_stake(clock.points, is_missed=is_lost),
        is_lost=is_lost,
        provisional=clock.is_provisional,
    )


def _handling(complaint: Timed, at_stake: int, lost: int | None, now: datetime) -> Line:
    """The clock of handling: it runs while the complaint is pending, and stands when it was handled or ended."""
    handling = getattr(complaint, "handling", None)
    ended_at, is_pending = complaint.ended_at, complaint.status == Status.PENDING
    remark = ""
    if complaint.is_history and is_pending:
        remark = _("No clock: an old case")
    elif handling is None and ended_at is not None and ended_at <= complaint.handle_by:
        remark = _("Ended before its deadline")
    stopped_at = None if is_pending else handling.handled_at if handling else ended_at
    is_missed = complaint.handle_by < (stopped_at or now)
    points, is_lost = _stake(at_stake, is_missed=is_missed), bool(at_stake) and is_missed
    if lost is not None:
        is_lost = lost > 0
        points = ngettext("%(points)d point lost", "%(points)d points lost", lost) % {"points": lost}
    if lost == 0:
        points = _("penalty revoked")
    return Line(
        kind=Kind.HANDLE,
        words=KINDS[Kind.HANDLE],
        due_at=complaint.handle_by,
        stopped_at=stopped_at,
        remark=remark,
        points=points,
        is_lost=is_lost,
    )


def _stake(points: int, *, is_missed: bool) -> str:
    return _stake_words(points, is_missed, get_language()) if points else ""


@lru_cache(maxsize=1000)
def _stake_words(points: int, is_missed: bool, _language: str | None) -> str:
    if is_missed:
        return ngettext("will cost %(points)d point", "will cost %(points)d points", points) % {"points": points}
    return ngettext("%(points)d point at stake", "%(points)d points at stake", points) % {"points": points}
