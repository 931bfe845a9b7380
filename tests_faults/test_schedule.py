"""F3, F7, F8: many beats, no beat for a day, and clocks that jump."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from complaints.tests.factories import file_at, make_program
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import GRACE, run_sweep
from penalties.models import Penalty
from tests_faults.conftest import Report
from tests_faults.crew import Crew, environment, until
from tests_faults.rows import WINDOW, counts, exact, left, make_overdue
from tests_faults.sizes import IS_FULL, size

pytestmark = pytest.mark.django_db(transaction=True)

APPEAL_WITHIN = timedelta(hours=168)
SWEEPS_WITHIN = 1.0
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def an_hour_ago() -> datetime:
    return timezone.now() - HOUR


def overlapping() -> int:
    """How many runs of the sweep began while another one was under way."""
    ends, number = datetime.min.replace(tzinfo=timezone.get_current_timezone()), 0
    for began, ended in (
        SweepRun.objects.filter(kind="handle").order_by("started_at").values_list("started_at", "ended_at")
    ):
        number += began < ends
        ends = max(ends, ended or began)
    return number


@pytest.mark.parametrize("beats", [2, 4])
def test_f3_several_beats_that_tick_every_second(crew: Crew, report: Report, beats: int) -> None:
    seconds, rows, missed = size(6, 300), 150, 0
    for _beat in range(beats):
        crew.beat()
    crew.worker(concurrency=4, batch=10)
    until(lambda: SweepRun.objects.filter(kind="handle").count() >= beats, "every beat ticks")
    first = SweepRun.objects.filter(kind="handle").count()
    ticks = 0
    while ticks < seconds or (ticks < seconds + 6 and not overlapping()):
        ticks += 1
        if ticks > seconds:
            rows *= 2  # a quick machine is done with a sweep before the next beat ticks, unless it has more to do
        make_overdue(rows, due=an_hour_ago())
        missed += rows
        now = timezone.now()
        until(lambda: timezone.now() - now > timedelta(seconds=1), "a second is over")  # noqa: B023 (this second)
    until(lambda: not left(), "all is swept")
    runs = SweepRun.objects.filter(kind="handle").count() - first
    crew.go_home()
    assert runs > ticks, f"{beats} beats woke {runs} sweeps in {ticks} s, no more than one would have"
    met = overlapping()
    assert met, "no sweep began while another was under way, so nothing raced"
    assert counts() == exact(missed)
    spans = SweepRun.objects.filter(kind="handle", ended_at__isnull=False).values_list("started_at", "ended_at")
    took = sorted((ended - began).total_seconds() for began, ended in spans if ended)
    p95 = took[int(0.95 * len(took))]
    if IS_FULL:
        assert p95 < SWEEPS_WITHIN
    report.survived(
        "F3",
        f"{beats} beats, ticks of 1 s, 4 processes",
        size=f"{ticks} s, {missed:,} rows",
        landed=f"{runs} sweeps, {met} overlapping",
        result=f"0 twice; a sweep p95 {1000 * p95:.0f} ms",
    )


def test_f3_two_beats_four_workers_and_sweeps_by_hand_at_once(crew: Crew, report: Report) -> None:
    rows = size(6_000, 100_000)
    make_overdue(rows, due=an_hour_ago())
    for _beat in range(2):
        crew.beat(every=0.5)
    for _worker in range(4):
        crew.worker(concurrency=1, batch=10)
    by_hand = [crew.command("sweep", "handle", "--batch", "10") for _sweep in range(2)]
    until(lambda: not left(), "all is swept", patience=300)
    assert [crew.bury(sweep) for sweep in by_hand] == [0, 0]
    crew.go_home()
    met = overlapping()
    took_part = Penalty.objects.values("sweep_run").distinct().count()
    assert took_part > 2, "fewer than three sweeps did all the work, so nothing raced"
    assert counts() == exact(rows)
    report.survived(
        "F3",
        "two beats, four workers, two sweeps by hand at once",
        size=f"{rows:,} rows",
        landed=f"{took_part} sweeps shared the work, {met} overlapping",
        result=f"{rows:,} penalties, 0 twice",
    )


def test_f7_no_beat_for_a_day_then_one_sweep(crew: Crew, report: Report) -> None:
    rows = size(10_000, 1_000_000)
    make_overdue(rows, due=an_hour_ago(), apart=23 * HOUR / rows)
    before = timezone.now()
    assert crew.bury(crew.command("sweep", "handle")) == 0
    took = timezone.now() - before
    run = SweepRun.objects.get()
    assert (run.examined, run.acted, run.failed) == (rows, rows, 0)
    assert counts() == exact(rows)
    assert before <= run.issued_at <= timezone.now()
    penalties = Penalty.objects.all()
    assert not penalties.exclude(issued_at=run.issued_at).exists()
    assert not penalties.exclude(appeal_by=run.issued_at + APPEAL_WITHIN).exists()
    missed = Penalty.objects.order_by("missed_at").values_list("missed_at", "complaint__handle_by")
    assert all(missed_at == handle_by for missed_at, handle_by in missed.iterator())
    first = missed[0][0]
    assert timedelta(hours=23) < before - first < timedelta(hours=25)
    if IS_FULL:
        assert took < timedelta(minutes=5)
    report.survived(
        "F7",
        "no beat for a day, then one sweep",
        size=f"{rows:,} rows",
        landed=f"oldest due {(before - first).total_seconds() / 3600:.1f} h ago",
        result=f"all in one run, {took.total_seconds():.1f} s; issued now, missed then, windows whole",
    )


def test_f7_penalties_dated_back_to_the_deadline_eat_windows(report: Report) -> None:
    """The twin: each is issued at its deadline, as if a sweep had run; so long the merchant knew nothing of it."""
    make_overdue(24, due=an_hour_ago(), apart=HOUR)
    now = timezone.now()
    for due in Deadline.objects.filter(kind="handle").order_by("due_at").values_list("due_at", flat=True):
        at = due + timedelta(microseconds=1)
        run_sweep("handle", cut_off=at, issued_at=at, ran_by="test")
    short = Penalty.objects.filter(appeal_by__lt=now + APPEAL_WITHIN - HOUR / 2).count()
    assert short == 24
    report.bitten("F7", "issued at the deadline", size="24 rows", damage=f"{short} windows 1 to 24 h short")


JUMPS = {"+1 d": DAY, "-1 h": -HOUR, "-1 d": -DAY}


def due_around() -> dict[int, datetime]:
    """Make complaints that are due from a day ago to a day ahead; return each one's deadline."""
    program, now = make_program(), timezone.now()
    hours = (-47, -25, -23, -2, -0.5, 0.5, 2, 23, 25)
    complaints = [file_at(now + timedelta(hours=each) - WINDOW, program) for each in hours]
    return {complaint.pk: complaint.handle_by for complaint in complaints}


def sweep_in_crew(crew: Crew) -> Callable[[timedelta], int]:
    """Sweep in a process whose clock is moved at the door."""
    return lambda jump: crew.bury(crew.command("sweep", ahead=jump.total_seconds()))


def sweep_under_faketime(library: Path) -> Callable[[timedelta], int]:
    """Sweep in a process for which the C library's clock jumps."""

    def sweep(jump: timedelta) -> int:
        moved = {
            "LD_PRELOAD": str(library),
            "FAKETIME": f"{jump.total_seconds():+.0f}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        command = [sys.executable, "manage.py", "sweep"]
        return subprocess.run(command, cwd=settings.BASE_DIR, env=environment() | moved, check=False).returncode

    return sweep


def faketime() -> Path | None:
    """Where libfaketime is, None when it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


def test_f8_the_clock_of_the_sweep_jumps(crew: Crew, report: Report) -> None:
    library = faketime() if IS_FULL else None
    assert library or not IS_FULL, "the whole size needs libfaketime: apt-get install libfaketime"
    sweep = sweep_under_faketime(library) if library else sweep_in_crew(crew)
    by_hand = due_around()
    swept = {}
    for _round in range(size(1, 4)):
        for name, jump in JUMPS.items():
            assert sweep(jump) == 0
            swept[name] = Penalty.objects.count()
            assert not Penalty.objects.filter(missed_at__gt=timezone.now()).exists(), "penalised before the deadline"
        assert sweep(timedelta()) == 0
    clocks = dict(Deadline.objects.filter(kind="handle").values_list("subject_id", "due_at"))
    assert all(by_hand[subject] == due for subject, due in clocks.items()), "a deadline moved"
    missed = {pk for pk, due in by_hand.items() if due < timezone.now() - GRACE}
    assert set(Penalty.objects.values_list("complaint_id", flat=True)) == missed
    assert counts() == exact(len(missed))
    runs = SweepRun.objects.filter(kind="handle", issued_at__lt=timezone.now() - HOUR / 2).count()
    assert runs, "no sweep ran by a clock that was wrong, so the fault did not land"
    report.survived(
        "F8",
        "the sweep's clock jumps +1 d, -1 h, -1 d " + ("(libfaketime)" if library else "(at the door)"),
        size=f"{size(3, 12)} jumps, {len(by_hand)} deadlines",
        landed=f"{runs} runs by a clock that was behind",
        result=f"{len(missed)} penalised, none early, none twice, no deadline moved",
    )


def test_f8_a_sweep_that_trusts_its_clock_penalises_early(crew: Crew, report: Report) -> None:
    due_around()
    assert crew.bury(crew.command("sweep", ahead=DAY.total_seconds(), trusting=True)) == 0
    early = Penalty.objects.filter(missed_at__gt=timezone.now()).count()
    assert early, "the twin must fail, or the test does not bite"
    report.bitten(
        "F8", "this machine's clock alone", size="1 jump, +1 d", damage=f"{early} penalised before the deadline"
    )
