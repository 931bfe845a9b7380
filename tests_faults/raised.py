"""What a raised process does: a worker, a beat or a command, with the guards or, for a twin, without them."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import celery.apps.beat
import celery.apps.worker
import celery.concurrency.prefork
import celery.worker.consumer  # noqa: F401 (what a worker would import when it starts)
from django.core.management import ManagementUtility
from django.db import connection
from django.utils import timezone

from complaints_portal.celery import app
from deadlines import control, sweeping, tasks
from deadlines.management import looping
from deadlines.management.commands import sweep as sweep_command
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import Report
from merchants import idempotency


def live(wanted: dict[str, Any]) -> int:
    """Be what is wanted until the end; return the exit status."""
    if wanted.get("ahead"):
        move_the_clock(timedelta(seconds=wanted["ahead"]))
    if wanted.get("trusting"):
        trust_the_clock()
    sweep: Callable[..., Report] = careless_sweep if wanted.get("careless") else sweeping.run_sweep
    if wanted.get("batch"):
        sweep = partial(sweep, batch=wanted["batch"])
    setattr(control, "run_sweep", sweep)  # noqa: B010 (what the schedule calls; no name of that module's own)
    if wanted.get("careless"):
        setattr(sweep_command, "run_sweep", careless_sweep)  # noqa: B010 (as above)
    program, *arguments = wanted["argv"]
    if program == "post":
        return post_and_die(*arguments)
    if program == "manage.py":
        ManagementUtility([program, *arguments]).execute()
    elif program == "beat":
        schedule(wanted["every"])
        app.start(argv=["beat", *arguments])
    else:
        app.worker_main(argv=["worker", *arguments])
    return 0


def move_the_clock(ahead: timedelta) -> None:
    """Let the clock of this process be so much ahead, or behind when it is negative."""
    right = timezone.now
    timezone.now = lambda: right() + ahead


def trust_the_clock() -> None:
    """Take the guard away: the sweeps believe this machine's clock."""
    for module in (sweep_command, tasks, looping):
        module.not_ahead = lambda now: now  # type: ignore[attr-defined]  # imported there by its name


def schedule(every: float) -> None:
    """Let beat wake the sweeps and the telling so often, and nothing else."""
    wakes = {"sweep-deadlines": "deadlines.tasks.sweep_all", "tell-members": "notifications.tasks.tell_members"}
    app.conf.beat_schedule = {
        name: {"task": task, "schedule": every, "options": {"expires": 55}} for name, task in wakes.items()
    }
    app.conf.beat_max_loop_interval = min(every, 1.0)


def careless_sweep(
    kind: str, *, cut_off: datetime, issued_at: datetime, ran_by: str, batch: int = 5000, **_options: Any
) -> Report:
    """Sweep without any guard: read what is due, write the penalties one by one, and take the clocks at the end."""
    report = Report(kind)
    if kind != Deadline.Kind.HANDLE:
        return report
    run = SweepRun.objects.create(
        kind=kind, cut_off=cut_off, issued_at=issued_at, started_at=timezone.now(), ran_by=ran_by
    )
    due = list(Deadline.objects.filter(kind=kind, due_at__lt=cut_off).order_by("due_at", "id"))
    for number, clock in enumerate(due):
        issue_carelessly(clock, issued_at, run)
        if number % 25 == 24:
            SweepRun.objects.filter(pk=run.pk).update(acted=number + 1)
    Deadline.objects.filter(pk__in=[clock.pk for clock in due]).delete()
    SweepRun.objects.filter(pk=run.pk).update(acted=len(due), ended_at=timezone.now())
    report.acted = report.examined = len(due)
    return report


def issue_carelessly(clock: Deadline, issued_at: datetime, run: SweepRun) -> None:
    """Write a penalty, its line, its event and its window, each in a transaction of its own."""
    from complaints.models import HistoryLine
    from notifications.models import Event
    from penalties.models import Penalty

    penalty = Penalty.objects.create(
        penalty_no=f"careless-{os.getpid()}-{run.pk}-{clock.pk}",
        kind="complaint_timeout",
        subject_id=clock.subject_id,
        complaint_id=clock.complaint_id,
        merchant_id=clock.merchant_id,
        mini_program_id=clock.mini_program_id,
        points=clock.points,
        missed_at=clock.due_at,
        issued_at=issued_at,
        appeal_by=issued_at + timedelta(days=7),
        sweep_run=run,
    )
    HistoryLine.objects.create(
        complaint_id=clock.complaint_id,
        noun="penalty",
        noun_id=penalty.pk,
        verb="issue",
        to_state="in_effect",
        actor_kind="system",
        actor_name="system",
        at=issued_at,
    )
    Event.objects.create(
        name="penalty.issued", merchant_id=clock.merchant_id, subject_id=penalty.pk, at=issued_at, payload={}
    )


def post_and_die(path: str, key: str, idempotency_key: str, body: str) -> int:
    """Send a request to the portal in this process, which is killed after the commit and before the answer."""
    from complaints.tests.calling import Caller

    whole = idempotency.answer_once

    def answer_and_die(*given: Any, **named: Any) -> Any:
        whole(*given, **named)
        assert not connection.in_atomic_block, "the effect must be committed before the kill"
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()

    import merchants.api

    merchants.api.answer_once = answer_and_die  # type: ignore[attr-defined]  # the name that the view calls
    Caller(key).post(path, body.encode(), key=idempotency_key)
    return 0
