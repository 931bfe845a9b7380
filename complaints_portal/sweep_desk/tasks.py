"""Carries out what is approved for many cases, beside the requests. Killed, it goes on where it was."""

import structlog
from celery import current_app, shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from kombu.exceptions import OperationalError

from common.errors import PortalError
from complaints_portal.sweep_desk.orders import ORDERS, person_now

log = structlog.get_logger(__name__)

QUICKLY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "socket_connect_timeout": 1}
"""A page must not wait for a queue that is away; Celery would ask again for many seconds."""


@shared_task
def carry_out(noun: str, number: int, user_id: int) -> None:
    """Do what is approved, in the name of a person who may. What a task has no time for is left to another one."""
    actor = person_now(user_id)
    if actor is None:
        log.warning("order_without_person", noun=noun, number=number, user_id=user_id)
        return
    try:
        made = ORDERS[noun].carry_out(number, actor=actor, now=timezone.now())
    except PortalError as refusal:
        log.warning("order_refused", noun=noun, number=number, reason=str(refusal))
    except SoftTimeLimitExceeded:
        log.info("order_goes_on", noun=noun, number=number)
        carry_out.delay(noun, number, user_id)
    else:
        log.info("order_carried_out", noun=noun, number=number, status=made.status, done=made.done)


def ask_to_carry_out(noun: str, number: int, user_id: int) -> bool:
    """Put it into the queue; say whether there is one."""
    try:
        with current_app.connection_for_write(transport_options=QUICKLY) as queue:
            current_app.send_task(carry_out.name, (noun, number, user_id), connection=queue, retry=False)
    except OperationalError as error:
        log.warning("queue_away", noun=noun, number=number, reason=str(error))
        return False
    return True
