"""Read pending refunds, refunds and the guarantee fund."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from common.actors import Actor
from common.counting import capped_count, capped_counts
from common.keyset import Segment
from common.policy import policy_at
from refunds.cases import COUNTING, ZERO
from refunds.models import Refund, RefundCase
from refunds.permissions import visible_cases
from refunds.states import CaseStatus, RefundStatus


def listed(actor: Actor) -> QuerySet[RefundCase]:
    """Return the pending refunds of this actor with what a list shows of each."""
    return visible_cases(actor).select_related("complaint", "mini_program")


def segments(cases: QuerySet[RefundCase], statuses: Collection[str]) -> list[Segment[RefundCase]]:
    """Return the list in its order: what is due by its deadline, then the others, the newest first."""
    found: list[Segment[RefundCase]] = []
    if CaseStatus.DUE in statuses:
        found.append(Segment(cases.filter(status=CaseStatus.DUE), "refund_by"))
    others = [status for status in statuses if status != CaseStatus.DUE]
    if others:
        found.append(Segment(cases.filter(status__in=others), "-opened_at"))
    return found


def status_counts(cases: QuerySet[RefundCase]) -> dict[str, int]:
    """Count by status, each no further than one above the cap, in one statement."""
    return capped_counts({status.value: cases.filter(status=status) for status in CaseStatus})


def due_count(merchant_id: int) -> int:
    """Count the refunds of a merchant that are due, no further than one above the cap."""
    return capped_count(RefundCase.objects.filter(merchant_id=merchant_id, status=CaseStatus.DUE))


def paid_of(cases: Iterable[RefundCase]) -> dict[int, Decimal]:
    """Return, by case, how much is refunded or promised; one query for all of them."""
    ids = [case.pk for case in cases]
    sums = Refund.objects.filter(refund_case__in=ids, status__in=COUNTING).values_list("refund_case")
    return dict.fromkeys(ids, ZERO) | dict(sums.annotate(sum=Sum("amount")).order_by())


def in_doubt(now: datetime) -> QuerySet[Refund]:
    """Return the refunds whose result is unknown for longer than the policy bears; staff see them."""
    since = now - timedelta(hours=policy_at(now).refund_doubt_hours)
    return Refund.objects.filter(status=RefundStatus.PROCESSING, requested_at__lte=since)
