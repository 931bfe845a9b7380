"""When a sweep counts as late: twice its interval, and not a microsecond before."""

from datetime import timedelta

import pytest

from complaints.tests.factories import moment
from deadlines.lateness import Lateness, lateness

NOON = moment("2026-03-10T12:00:00+08:00")
A_WHILE_AGO = moment("2026-03-10T11:59:00+08:00")
MICROSECOND = timedelta(microseconds=1)


def late(**changed):
    return lateness(**{"now": NOON, "mode": "run", "last_run": A_WHILE_AGO, "oldest_due": None, **changed})


def test_two_minutes_after_its_last_run_a_kind_is_on_time_and_a_microsecond_later_it_is_silent():
    last_run = moment("2026-03-10T11:58:00+08:00")
    assert late(last_run=last_run) is None
    assert late(last_run=last_run - MICROSECOND) is Lateness.SILENT
    assert late(last_run=None) is Lateness.SILENT


def test_what_is_due_may_wait_for_the_grace_and_two_runs():
    oldest_due = moment("2026-03-10T11:57:00+08:00")
    assert late(oldest_due=oldest_due) is None
    assert late(oldest_due=oldest_due - MICROSECOND) is Lateness.BEHIND


@pytest.mark.parametrize("last_run", [None, A_WHILE_AGO])
def test_a_paused_kind_is_paused_whatever_else(last_run):
    assert late(mode="paused", last_run=last_run, oldest_due=NOON) is Lateness.PAUSED


def test_in_shadow_runs_count_and_what_they_leave_waits():
    assert late(mode="shadow") is None
    assert late(mode="shadow", oldest_due=moment("2026-03-10T11:00:00+08:00")) is Lateness.BEHIND
