"""F1, F2, F18: whoever sweeps is killed or told to stop, in the middle, again and again.

Batches are small, and a kill comes once a run has written down its first one: it hits a sweep that has more to do.
"""

import signal
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from complaints_portal.supervisor import STOPPING
from deadlines.models import SweepRun
from penalties.models import Penalty
from tests_faults.conftest import Report
from tests_faults.crew import Crew, landed, last_run, until, until_in_mid_sweep
from tests_faults.rows import broken, counts, exact, left, make_overdue
from tests_faults.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

BITES = 0.9
"""The share of kills that must hit a sweep in its middle, or the test has proved nothing."""
STOPS_WITHIN = 10


def an_hour_ago():
    return timezone.now() - timedelta(hours=1)


@pytest.fixture
def without_the_constraint(transactional_db: None) -> Iterator[None]:
    """Let the database take two penalties for one complaint."""
    name = "one_penalty_per_missed_obligation"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE penalties_penalty DROP CONSTRAINT {name}")
        cursor.execute("CREATE INDEX scratch ON penalties_penalty (subject_id, kind, round)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE penalties_penalty CASCADE; DROP INDEX scratch")
        cursor.execute(f"ALTER TABLE penalties_penalty ADD CONSTRAINT {name} UNIQUE (subject_id, kind, round)")


def kill_workers(crew: Crew, kills: int, **options) -> int:
    """Kill a group of workers in mid-sweep so often; return how many of the kills landed."""
    hit = 0
    for _kill in range(kills):
        before = last_run()
        worker = crew.worker(**options)
        until_in_mid_sweep(before)
        crew.kill(worker)
        hit += landed(before)
    return hit


def test_f1_a_worker_group_killed_in_mid_sweep_under_two_beats(crew: Crew, report: Report) -> None:
    kills, rows = size(3, 100), size(5_000, 80_000)
    make_overdue(rows, due=an_hour_ago())
    crew.beat()
    crew.beat()
    hit = kill_workers(crew, kills, batch=20)
    assert hit >= BITES * kills, f"only {hit} of {kills} kills landed"
    by_the_dead = Penalty.objects.count()
    assert 0 < by_the_dead < rows
    for run in SweepRun.objects.filter(kind="handle"):
        assert run.acted == Penalty.objects.filter(sweep_run=run).count(), "a killed run has not told the truth"
    crew.worker()
    until(lambda: not left(), "the rest is swept")
    crew.go_home()
    assert counts() == exact(rows)
    report.survived(
        "F1",
        "kill -9 of a worker group in mid-sweep, two beats",
        size=f"{kills} kills, {rows:,} rows",
        landed=f"{hit} of {kills}",
        result=f"{rows:,} penalties = missed = events; {by_the_dead:,} by the dead",
    )


@pytest.mark.usefixtures("without_the_constraint")
def test_f2_without_the_guards_the_same_kills_penalise_twice(crew: Crew, report: Report) -> None:
    kills, rows = 2, 2_000
    make_overdue(rows, due=an_hour_ago())
    crew.beat()
    crew.beat()
    hit = kill_workers(crew, kills, careless=True)
    assert hit >= BITES * kills
    crew.go_home()
    found = counts()
    doubled = found["penalties"] - found["complaints"]
    assert doubled > 0, "the twin must fail, or the test does not bite"
    assert any("one_penalty_per_obligation" in name for name in broken())
    report.bitten(
        "F2",
        "read, write, no SKIP LOCKED, no constraint",
        size=f"{kills} kills, {rows:,} rows",
        damage=f"{doubled:,} penalised twice",
    )


def test_f1_a_sweep_by_hand_killed_in_its_middle(crew: Crew, report: Report) -> None:
    kills, rows = size(4, 100), size(4_000, 50_000)
    make_overdue(rows, due=an_hour_ago())
    hit = 0
    for _kill in range(kills):
        before = last_run()
        sweep = crew.command("sweep", "handle", "--batch", "10")
        until_in_mid_sweep(before)
        crew.kill(sweep)
        hit += landed(before)
    assert hit >= BITES * kills, f"only {hit} of {kills} kills landed"
    for run in SweepRun.objects.all():
        assert run.acted == Penalty.objects.filter(sweep_run=run).count()
    by_the_dead = Penalty.objects.count()
    assert 0 < by_the_dead < rows
    assert crew.bury(crew.command("sweep", "handle")) == 0
    assert counts() == exact(rows)
    assert left() == 0
    report.survived(
        "F1",
        "kill -9 of manage.py sweep",
        size=f"{kills} kills, {rows:,} rows",
        landed=f"{hit} of {kills}",
        result=f"{rows:,} penalties; {by_the_dead:,} by the dead",
    )


def stop(crew: Crew, number: int, steps: tuple[tuple[signal.Signals, float], ...]) -> float:
    """Send the signals one after another until the process is gone; return the seconds that it took."""
    began = time.monotonic()
    for what, patience in steps:
        crew.signal(number, what)
        ends_at = time.monotonic() + patience
        while time.monotonic() < ends_at and crew.is_alive(number):
            time.sleep(0.01)
        if not crew.is_alive(number):
            break
    took = time.monotonic() - began
    crew.kill(number)
    return took


BY_ITSELF = ((signal.SIGTERM, 60.0),)


@pytest.mark.parametrize(
    ("who", "steps"),
    [("manage.py sweep", BY_ITSELF), ("manage.py sweep --loop", BY_ITSELF), ("worker, as make run stops it", STOPPING)],
)
def test_f18_told_to_stop_in_mid_sweep_nothing_is_half_done(crew: Crew, report: Report, who, steps) -> None:
    stops, rows = size(2, 20), size(2_500, 10_000)
    due, missed = an_hour_ago(), 0
    if who.startswith("worker"):
        crew.beat()
        stops = size(1, 20)
    hit, longest = 0, 0.0
    for _stop in range(stops):
        make_overdue(rows, due=due)
        missed, before = missed + rows, last_run()
        if who.startswith("worker"):
            process = crew.worker(concurrency=1, batch=2)
        elif who.endswith("--loop"):
            process = crew.command("sweep", "handle", "--loop", batch=2)
        else:
            process = crew.command("sweep", "handle", "--batch", "2")
        until_in_mid_sweep(before)
        hit += left() > 0
        longest = max(longest, stop(crew, process, steps))
        for run in SweepRun.objects.filter(kind="handle"):
            assert run.acted == Penalty.objects.filter(sweep_run=run).count()
        done = counts()
        assert done == exact(done["penalties"])
        assert done["penalties"] + left() == missed
    assert hit >= BITES * stops
    assert longest < STOPS_WITHIN
    crew.go_home()
    report.survived(
        "F18",
        f"SIGTERM in mid-sweep: {who}",
        size=f"{stops} stops, {missed:,} rows",
        landed=f"{hit} of {stops}",
        result=f"nothing half done; longest {longest:.1f} s",
    )


@pytest.mark.usefixtures("without_the_constraint")
def test_f18_without_the_guards_a_stop_leaves_half_of_it_done(crew: Crew, report: Report) -> None:
    rows = 1_000
    make_overdue(rows, due=an_hour_ago())
    sweep = crew.command("sweep", "handle", careless=True)
    until_in_mid_sweep(0)
    stop(crew, sweep, BY_ITSELF)
    both = counts()["complaints"] + left() - rows
    assert both > 0, "the twin must fail, or the test does not bite"
    assert broken()
    report.bitten(
        "F18",
        "a transaction a row, clocks last",
        size=f"1 stop, {rows:,} rows",
        damage=f"{both} penalised, clock still due",
    )
