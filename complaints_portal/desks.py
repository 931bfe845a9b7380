"""The numbers on the admin's index: of each desk (appeals, no-refund claims), of money, and of the sweeps."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from appeals.desk import AppealDesk
from appeals.statistics import APPEALS
from common.counting import count_words
from complaints.reviews.desk import Desk
from complaints.reviews.statistics import Kind, Numbers, Rate, numbers
from complaints_portal.sweep_desk.words import KINDS, LATE
from deadlines.overview import overview
from penalties.states import Kind as PenaltyKind
from refunds.claims_desk import ClaimDesk
from refunds.claims_desk_queries import ABOUT
from refunds.claims_statistics import CLAIMS
from refunds.money_statistics import money_numbers
from refunds.reasons import Reason

Found = TypeVar("Found")

KEPT_AS = "staff-numbers"
KEPT_FOR = 60
"""Seconds for which the numbers are kept; nobody decides by them."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rates that are told by something else than the reviewer: what stands above them, and what each code is called."""

    heading: Promise
    labels: Mapping[str, Any]
    are_shares: bool = False
    """How many of all were decided for this, in place of how many of these were decided so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One desk whose numbers are shown, and in which words."""

    desk: type[Desk[Any]]
    kind: Kind
    rate_title: Promise
    rate: Promise
    """What stands above the rates themselves."""
    further: Mapping[str, Promise] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.kind.model._meta.model_name)  # noqa: SLF001 (Django's own API)

    @property
    def permission(self) -> str:
        return f"{self.kind.model._meta.app_label}.view_{self.name}"  # noqa: SLF001 (Django's own API)

    @property
    def queue(self) -> str:
        """The address of the queue."""
        return reverse(f"admin:{self.kind.model._meta.app_label}_{self.name}_changelist")  # noqa: SLF001


SOURCES = (
    Source(
        desk=AppealDesk,
        kind=APPEALS,
        rate_title=_("Approved in the last 90 days"),
        rate=_("Rate"),
        further={"more_wanted": _("more evidence wanted")},
        groups={"kind": Group(_("By rule"), dict(PenaltyKind.choices))},
    ),
    Source(
        desk=ClaimDesk,
        kind=CLAIMS,
        rate_title=_("Overruled in the last 90 days"),
        rate=_("Overruled"),
        groups={
            "about": Group(_("By subject"), ABOUT),
            "reason": Group(_("By reason"), dict(Reason.choices), are_shares=True),
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table of rates."""

    label: Any
    percent: int
    decided: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rates by one thing."""

    heading: Promise
    rate: Promise
    rows: list[Line]


def desks_for(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what the index shows of each desk, of those whose reviews this person may see."""
    return [_shown(source, request) for source in SOURCES if request.user.has_perm(source.permission)]


def _shown(source: Source, request: HttpRequest) -> dict[str, Any]:
    found = _numbers(source, request.now)  # type: ignore[attr-defined]  # set by arrival_middleware
    open_reviews = source.desk.model.objects.filter(status__in=source.kind.open_statuses)
    further = source.further.items()
    return {
        "name": source.name,
        "title": source.desk.queue_title,
        "queue": source.queue,
        "numbers": found,
        "mine": open_reviews.filter(claimed_by_id=request.user.pk).count(),
        "further": [{"way": way, "label": label, "number": found.further[way]} for way, label in further],
        "rate_title": source.rate_title,
        "tables": list(_tables(source, found)),
    }


def _tables(source: Source, found: Numbers) -> Iterator[Table]:
    """Yield the tables that have lines."""
    for name, group in source.groups.items():
        rates = found.grouped[name]
        total = sum(rate.decided for rate in rates)
        percents = [round(100 * rate.decided / total) if group.are_shares else rate.percent for rate in rates]
        if rates:
            rows = [
                Line(group.labels.get(rate.label, rate.label), percent, rate.decided)
                for rate, percent in zip(rates, percents, strict=True)
            ]
            yield Table(group.heading, _("Share") if group.are_shares else source.rate, rows)
    if found.by_reviewer:
        yield Table(_("By reviewer"), source.rate, [_line(rate) for rate in found.by_reviewer])


def _line(rate: Rate) -> Line:
    return Line(rate.label, rate.percent, rate.decided)


def money_for(request: HttpRequest) -> dict[str, tuple[int, str]]:
    """Return what the index shows of money, each number and how it is written, to whoever may see pending refunds."""
    if not request.user.has_perm("refunds.view_refundcase"):
        return {}
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    found = _kept(f"{KEPT_AS}-money", lambda: money_numbers(now=now))
    return {name: (number, count_words(number)) for name, number in asdict(found).items()}


def sweeps_for(request: HttpRequest) -> dict[str, list[dict[str, Any]]]:
    """Return which sweeps are late at this moment, to whoever may see sweep runs; nothing is kept of it."""
    if not request.user.has_perm("deadlines.view_sweeprun"):
        return {}
    lines = overview(now=request.now, hours=0)  # type: ignore[attr-defined]  # set by arrival_middleware
    return {"late": [{"label": KINDS[each.kind], "line": each, "late": LATE[each.late]} for each in lines if each.late]}


def _numbers(source: Source, now: datetime) -> Numbers:
    return _kept(f"{KEPT_AS}-{source.name}", lambda: numbers(source.kind, now=now))


def _kept(key: str, count: Callable[[], Found]) -> Found:
    """Return numbers, a minute old at most; when the cache is away they are counted again."""
    try:
        kept: Found | None = cache.get(key)
    except RedisError:
        return count()
    if kept is None:
        kept = count()
        with suppress(RedisError):
            cache.set(key, kept, KEPT_FOR)
    return kept
