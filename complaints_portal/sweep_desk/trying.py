"""What a sweep would do, looked at from a page: the sweep itself, rolled back, and bounded so that no page waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.db import DatabaseError, OperationalError, connection
from django.utils.translation import gettext_lazy as _

from common.errors import PortalError
from deadlines.models import Deadline
from deadlines.sweeping import Report, run_sweep

BATCH = 1000
"""Smaller than a real sweep's: what a batch takes is held until it is rolled back, and people are at work."""
BATCHES = 20
SECONDS = 15
STATEMENT_SECONDS = 10
CANCELED = "57014"
FIRST = 50
"""So many of the rows are shown."""


class TakesTooLong(PortalError):
    """The database did not answer in the time that a page has."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "takes_too_long"

    def __init__(self) -> None:
        super().__init__(_("This took too long and was broken off. Ask for less, or use the command line."))


@dataclass(frozen=True, slots=True)
class Trial:
    """What a sweep would do: its report, how many clocks are due by then, and whether it was cut short."""

    report: Report
    due: int
    is_cut: bool

    @property
    def first(self) -> list[int]:
        return self.report.subjects[:FIRST]


class _Budget:
    """Says when a trial has had its share of batches or seconds."""

    def __init__(self) -> None:
        self.ends = time.monotonic() + SECONDS
        self.batches = 0
        self.is_spent = False

    def is_over(self) -> bool:
        self.is_spent = self.batches >= BATCHES or time.monotonic() > self.ends
        self.batches += 1
        return self.is_spent


def try_sweep(kind: str, *, at: datetime, ran_by: str) -> Trial:
    """Say what a sweep of this kind would do at this moment; changes nothing. Refuses with `TakesTooLong`."""
    budget = _Budget()
    with patience(STATEMENT_SECONDS):
        due = Deadline.objects.filter(kind=kind, due_at__lt=at).count()
        report = run_sweep(
            kind, cut_off=at, issued_at=at, ran_by=ran_by, batch=BATCH, dry_run=True, is_over=budget.is_over
        )
    return Trial(report, due, budget.is_spent and report.examined < due)


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Let no statement take longer than so many seconds. Refuses with `TakesTooLong` when one would."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{seconds}s"])
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != CANCELED:
            raise
        raise TakesTooLong from error
    finally:
        # In a transaction that failed nothing can be said any more; its end takes the limit back as well.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
