"""Forget notices, and what became of each way that they went, after ninety days. The events stay."""

from datetime import datetime, timedelta

from django.db import transaction

from notifications.models import Notice

KEPT = timedelta(days=90)
BATCH = 2000


@transaction.atomic
def forget_old(*, now: datetime, batch: int = BATCH) -> int:
    """Remove the oldest notices that are past their time, with their mails and robot calls; return how many.

    Notices are numbered in the order in which they were made, so the oldest are the first: no other row is read.
    """
    first = Notice.objects.order_by("pk").values_list("pk", "at")[:batch]
    old = [number for number, at in first if at < now - KEPT]
    Notice.objects.filter(pk__in=old).delete()  # their letters and robot calls go along
    return len(old)
