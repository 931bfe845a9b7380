"""What Celery beat wakes. Whoever comes while another counts leaves it to them."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from complaints_portal.insights.summaries import refresh

AT_MOST = timedelta(seconds=45)
"""After so long a run ends with the batch that it is at; the next one goes on."""


@shared_task
def refresh_insights() -> int:
    """Count anew the days of the complaints to which something happened since the last run."""
    return refresh(now=timezone.now(), at_most=AT_MOST)
