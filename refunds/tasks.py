"""Celery tasks: ask the payment system. What is to be asked stands in PostgreSQL; a task only wakes the asking."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from deadlines.control import not_ahead
from refunds import asking


@shared_task(name="refunds.tasks.ask_payment_system")
def ask_payment_system() -> dict[str, int]:
    """Send and ask about refunds, and ask about payments, whose turn it is."""
    return {
        "refunds": asking.ask_about_refunds(_now),
        "payments": asking.ask_about_payments(_now),
    }


def _now() -> datetime:
    """A machine whose clock runs ahead must not give up a payment that can still be made."""
    return not_ahead(timezone.now())
