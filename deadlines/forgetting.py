"""Forget the sweep runs that found nothing: seven kinds a minute are millions of rows a year that say nothing."""

from datetime import datetime, timedelta

from django.db import transaction

from deadlines.models import SweepRun

KEPT = timedelta(days=7)
BATCH = 5000


@transaction.atomic
def forget_idle_runs(*, now: datetime, batch: int = BATCH) -> int:
    """Remove runs of more than seven days ago that ended and found nothing; return how many.

    A run that acted, failed or left something stays for good, and so does one that never ended.
    """
    idle = SweepRun.objects.filter(examined=0, ended_at__isnull=False, started_at__lt=now - KEPT)
    numbers = list(idle.order_by("started_at").values_list("pk", flat=True)[:batch])
    removed, _by_model = SweepRun.objects.filter(pk__in=numbers).delete()
    return removed
