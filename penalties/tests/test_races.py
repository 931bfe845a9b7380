"""Races, with real connections: each beside a control that shows what happens without the guard."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from complaints.methods import HandlingInput
from complaints.models import Handling, HistoryLine, Method
from complaints.services import handle
from complaints.tests.factories import file_at, make_program, member_actor, moment
from deadlines.models import Deadline
from deadlines.services import stop_clock
from deadlines.sweeping import run_sweep
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db(transaction=True)

FILED = "2026-11-20T02:00Z"
DUE = moment("2026-11-24T02:00Z")
JUST_AFTER = moment("2026-11-24T02:00:00.000001Z")
ROUNDS = 200


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run each work in a thread with a connection of its own, all let go at the same moment."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(timeout=10)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def sweep(**options) -> int:
    return run_sweep("handle", cut_off=JUST_AFTER, issued_at=JUST_AFTER, ran_by="test", **options).acted


def test_of_handling_at_the_last_moment_and_the_sweep_exactly_one_wins():
    program = make_program()
    actor = member_actor(program.merchant)
    given = HandlingInput(method=Method.OTHER_REFUND, refund_amount=Decimal(1), refund_reference="R-1")
    outcomes: Counter[tuple[bool, bool]] = Counter()
    for _round in range(ROUNDS):
        complaint = file_at(FILED, program)
        at_once(lambda: handle(complaint.pk, given, actor=actor, now=DUE), sweep)  # noqa: B023 (called in this round)
        sweep()  # what the racing sweep stepped over because it was in use
        in_time = Handling.objects.get(complaint=complaint).in_time
        penalised = Penalty.objects.filter(complaint=complaint).exists()
        outcomes[(in_time, penalised)] += 1
    assert set(outcomes) <= {(True, False), (False, True)}, "in time and penalised, or late and not"
    assert sum(outcomes.values()) == ROUNDS
    assert len(outcomes) == 2, f"the race never went both ways, so it proved nothing: {outcomes}"


def test_control_a_check_without_a_lock_lets_both_win():
    """The same two, with the clock only looked at and removed afterwards: both believe that they were first."""
    program = make_program()
    both = 0
    for _round in range(30):
        complaint = file_at(FILED, program)
        looked = threading.Barrier(2)

        def look_then_take(complaint=complaint, looked=looked) -> bool:
            runs = Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists()
            looked.wait(timeout=10)
            Deadline.objects.filter(kind="handle", subject_id=complaint.pk).delete()
            return runs

        both += all(at_once(look_then_take, look_then_take))
    assert both == 30


def test_many_sweeps_at_once_penalise_each_complaint_once():
    program = make_program()
    for number in range(400):
        file_at(moment(FILED) - timedelta(seconds=number), program)
    acted = at_once(*[lambda: sweep(batch=20)] * 4)
    assert sum(acted) == 400
    assert Penalty.objects.count() == 400
    assert Penalty.objects.values("complaint").distinct().count() == 400
    assert HistoryLine.objects.filter(verb="issue").count() == 400
    assert Event.objects.filter(name="penalty.issued").count() == 400
    assert Deadline.objects.filter(kind="appeal").count() == 400
    assert sum(count > 0 for count in acted) > 1, f"one sweep did all the work, so nothing raced: {acted}"


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
            read.wait(timeout=10)
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
            assert swept.wait(timeout=10)

    def sweep_meanwhile() -> None:
        assert stopped.wait(timeout=10)
        report = run_sweep("handle", cut_off=JUST_AFTER, issued_at=JUST_AFTER, ran_by="test")
        acted.append(report)
        swept.set()

    at_once(verb, sweep_meanwhile)
    assert acted[0].counts() == {"examined": 1, "acted": 0, "skipped": 1, "failed": 0}
    assert acted[0].reasons() == {"in_use": 1}
    assert not Penalty.objects.exists()
