"""What Celery beat wakes."""

import structlog
from celery import shared_task
from django.db import close_old_connections
from django.utils import timezone

from deadlines.control import not_ahead, scheduled_sweep
from deadlines.forgetting import BATCH, forget_idle_runs
from deadlines.sweeping import registered_kinds
from deadlines.watching import ping, watch

log = structlog.get_logger(__name__)

BATCHES = 20
"""So many are forgotten at most in one task; the next hour goes on."""


@shared_task
def sweep_all() -> None:
    """Sweep every kind of clock. One kind that fails does not keep the others from running.

    At the end a ping leaves, when a heartbeat is wanted and every kind is on time.
    """
    for kind in registered_kinds():
        try:
            scheduled_sweep(kind, now=not_ahead(timezone.now()))
        except Exception:
            log.exception("sweep_failed", kind=kind)
            close_old_connections()  # the next kind must not run into the same dead connection
    ping()


@shared_task
def watch_all() -> None:
    """Open and end alarms, and mail what is to be mailed about them."""
    watch(now=timezone.now())


@shared_task
def forget_runs() -> int:
    """Forget sweep runs of more than a week ago that found nothing."""
    forgotten = 0
    for _batch in range(BATCHES):
        removed = forget_idle_runs(now=timezone.now())
        forgotten += removed
        if removed < BATCH:
            break
    log.info("sweep_runs_forgotten", forgotten=forgotten)
    return forgotten
