"""What members are told about refunds: which of it still holds, and which refunds are due."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db.models import QuerySet

from notifications.models import Notice
from refunds.models import RefundCase
from refunds.states import CaseStatus


def still_due(notices: Sequence[Notice]) -> set[int]:
    """Return which notices speak of a refund that is still due, by the same moment."""
    numbers = [notice.subject_id for notice in notices]
    running = RefundCase.objects.filter(pk__in=numbers, status=CaseStatus.DUE, stopped_at=None)
    due = dict(running.values_list("pk", "refund_by"))
    return {
        notice.pk
        for notice in notices
        if due.get(notice.subject_id) == datetime.fromisoformat(notice.payload["refund_by"])
    }


def numbers_of_cases(case_ids: Collection[int]) -> Mapping[int, str]:
    """Return the numbers of refund cases."""
    return dict(RefundCase.objects.filter(pk__in=case_ids).values_list("pk", "case_no"))


def due_of(merchant_id: int) -> "QuerySet[RefundCase, int]":
    """Return the refund cases of a merchant that are due."""
    return RefundCase.objects.filter(merchant_id=merchant_id, status=CaseStatus.DUE).values_list("pk", flat=True)
