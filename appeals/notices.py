"""What members are told about appeals: whether staff still ask for more, and until when it can be given."""

from collections.abc import Collection, Mapping, Sequence

from django.db.models import QuerySet

from appeals.models import Appeal
from appeals.states import Status
from notifications.models import Notice


def still_wanted(notices: Sequence[Notice]) -> set[int]:
    """Return which notices speak of an appeal about which staff still ask for more evidence."""
    wanted = numbers_of_penalties([notice.subject_id for notice in notices])
    return {notice.pk for notice in notices if notice.subject_id in wanted}


def numbers_of_penalties(appeal_ids: Collection[int]) -> Mapping[int, str]:
    """Return the numbers of the penalties about which staff ask for more evidence, by appeal."""
    wanted = Appeal.objects.filter(pk__in=appeal_ids, status=Status.MORE_WANTED)
    return dict(wanted.values_list("pk", "penalty__penalty_no"))


def wanted_of(merchant_id: int) -> "QuerySet[Appeal, int]":
    """Return the appeals of a merchant about which staff ask for more evidence."""
    return Appeal.objects.filter(merchant_id=merchant_id, status=Status.MORE_WANTED).values_list("pk", flat=True)
