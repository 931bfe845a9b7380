"""Races, with real connections: each beside a control that shows what happens without the guard."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from complaints.models import HistoryLine
from complaints.tests.factories import file_at, make_program, moment
from deadlines.models import Deadline
from deadlines.services import stop_clock
from deadlines.sweeping import run_sweep
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db(transaction=True)

FILED = "2026-11-20T02:00Z"
DUE = moment("2026-11-24T02:00Z")
JUST_AFTER = moment("2026-11-24T02:00:00.000001Z")


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run each work in a thread with a connection of its own, all let go at the same moment."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(timeout=60)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def sweep(**options) -> int:
    return run_sweep("handle", cut_off=JUST_AFTER, issued_at=JUST_AFTER, ran_by="test", **options).acted


def test_many_sweeps_at_once_penalise_each_complaint_once():
    program = make_program()
    for number in range(400):
        file_at(moment(FILED) - timedelta(seconds=number), program)
    all_have_begun = threading.Barrier(4)

    def sweep_with_the_others() -> int:
        batches = itertools.count()

        def wait_after_the_first_batch() -> bool:
            if next(batches) == 1:
                all_have_begun.wait(timeout=60)
            return False

        return sweep(batch=20, is_over=wait_after_the_first_batch)

    acted = at_once(*[sweep_with_the_others] * 4)
    assert sum(acted) == 400
    assert Penalty.objects.count() == 400
    assert Penalty.objects.values("complaint").distinct().count() == 400
    assert HistoryLine.objects.filter(verb="issue").count() == 400
    assert Event.objects.filter(name="penalty.issued").count() == 400
    assert Deadline.objects.filter(kind="appeal").count() == 400
    assert all(acted), f"a sweep did nothing, so it did not race: {acted}"


def test_control_sweeps_that_read_and_then_write_penalise_twice():
    """A naive sweep on scratch tables: without SKIP LOCKED and without a constraint the same rows are taken twice."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch_due (id int PRIMARY KEY); CREATE TABLE scratch_penalty (due_id int)")
        cursor.execute("INSERT INTO scratch_due SELECT generate_series(1, 100)")
    read = threading.Barrier(2)

    def naive_sweep() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM scratch_due")
            due = cursor.fetchall()
            read.wait(timeout=60)
            cursor.executemany("INSERT INTO scratch_penalty VALUES (%s)", due)
            cursor.execute("DELETE FROM scratch_due")

    try:
        at_once(naive_sweep, naive_sweep)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM scratch_penalty")
            assert cursor.fetchone() == (200,)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE scratch_due, scratch_penalty")


def test_a_sweep_steps_over_a_clock_that_a_verb_is_stopping():
    complaint = file_at(FILED)
    stopped, swept = threading.Event(), threading.Event()
    acted = []

    def verb() -> None:
        with transaction.atomic():
            assert stop_clock(Deadline.Kind.HANDLE, complaint.pk, now=DUE)
            stopped.set()
            assert swept.wait(timeout=60)

    def sweep_meanwhile() -> None:
        assert stopped.wait(timeout=60)
        report = run_sweep("handle", cut_off=JUST_AFTER, issued_at=JUST_AFTER, ran_by="test")
        acted.append(report)
        swept.set()

    at_once(verb, sweep_meanwhile)
    assert acted[0].counts() == {"examined": 1, "acted": 0, "skipped": 1, "failed": 0}
    assert acted[0].reasons() == {"in_use": 1}
    assert not Penalty.objects.exists()
