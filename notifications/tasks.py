"""What Celery beat wakes. Each may run twice at once: whoever comes second finds what is locked, and leaves it."""

import structlog
from celery import shared_task
from django.utils import timezone

from notifications.forgetting import BATCH, forget_old
from notifications.letters import send_letters
from notifications.robots import call_robots
from notifications.telling import tell

log = structlog.get_logger(__name__)

BATCHES = 100
"""A run forgets at most so many batches; the next one goes on where it stopped."""


@shared_task
def tell_members() -> int:
    """Make notices, and what is to be sent, from the events since the last run."""
    return tell(now=timezone.now())


@shared_task
def mail_letters() -> int:
    """Send the mails that are due."""
    return send_letters(timezone.now)


@shared_task
def speak_to_robots() -> int:
    """Tell the robots of chat groups what is due."""
    return call_robots(timezone.now)


@shared_task
def forget_notices() -> int:
    """Forget notices of more than ninety days ago."""
    now = timezone.now()
    forgotten = 0
    for _batch in range(BATCHES):
        removed = forget_old(now=now)
        forgotten += removed
        if removed < BATCH:
            break
    log.info("notices_forgotten", forgotten=forgotten)
    return forgotten
