"""The Celery app and its schedule. Celery only wakes the sweeps; what is due stands in PostgreSQL."""

import os
import sys
from typing import Any

import django
import structlog
from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, worker_init
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")

log = structlog.get_logger(__name__)

app = Celery("complaints_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()
app.autodiscover_tasks(["complaints_portal.insights", "complaints_portal.sweep_desk"])
app.conf.beat_schedule = {
    "sweep-deadlines": {
        "task": "deadlines.tasks.sweep_all",
        "schedule": crontab(minute="*"),
        "options": {"expires": 55},  # a wake-up that waited so long is overtaken by the next one
    },
    "watch-sweeps": {  # a minute after beat begins, when the first sweeps have run
        "task": "deadlines.tasks.watch_all",
        "schedule": 60.0,
        "options": {"expires": 59},
    },
    "ask-payment-system": {
        "task": "refunds.tasks.ask_payment_system",
        "schedule": 10.0,
        "options": {"expires": 9},
    },
    "send-invitations": {
        "task": "merchants.tasks.mail_invitations",
        "schedule": 20.0,
        "options": {"expires": 19},
    },
    "settle-search": {
        "task": "complaints.tasks.settle_search",
        "schedule": 10.0,
        "options": {"expires": 9},
    },
    "make-exports": {
        "task": "complaints.tasks.make_exports",
        "schedule": 5.0,
        "options": {"expires": 4},
    },
    "forget-exports": {
        "task": "complaints.tasks.forget_exports",
        "schedule": crontab(minute="*/10"),
        "options": {"expires": 500},
    },
    "remind-of-deadlines": {
        "task": "complaints.tasks.remind_members",
        "schedule": crontab(minute="*"),
        "options": {"expires": 55},
    },
    "tell-members": {
        "task": "notifications.tasks.tell_members",
        "schedule": 5.0,
        "options": {"expires": 4},
    },
    "mail-letters": {
        "task": "notifications.tasks.mail_letters",
        "schedule": 15.0,
        "options": {"expires": 14},
    },
    "speak-to-robots": {
        "task": "notifications.tasks.speak_to_robots",
        "schedule": 15.0,
        "options": {"expires": 14},
    },
    "refresh-insights": {
        "task": "complaints_portal.insights.tasks.refresh_insights",
        "schedule": 20.0,
        "options": {"expires": 19},
    },
    "forget-sweep-runs": {
        "task": "deadlines.tasks.forget_runs",
        "schedule": crontab(minute="29", hour="*"),
        "options": {"expires": 3000},
    },
    "forget-notices": {
        "task": "notifications.tasks.forget_notices",
        "schedule": crontab(minute="41", hour="*"),
        "options": {"expires": 3000},
    },
    "forget-idempotent-requests": {
        "task": "merchants.tasks.forget_idempotent_requests",
        "schedule": crontab(minute="17", hour="*"),
        "options": {"expires": 3000},
    },
}


@worker_init.connect
@beat_init.connect
def refuse_wrong_settings(**_signal: Any) -> None:
    """End worker and beat at the start when the portal's checks find errors: Celery runs them, but reads no answer."""
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 (Django is not ready when this module loads)

    django.setup()
    from complaints_portal.checks import refuse_to_start_wrong  # noqa: PLC0415 (see above)

    try:
        refuse_to_start_wrong()
    except ImproperlyConfigured as refusal:
        print(refusal, file=sys.__stderr__)  # beat swallows the text of an exit, and what goes to sys.stderr
        sys.exit(1)


@beat_init.connect
def write_down_the_policy(**_signal: Any) -> None:
    """Write down what the policy file says when beat starts. Without the database beat starts all the same."""
    django.setup()
    from django.db import DatabaseError, connection  # noqa: PLC0415 (see above)
    from django.utils import timezone  # noqa: PLC0415

    from deadlines.policies import record_policies  # noqa: PLC0415

    try:
        changes = record_policies(by="beat", now=timezone.now())
    except DatabaseError as error:
        log.warning("policy_not_recorded", reason=str(error).strip())
        return
    finally:
        connection.close()
    for change in changes:
        log.info("policy_recorded", since=change.since.isoformat(), numbers=change.numbers)
