"""What Celery beat wakes about complaints. What is to be done stands in PostgreSQL."""

import structlog
from celery import shared_task
from django.utils import timezone

from complaints import reminders, search
from complaints.workspace import exporting
from deadlines.control import not_ahead

log = structlog.get_logger(__name__)


@shared_task(name="complaints.tasks.make_exports")
def make_exports() -> int | None:
    """Make the export that has waited longest, if none is being made; return its number."""
    export = exporting.make_next(timezone.now)
    return export.pk if export else None


@shared_task(name="complaints.tasks.forget_exports")
def forget_exports() -> int:
    """Delete the exports that are a day old."""
    forgotten = exporting.forget_exports(now=timezone.now())
    log.info("exports_forgotten", forgotten=forgotten)
    return forgotten


@shared_task(name="complaints.tasks.settle_search")
def settle_search() -> int:
    """Put what was filed lately in its place in the indexes of the search, so that no request has to."""
    return search.settle()


@shared_task(name="complaints.tasks.remind_members")
def remind_members() -> int:
    """Remind of the deadlines that came near since the last run, as the database's clock has it where it is behind."""
    return reminders.remind(now=not_ahead(timezone.now()))
