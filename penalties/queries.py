"""Read penalties."""

from collections.abc import Iterable
from datetime import datetime

from common.counting import capped_count
from complaints.models import Complaint
from penalties.models import Penalty
from penalties.states import Kind, Status


def in_effect_count(merchant_id: int) -> int:
    """Count the penalties of a merchant that are in effect, no further than one above the cap."""
    return capped_count(Penalty.objects.filter(merchant_id=merchant_id, status=Status.IN_EFFECT))


def timeout_penalties(complaints: Iterable[Complaint]) -> dict[int, Penalty]:
    """Return, by complaint, the penalty for not handling it in time; each complaint has at most one."""
    penalties = Penalty.objects.filter(
        kind=Kind.COMPLAINT_TIMEOUT, subject_id__in=[complaint.pk for complaint in complaints]
    )
    return {penalty.subject_id: penalty for penalty in penalties}


def window_is_open(penalty: Penalty, *, now: datetime) -> bool:
    """Say whether the appeal window is open: at its very end it still is."""
    return penalty.window_closed_at is None and now <= penalty.appeal_by
