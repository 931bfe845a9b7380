"""A sweep that is killed, again and again: whole batches only, and in the end each missed complaint has one penalty."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from complaints.intake import file_complaints
from complaints.models import HistoryLine
from complaints.tests.factories import make_filing, make_program, moment, platform_actor
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import run_sweep
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db(transaction=True)

OVERDUE = 10_000
KILLS = 6
AT = "2026-11-25T02:00:00+00:00"


def file_overdue() -> None:
    program = make_program()
    filed = moment("2026-11-20T02:00Z")
    filings = [make_filing(program, filed_at=filed - timedelta(seconds=number)) for number in range(OVERDUE)]
    for start in range(0, OVERDUE, 5000):
        file_complaints(
            filings[start : start + 5000],
            platform_id=program.platform_id,
            actor=platform_actor(program.platform),
            now=moment("2026-11-20T03:00Z"),
        )


def start_sweep() -> subprocess.Popen[bytes]:
    """Start a real sweep as a process of its own, on the database of this test."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(address._replace(path="/" + connection.settings_dict["NAME"]))
    return subprocess.Popen(
        [sys.executable, "manage.py", "sweep", "handle", "--at", AT, "--batch", "25"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database, "LOG_LEVEL": "ERROR"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_in_mid_sweep(sweep: subprocess.Popen[bytes], runs_before: int) -> bool:
    """Kill the process once its run has begun to act; say whether that really was before its end."""
    give_up = time.monotonic() + 30
    while not SweepRun.objects.filter(acted__gt=0).count() > runs_before:
        assert sweep.poll() is None, sweep.stderr and sweep.stderr.read().decode()
        assert time.monotonic() < give_up, "the sweep never began"
    sweep.send_signal(signal.SIGKILL)
    sweep.communicate(timeout=10)
    return SweepRun.objects.order_by("-pk")[0].ended_at is None and Deadline.objects.filter(kind="handle").exists()


def test_killed_in_mid_sweep_again_and_again_no_penalty_is_lost_or_doubled():
    file_overdue()
    landed = 0
    for number in range(KILLS):
        landed += kill_in_mid_sweep(start_sweep(), runs_before=number)
        for run in SweepRun.objects.all():
            assert run.acted == Penalty.objects.filter(sweep_run=run).count()  # a killed run has told the truth
    assert landed >= 0.9 * KILLS, f"only {landed} of {KILLS} kills landed in mid-sweep, so the test proved nothing"
    assert 0 < Penalty.objects.count() < OVERDUE

    run_sweep("handle", cut_off=moment(AT), issued_at=moment(AT), ran_by="test")
    assert Penalty.objects.count() == OVERDUE
    assert Penalty.objects.values("complaint").distinct().count() == OVERDUE
    assert HistoryLine.objects.filter(verb="issue").count() == OVERDUE
    assert Event.objects.filter(name="penalty.issued").count() == OVERDUE
    assert Deadline.objects.filter(kind="appeal").count() == OVERDUE
    assert not Deadline.objects.filter(kind="handle").exists()
