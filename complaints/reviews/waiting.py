"""Which reviews wait, in whose hands they are, and in which order staff take them: the same for every noun."""

from datetime import datetime, time, timedelta
from typing import TypeVar

from django.db.models import Q, QuerySet

from common.numbers import BEIJING
from deadlines.reviewing import CLAIM_LASTS, Reviewed

Row = TypeVar("Row", bound=Reviewed)

SUBMITTED = "submitted"
"""What waits for staff is in this state, whatever the noun."""

IN_ORDER = ("review_by", "pk")
"""What is due first comes first."""

IS_WAITING = Q(status=SUBMITTED)


def is_overdue(now: datetime) -> Q:
    """Waits, and its deadline is over."""
    return IS_WAITING & Q(review_by__lt=now)


def is_due_today(now: datetime) -> Q:
    """Waits, and its deadline ends with this day in Beijing at the latest."""
    midnight = datetime.combine(now.astimezone(BEIJING).date() + timedelta(days=1), time.min, tzinfo=BEIJING)
    return IS_WAITING & Q(review_by__gte=now, review_by__lt=midnight)


def is_in_others_hands(user_id: int | None, now: datetime) -> Q:
    """Somebody else claimed it, and their claim has not gone cold."""
    return Q(claimed_at__gt=now - CLAIM_LASTS) & ~Q(claimed_by_id=user_id)


def waiting(reviews: QuerySet[Row], *, user_id: int | None, now: datetime) -> QuerySet[Row]:
    """Return the reviews that wait for this person: submitted, and not in a colleague's hands."""
    return reviews.filter(IS_WAITING).exclude(is_in_others_hands(user_id, now))


def neighbours(
    review: Row, reviews: QuerySet[Row], *, user_id: int | None, now: datetime
) -> tuple[int | None, int | None]:
    """Return the waiting reviews before and after this one in the order of the queue."""
    queue = waiting(reviews, user_id=user_id, now=now).exclude(pk=review.pk)
    later = Q(review_by__gt=review.review_by) | Q(review_by=review.review_by, pk__gt=review.pk)
    before = queue.exclude(later).order_by("-review_by", "-pk").values_list("pk", flat=True).first()
    after = queue.filter(later).order_by(*IN_ORDER).values_list("pk", flat=True).first()
    return before, after


def next_waiting(reviews: QuerySet[Row], *, user_id: int | None, now: datetime) -> int | None:
    """Return the review that is due first among those that wait."""
    return waiting(reviews, user_id=user_id, now=now).order_by(*IN_ORDER).values_list("pk", flat=True).first()
