"""What Celery beat wakes."""

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from merchants.idempotency import forget_old
from merchants.mailing import send_invitations

log = structlog.get_logger(__name__)

BATCH = 5000
BATCHES = 40
"""A run deletes at most so many batches, a few seconds of work; the next one goes on where it stopped."""


@shared_task
def forget_idempotent_requests() -> None:
    """Forget the answers that were kept for idempotency keys more than a day ago."""
    now = timezone.now()
    forgotten = 0
    for _batch in range(BATCHES):
        with transaction.atomic():
            deleted = forget_old(now=now, batch=BATCH)
        forgotten += deleted
        if deleted < BATCH:
            break
    else:
        log.warning("idempotent_requests_left_for_the_next_run", forgotten=forgotten)
    log.info("idempotent_requests_forgotten", forgotten=forgotten)


@shared_task
def mail_invitations() -> int:
    """Send the invitations whose mail is due."""
    return send_invitations(timezone.now)
