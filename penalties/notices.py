"""What members are told about penalties: which of it still holds, and which windows can still be used."""

from collections.abc import Collection, Mapping, Sequence

from django.db.models import QuerySet

from notifications.models import Notice
from penalties.models import Penalty
from penalties.states import Status

IN_EFFECT = ("penalty.issued", "penalty.reinstated")


def still_so(notices: Sequence[Notice]) -> set[int]:
    """Return which notices say of a penalty what is still so: that it counts, or that it was revoked."""
    numbers = [notice.subject_id for notice in notices]
    revoked = set(Penalty.objects.filter(pk__in=numbers, status=Status.REVOKED).values_list("pk", flat=True))
    return {notice.pk for notice in notices if (notice.subject_id in revoked) != (notice.name in IN_EFFECT)}


def numbers_to_appeal(penalty_ids: Collection[int]) -> Mapping[int, str]:
    """Return the numbers of those penalties that can be appealed: not while an appeal is under review."""
    standing = Penalty.objects.filter(pk__in=penalty_ids, status=Status.IN_EFFECT, window_closed_at=None)
    return dict(standing.values_list("pk", "penalty_no"))


def windows_of(merchant_id: int) -> "QuerySet[Penalty, int]":
    """Return the penalties of a merchant whose window may be open."""
    standing = Penalty.objects.filter(merchant_id=merchant_id, status=Status.IN_EFFECT, window_closed_at=None)
    return standing.values_list("pk", flat=True)
