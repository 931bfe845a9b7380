"""What Celery beat wakes."""

import structlog
from celery import shared_task
from django.db import close_old_connections
from django.utils import timezone

from deadlines.sweeping import GRACE, registered_kinds, run_sweep

log = structlog.get_logger(__name__)


@shared_task
def sweep_all() -> None:
    """Sweep every kind of clock. One kind that fails does not keep the others from running."""
    for kind in registered_kinds():
        now = timezone.now()
        try:
            run_sweep(kind, cut_off=now - GRACE, issued_at=now, ran_by="schedule")
        except Exception:
            log.exception("sweep_failed", kind=kind)
            close_old_connections()  # the next kind must not run into the same dead connection
