"""The wiring of the complaints portal: settings, URLs, schedule, admin site, health and the services it can bring itself."""

from complaints_portal.celery import app as celery_app

__all__ = ["celery_app"]
