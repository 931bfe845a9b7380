"""`manage.py sweep --loop` as a real process: it sweeps without a broker, and SIGTERM stops it between two batches."""

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
from django.utils import timezone

from complaints.tests.factories import file_at
from deadlines.control import set_mode
from deadlines.models import SweepRun
from deadlines.tests.ops import ops
from penalties.models import Penalty

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 120
"""Seconds: a busy machine is no reason to fail."""


@pytest.fixture
def start():
    """Start real loops, and let none outlive the test."""
    running = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        address = urlsplit(os.environ["DATABASE_URL"])
        database = urlunsplit(address._replace(path="/" + connection.settings_dict["NAME"]))
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sweep", "--loop", *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DATABASE_URL": database, "REDIS_URL": "redis://127.0.0.1:1/0", "LOG_LEVEL": "ERROR"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def until(true, process):
    give_up = time.monotonic() + PATIENCE
    while not true():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < give_up, "it never came to that"


def stop(process):
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return out.decode()


def test_it_sweeps_round_after_round_without_a_broker_leaves_what_is_paused_and_stops(start):
    set_mode("finish", "paused", reason="Repairs.", actor=ops(), now=timezone.now())
    complaint = file_at(timezone.now() - timedelta(days=5))
    process = start("handle", "finish", "--every", "1")
    until(lambda: SweepRun.objects.filter(kind="handle", ended_at__isnull=False).count() >= 2, process)
    out = stop(process)
    assert Penalty.objects.get().complaint == complaint
    assert set(SweepRun.objects.values_list("kind", "ran_by")) == {("handle", "loop")}
    assert out.splitlines()[0] == "Sweeping handle, finish every 1 s, until SIGTERM."
    assert out.splitlines()[-1] == "Stopped; whole batches only were done."
