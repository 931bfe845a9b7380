"""Read what the API tells: how far pending refunds are, and refunds and claims with all that their documents say."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from django.db.models import Count, Prefetch, QuerySet, Sum

from common.policy import policy_at
from evidence.models import Evidence
from refunds.cases import COUNTING, ZERO
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.states import REFUND_CASE, RefundStatus

Row = TypeVar("Row", Refund, NoRefundClaim)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pending refund is: yuan refunded, yuan that refunds under way promise, and how often it was refused."""

    refunded: Decimal = ZERO
    processing: Decimal = ZERO
    refusals: int = 0

    def rest_of(self, case: RefundCase) -> Decimal:
        """Return what is still to be refunded; `cases.rest_of` says the same of one case."""
        amount: Decimal = case.amount
        return max(ZERO, amount - self.refunded - self.processing)

    def moves_of(self, case: RefundCase) -> list[str]:
        """Return the moves that are possible now: those of the table that the verbs would not refuse after all."""
        moves = REFUND_CASE.allowed(case.status)
        refused_enough = self.refusals >= policy_at(case.opened_at).refusals_per_refund
        impossible = {"refund"} if not self.rest_of(case) else set()
        impossible |= {"refuse"} if refused_enough or self.processing else set()
        return [move for move in moves if move not in impossible]


def progress_of(cases: Iterable[RefundCase]) -> dict[int, Progress]:
    """Return, by case, how far each is; two queries for all of them."""
    ids = [case.pk for case in cases]
    refunds = Refund.objects.filter(refund_case__in=ids, status__in=COUNTING).values_list("refund_case", "status")
    sums = {(case_id, status): total for case_id, status, total in refunds.annotate(sum=Sum("amount")).order_by()}
    claims = NoRefundClaim.objects.filter(refund_case__in=ids).values_list("refund_case")
    refusals = dict(claims.annotate(number=Count("pk")).order_by())
    return {
        case_id: Progress(
            refunded=sums.get((case_id, RefundStatus.SUCCEEDED), ZERO),
            processing=sums.get((case_id, RefundStatus.PROCESSING), ZERO),
            refusals=refusals.get(case_id, 0),
        )
        for case_id in ids
    }


def with_all(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Return refunds, or claims, with their complaint, their pending refund, and their pictures as they were kept."""
    pictures = Prefetch("evidence", Evidence.objects.order_by("pk"))
    whole = rows.select_related("complaint", "refund_case").defer("complaint__description")
    return whole.prefetch_related(pictures)
