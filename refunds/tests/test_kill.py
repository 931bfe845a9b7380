"""A worker that is killed in mid-refund, again and again: every refund happens exactly once at the payment system.

`REFUND_KILLS=50` lets it be killed so often; in every run of the tests it is a few times.
"""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from urllib.parse import urlsplit

import pytest
from django.conf import settings as portal
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from complaints.models import HistoryLine
from complaints.tests.factories import make_program, member_actor
from deadlines.tests.publishing import publish_the_known_years
from refunds import services
from refunds.ledger import verify_ledger
from refunds.models import Refund, RefundCase
from refunds.sandbox.testing import RunningSandbox
from refunds.tests.making import case_at

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = int(os.environ.get("REFUND_KILLS", "6"))
ANSWER_TAKES, KILLED_WITHIN = 3.0, 1.0
"""Seconds between the sandbox's refund and its answer, and from the beginning to the kill: it hits a worker that waits
for the answer, although a busy machine may kill late."""
TAKEN_FOR = 61
"""Seconds after which what a dead worker had taken is free again; each new worker's clock is so much further ahead."""
PATIENCE = 120.0


@pytest.fixture(autouse=True)
def _calendar(transactional_db):
    publish_the_known_years()


def request_refunds(number: int) -> None:
    """Ask for so many refunds of 50 yuan, each of a trade of 128: twice the same would fit."""
    program = make_program()
    for index in range(number):
        case = case_at("2026-11-20T05:00Z", program=program)
        given = services.RefundInput(channel="api", amount=Decimal("50.00"), request_key=f"wish-{index}")
        services.refund(case.pk, given, actor=member_actor(case.merchant), now=timezone.now())


class Starter:
    """The program of `killable.py`, as a process of its own on the database of this test."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "refunds.tests.killable"],
            cwd=portal.BASE_DIR,
            env={
                **os.environ,
                **sandbox.server.home.variables(sandbox.address),
                "DATABASE_URL": database.geturl(),
                "DJANGO_SETTINGS_MODULE": "complaints_portal.settings",
                "LOG_LEVEL": "ERROR",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ahead = 0
        assert self.hear() == "ready"

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def start(self, kind: str) -> int:
        """Start a worker, for which the time of what is taken is over; return its process id."""
        assert self.process.stdin is not None
        self.ahead += TAKEN_FOR
        self.process.stdin.write(f"{self.ahead} {kind}\n")
        self.process.stdin.flush()
        return int(self.hear())

    def wait(self) -> None:
        assert self.hear() == "gone"

    @property
    def now(self) -> datetime:
        """What time it is for the worker."""
        return timezone.now() + timedelta(seconds=self.ahead)


@contextmanager
def starter(sandbox: RunningSandbox) -> Iterator[Starter]:
    made = Starter(sandbox)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


def tries() -> int:
    return int(Refund.objects.aggregate(sum=Sum("asked"))["sum"])


def kill_in_mid_refund(workers: Starter, sandbox: RunningSandbox, kind: str) -> str:
    """Kill a worker at some moment after it has taken a refund; say what it left behind, or nothing if it was idle."""
    before = tries()
    worker = workers.start(kind)
    pause = Event()
    for _ in range(int(PATIENCE / 0.005)):
        if tries() > before:
            break
        pause.wait(0.005)
    else:
        raise AssertionError("the worker never began")
    pause.wait(random.uniform(0, KILLED_WITHIN))
    os.kill(worker, signal.SIGKILL)
    workers.wait()
    left = Refund.objects.filter(status="processing", asked__gt=0, ask_at__gt=workers.now).first()
    if left is None:
        return ""
    return "refunded, answer lost" if left.refund_no in sandbox.numbers() else "not refunded yet"


def kill_again_and_again(sandbox: RunningSandbox, kind: str, kills: int) -> Counter[str]:
    """Ask for more refunds than there are kills, kill, and let a last worker do what is left."""
    request_refunds(kills + 2)
    sandbox.fault("timeout", times=10 * kills, seconds=ANSWER_TAKES)
    with starter(sandbox) as workers:
        landed = Counter(kill_in_mid_refund(workers, sandbox, kind) for _ in range(kills))
        sandbox.forget_faults()
        workers.start(kind)
        workers.wait()
    print(f"{kills} kills of a {kind} worker: {dict(landed)}")  # noqa: T201 (shown with -s, and when it fails)
    hit = kills - landed[""]
    assert hit >= kills / 2, f"only {hit} of {kills} kills landed in mid-refund, so the test proved nothing"
    assert landed["refunded, answer lost"], "no kill lost an answer, so nothing could have been refunded twice"
    assert set(Refund.objects.values_list("status", flat=True)) == {"succeeded"}
    return landed


def test_killed_in_mid_refund_again_and_again_every_refund_happens_exactly_once(sandbox):
    kill_again_and_again(sandbox, "careful", KILLS)
    wanted = sorted(Refund.objects.values_list("refund_no", flat=True))
    assert len(wanted) == KILLS + 2
    assert sorted(sandbox.numbers()) == wanted
    assert sandbox.refunds()["cents"] == 5_000 * len(wanted)
    ends = HistoryLine.objects.filter(noun="refund", verb__in=["succeed", "fail"])
    assert sorted(ends.values_list("noun_id", flat=True)) == sorted(Refund.objects.values_list("pk", flat=True))
    assert RefundCase.objects.filter(status="due", stopped_at=None).count() == len(wanted)  # 78 yuan are still due
    assert verify_ledger().broken == []


def test_without_the_guard_the_same_kills_refund_twice(sandbox):
    """The twin: a worker that gives each try a number of its own."""
    kills = min(KILLS, 6)
    kill_again_and_again(sandbox, "careless", kills)
    assert sandbox.refunds()["count"] > kills + 2, "the twin must fail, or the test does not bite"
