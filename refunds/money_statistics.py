"""Numbers for staff about money: what is due, what nobody knows the result of, and what waits for a second person."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Q, QuerySet

from common.counting import capped_counts
from common.numbers import BEIJING
from refunds.models import RefundCase, TopUp
from refunds.queries import in_doubt
from refunds.states import CaseStatus, TopUpStatus


@dataclass(frozen=True, slots=True)
class MoneyNumbers:
    """What staff see on the index; each number stops one above the cap."""

    due_today: int
    overdue: int
    in_doubt: int
    waiting: int


def money_numbers(*, now: datetime) -> MoneyNumbers:
    """Return the numbers as of `now`, with one question to the database."""
    return MoneyNumbers(
        **capped_counts(
            {
                "due_today": RefundCase.objects.filter(is_due_today(now)),
                "overdue": RefundCase.objects.filter(is_overdue(now)),
                "in_doubt": in_doubt(now),
                "waiting": TopUp.objects.filter(WAITING_FOR_SECOND),
            }
        )
    )


DUE = Q(status=CaseStatus.DUE)
RUNNING = DUE & Q(stopped_at=None)
"""Due, and not standing still because a refund of all of it is being processed."""
WAITING_FOR_SECOND = Q(status=TopUpStatus.PENDING, channel=TopUp.Channel.BANK_TRANSFER)
DIFFERS = Q(status=TopUpStatus.PENDING, channel=TopUp.Channel.ONLINE, ask_at=None)
"""Another amount was paid online than was asked for, so nobody is asked any more and staff look at it."""


def is_overdue(now: datetime) -> Q:
    """What is due still although its deadline was missed; at the very moment it is not missed yet."""
    return RUNNING & Q(refund_by__lt=now)


def is_due_today(now: datetime) -> Q:
    """What is due before the day ends in Beijing."""
    tomorrow = now.astimezone(BEIJING).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time.min, tzinfo=BEIJING)
    return RUNNING & Q(refund_by__gte=now, refund_by__lt=midnight)


def waiting_of(account_id: int) -> QuerySet[TopUp]:
    """Return the bank transfers into an account that a second person has not looked at, the oldest first."""
    return TopUp.objects.filter(WAITING_FOR_SECOND, account_id=account_id).order_by("requested_at", "pk")
