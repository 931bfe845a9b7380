"""The sweep engine: batches, bad rows, rows in use, dry runs, and what a run writes down."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, make_program, moment
from deadlines import sweeping
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import Report, _Run, _sweeps, run_sweep
from notifications.models import Event
from penalties.models import Penalty

FILED = "2026-11-20T02:00Z"
LATER = moment("2026-11-25T02:00Z")


def file_many(count: int) -> list[int]:
    program = make_program()
    return [file_at(moment(FILED) + timedelta(seconds=number), program).pk for number in range(count)]


def sweep(**options) -> Report:
    return run_sweep("handle", cut_off=LATER, issued_at=LATER, ran_by="Wang", **options)


def break_row(complaint_id: int) -> None:
    """Make a clock bad for real: its penalty would break a check constraint of the database."""
    Deadline.objects.filter(kind="handle", subject_id=complaint_id).update(points=0)


@pytest.fixture
def points_above_zero(db):
    """Let the database refuse a penalty without points, for the length of a test."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE penalties_penalty ADD CONSTRAINT above_zero CHECK (points > 0)")


@pytest.mark.django_db
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100])
def test_whatever_the_batch_every_due_row_is_dealt_with_once(batch):
    complaints = file_many(7)
    report = sweep(batch=batch)
    assert report.counts() == {"examined": 7, "acted": 7, "skipped": 0, "failed": 0}
    assert set(Penalty.objects.values_list("complaint_id", flat=True)) == set(complaints)
    assert not Deadline.objects.filter(kind="handle").exists()
    assert Deadline.objects.filter(kind="appeal").count() == 7
    assert HistoryLine.objects.filter(verb="issue").count() == 7
    assert Event.objects.filter(name="penalty.issued").count() == 7


@pytest.mark.usefixtures("points_above_zero")
@pytest.mark.parametrize("batch", [1, 5, 100])
def test_a_bad_row_is_recorded_and_never_stops_the_others(batch):
    complaints = file_many(12)
    break_row(complaints[3])
    break_row(complaints[4])
    report = sweep(batch=batch)
    assert report.counts() == {"examined": 12, "acted": 10, "skipped": 0, "failed": 2}
    assert [failure["subject_id"] for failure in report.failures] == [complaints[3], complaints[4]]
    assert all("above_zero" in failure["reason"] for failure in report.failures)
    assert Penalty.objects.count() == 10
    assert set(Deadline.objects.filter(kind="handle").values_list("subject_id", flat=True)) == set(complaints[3:5])
    run = SweepRun.objects.get()
    assert (run.examined, run.acted, run.failed) == (12, 10, 2)
    assert [failure["subject_id"] for failure in run.reasons["failures"]] == complaints[3:5]


@pytest.mark.usefixtures("points_above_zero")
def test_a_bad_row_stays_due_and_is_dealt_with_when_it_is_mended():
    (complaint,) = file_many(1)
    break_row(complaint)
    assert sweep().failed == 1
    Deadline.objects.filter(subject_id=complaint).update(points=1)
    assert sweep().counts() == {"examined": 1, "acted": 1, "skipped": 0, "failed": 0}


@pytest.mark.django_db
def test_a_clock_whose_complaint_does_not_exist_fails_by_name():
    (complaint,) = file_many(1)
    Deadline.objects.filter(subject_id=complaint).update(subject_id=complaint + 1000, complaint_id=complaint + 1000)
    report = sweep()
    assert report.counts() == {"examined": 1, "acted": 0, "skipped": 0, "failed": 1}
    assert report.failures[0]["subject_id"] == complaint + 1000
    assert not Penalty.objects.exists()


@pytest.mark.django_db
def test_a_dry_run_says_what_would_happen_and_changes_nothing():
    complaints = file_many(5)
    report = sweep(dry_run=True, batch=2)
    assert report.counts() == {"examined": 5, "acted": 5, "skipped": 0, "failed": 0}
    assert report.subjects == complaints
    assert not Penalty.objects.exists()
    assert not SweepRun.objects.exists()
    assert not Event.objects.filter(name="penalty.issued").exists()
    assert not HistoryLine.objects.filter(verb="issue").exists()
    assert Deadline.objects.filter(kind="handle").count() == 5


@pytest.mark.usefixtures("points_above_zero")
def test_a_dry_run_foretells_a_bad_row():
    complaints = file_many(3)
    break_row(complaints[1])
    foretold = sweep(dry_run=True)
    assert foretold.counts() == {"examined": 3, "acted": 2, "skipped": 0, "failed": 1}
    assert foretold.counts() == sweep().counts()


@pytest.mark.django_db
def test_a_run_leaves_a_record_of_itself():
    file_many(3)
    sweep(batch=2)
    run = SweepRun.objects.get()
    assert (run.kind, run.cut_off, run.issued_at, run.ran_by) == ("handle", LATER, LATER, "Wang")
    assert (run.examined, run.acted, run.skipped, run.failed) == (3, 3, 0, 0)
    assert run.lag == timedelta(days=1)
    assert run.reasons == {}
    assert run.ended_at is not None
    assert run.started_at <= run.ended_at


@pytest.mark.django_db
def test_a_run_with_nothing_to_do_leaves_a_record_too():
    sweep()
    run = SweepRun.objects.get()
    assert (run.examined, run.acted, run.lag) == (0, 0, None)


@pytest.mark.django_db
def test_clocks_of_another_kind_run_on():
    file_many(2)
    assert run_sweep("appeal", cut_off=LATER, issued_at=LATER, ran_by="Wang").examined == 0
    assert Deadline.objects.filter(kind="handle").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["handle", "refund", "appeal", "finish"])
def test_a_batch_can_be_taken_without_reading_any_table_from_end_to_end(kind):
    run = _Run(_sweeps[kind], SweepRun(kind=kind, cut_off=LATER, issued_at=LATER), batch=10, dry_run=False)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {run.sweep.statement()}", run._parameters(10))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "deadline_by_kind_and_due" in plan
    assert "Seq Scan" not in plan


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_ends_the_run_which_stays_open_and_the_next_one_does_the_rest():
    file_many(6)
    statement = _sweeps["handle"].statement()
    batches = 0

    def lose_the_connection_in_the_second_batch(execute, sql, params, many, context):
        nonlocal batches
        batches += sql == statement
        if batches == 2:
            sql = f"SELECT pg_terminate_backend(pg_backend_pid()); {sql}"
        return execute(sql, params, many, context)

    with connection.execute_wrapper(lose_the_connection_in_the_second_batch), pytest.raises(DatabaseError):
        sweep(batch=2)
    connection.close()
    run = SweepRun.objects.get()
    assert (run.examined, run.acted, run.ended_at) == (2, 2, None)
    assert Penalty.objects.count() == Event.objects.filter(name="penalty.issued").count() == 2
    assert sweep().counts() == {"examined": 4, "acted": 4, "skipped": 0, "failed": 0}


@pytest.mark.django_db(transaction=True)
def test_a_row_behind_a_lock_that_is_not_given_back_is_stepped_over_and_is_no_failure(monkeypatch):
    """Another transaction has issued the same penalty and does not end; the sweep gives up waiting for its outcome."""
    complaints = file_many(3)
    monkeypatch.setattr(sweeping, "PRELUDE", sweeping.PRELUDE.replace("2s", "20ms"))
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                issue_by_hand(complaints[1])
                held.set()
                assert released.wait(timeout=60)
                transaction.set_rollback(True)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(timeout=60)
        report = sweep()
        released.set()
        holding.result()
    assert report.counts() == {"examined": 3, "acted": 2, "skipped": 1, "failed": 0}
    assert report.reasons() == {"in_use": 1}
    assert sweep().counts() == {"examined": 1, "acted": 1, "skipped": 0, "failed": 0}


def issue_by_hand(complaint_id: int) -> None:
    """Insert the penalty that the sweep is about to issue."""
    complaint = Complaint.objects.get(pk=complaint_id)
    Penalty.objects.create(
        penalty_no="by hand",
        kind="complaint_timeout",
        subject_id=complaint.pk,
        complaint=complaint,
        merchant=complaint.merchant,
        mini_program=complaint.mini_program,
        points=1,
        missed_at=complaint.handle_by,
        issued_at=LATER,
        appeal_by=moment("2026-12-02T02:00Z"),
    )
