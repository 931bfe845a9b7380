"""What tests of this app look at: every row that a verb may touch, the lines of a history, the clocks that run."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db.models import Model

from common.errors import PortalError
from complaints.models import Complaint, Handling, HistoryLine
from complaints.tests.factories import moment
from deadlines.models import Deadline
from deadlines.sweeping import Report, run_sweep
from notifications.models import Event
from refunds.models import (
    FundEntry,
    FundTransfer,
    GuaranteeAccount,
    NoRefundClaim,
    Refund,
    RefundCase,
    RefundedTrade,
    TopUp,
)

TOUCHED: tuple[type[Model], ...] = (
    Complaint,
    Handling,
    HistoryLine,
    Event,
    Deadline,
    NoRefundClaim,
    RefundCase,
    Refund,
    RefundedTrade,
    GuaranteeAccount,
    TopUp,
    FundTransfer,
    FundEntry,
)


def everything() -> list[list[dict[str, Any]]]:
    """All rows that a verb of this app may touch."""
    return [list(model._default_manager.order_by("pk").values()) for model in TOUCHED]


def refused(error: type[PortalError], verb: Callable[..., Any], *arguments: Any, **options: Any) -> PortalError:
    """Call a verb that must refuse with exactly this, and see that nothing has changed."""
    before = everything()
    with pytest.raises(error) as refusal:
        verb(*arguments, **options)
    assert type(refusal.value) is error
    assert everything() == before
    return refusal.value


def sweep(kind: str, at: str | datetime) -> Report:
    """Sweep one kind of clock with this cut-off, as `manage.py sweep KIND --at` does."""
    now = moment(at) if isinstance(at, str) else at
    return run_sweep(kind, cut_off=now, issued_at=now, ran_by="test")


def refund_clock(case: RefundCase) -> tuple[int, datetime] | None:
    """The round and the moment of the clock that runs for a case, or None."""
    clock = Deadline.objects.filter(kind="refund", subject_id=case.pk).first()
    return (clock.round, clock.due_at) if clock else None


def lines(noun: str, subject: Any) -> list[tuple[str, str, str]]:
    """The moves of one noun in its history, in order: verb, from, to."""
    found = HistoryLine.objects.filter(noun=noun, noun_id=subject.pk).order_by("id")
    return list(found.values_list("verb", "from_state", "to_state"))


def events(at: str | datetime) -> list[str]:
    """The names of the events of one moment, in order."""
    now = moment(at) if isinstance(at, str) else at
    return list(Event.objects.filter(at=now).order_by("id").values_list("name", flat=True))


def penalties(case: RefundCase) -> int:
    """How many penalties the sweeps issued about a case's complaint for what was missed."""
    return HistoryLine.objects.filter(complaint=case.complaint_id, noun="penalty", verb="issue").count()
