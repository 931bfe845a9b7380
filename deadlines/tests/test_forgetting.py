"""Which sweep runs are forgotten: what found nothing, a week later, and nothing else."""

from datetime import timedelta

import pytest

from complaints.tests.factories import moment
from deadlines.forgetting import forget_idle_runs
from deadlines.models import SweepRun
from deadlines.tests.explaining import plans_of

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00:00+08:00")
A_WEEK_AGO = moment("2026-03-03T12:00:00+08:00")
MICROSECOND = timedelta(microseconds=1)


def run_at(at, **changed) -> SweepRun:
    return SweepRun.objects.create(
        **{
            "kind": "handle",
            "cut_off": at,
            "issued_at": at,
            "started_at": at,
            "ended_at": at,
            "ran_by": "test",
            **changed,
        }
    )


def test_a_run_that_found_nothing_is_forgotten_after_seven_days_and_not_before():
    forgotten = run_at(A_WEEK_AGO - MICROSECOND)
    kept = run_at(A_WEEK_AGO)
    assert forget_idle_runs(now=NOON) == 1
    assert list(SweepRun.objects.all()) == [kept]
    assert not SweepRun.objects.filter(pk=forgotten.pk).exists()
    assert forget_idle_runs(now=NOON) == 0


def test_a_run_that_found_something_or_never_ended_stays():
    long_ago = A_WEEK_AGO - timedelta(days=300)
    kept = {
        run_at(long_ago, examined=1, acted=1).pk,
        run_at(long_ago, examined=3, failed=2, skipped=1).pk,
        run_at(long_ago, ended_at=None).pk,
    }
    assert forget_idle_runs(now=NOON) == 0
    assert set(SweepRun.objects.values_list("pk", flat=True)) == kept


def test_the_oldest_go_first_a_batch_at_a_time_by_an_index():
    runs = [run_at(A_WEEK_AGO - timedelta(hours=hours)) for hours in (1, 3, 2)]
    plan = plans_of(lambda: forget_idle_runs(now=NOON, batch=2))[0]
    assert "idle_sweep_run" in plan
    assert list(SweepRun.objects.all()) == [runs[0]]
