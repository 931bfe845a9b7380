"""The Celery app and its schedule. Celery only wakes the sweeps; what is due stands in PostgreSQL."""

import os

from celery import Celery
from celery.schedules import crontab
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")

app = Celery("complaints_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "sweep-deadlines": {
        "task": "deadlines.tasks.sweep_all",
        "schedule": crontab(minute="*"),
        "options": {"expires": 55},  # a wake-up that waited so long is overtaken by the next one
    },
}
