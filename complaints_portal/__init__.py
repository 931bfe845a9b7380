"""The wiring: settings, URLs, schedule, admin site, health, and the services that the portal can bring itself."""

from complaints_portal.celery import app as celery_app

__all__ = ["__version__", "celery_app"]
__version__ = "0.1.0"
