"""`manage.py sweep`: the figures it prints, the exit status, and the sentences it refuses with."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from complaints.models import Complaint
from complaints.tests.factories import file_at, make_program, moment
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import registered_kinds
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
MISSED_BY_THEN = "2026-11-24T02:00:00.000001Z"


def sweep(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("sweep", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def last_line(text: str) -> dict[str, dict[str, int]]:
    figures: dict[str, dict[str, int]] = json.loads(text.splitlines()[-1])
    return figures


def break_the_row_of(complaint: Complaint) -> None:
    """Let the clock point at a complaint that does not exist, so that the database refuses its penalty."""
    nowhere = complaint.pk + 1_000_000
    Deadline.objects.filter(kind="handle", subject_id=complaint.pk).update(subject_id=nowhere, complaint_id=nowhere)


def test_the_last_line_of_json_has_four_figures_for_every_kind():
    file_at(FILED)
    out, _err = sweep("--at", MISSED_BY_THEN, "--json")
    nothing = {"examined": 0, "acted": 0, "skipped": 0, "failed": 0}
    assert last_line(out) == {
        **dict.fromkeys(registered_kinds(), nothing),
        "handle": {"examined": 1, "acted": 1, "skipped": 0, "failed": 0},
    }


def test_only_the_named_kinds_are_swept():
    file_at(FILED)
    out, _err = sweep("finish", "appeal", "--at", MISSED_BY_THEN, "--json")
    assert list(last_line(out)) == ["appeal", "finish"]
    assert not Penalty.objects.exists()


def test_at_is_the_cut_off_and_what_the_penalty_carries():
    file_at(FILED)
    sweep("handle", "--at", "2026-11-25T09:00:00+08:00")
    penalty = Penalty.objects.get()
    assert penalty.missed_at == moment("2026-11-24T02:00Z")
    assert penalty.issued_at == moment("2026-11-25T01:00Z")
    assert penalty.appeal_by == moment("2026-12-02T01:00Z")


@pytest.mark.parametrize(
    ("now", "penalties"),
    [("2026-11-24T02:01:00Z", 0), ("2026-11-24T02:01:00.000001Z", 1)],
    ids=["a minute after the deadline", "a microsecond later"],
)
def test_without_at_the_sweep_leaves_a_minute_of_grace(now, penalties):
    file_at(FILED)
    with freeze_time(now):
        sweep("handle")
    assert [penalty.issued_at for penalty in Penalty.objects.all()] == [moment(now)] * penalties


def test_a_table_for_people_names_the_figures():
    file_at(FILED)
    out, _err = sweep("handle", "--at", MISSED_BY_THEN)
    assert out.split() == ["kind", "examined", "acted", "skipped", "failed", "handle", "1", "1", "0", "0"]


def test_a_dry_run_lists_what_would_happen_and_changes_nothing():
    complaint = file_at(FILED)
    out, _err = sweep("handle", "--at", MISSED_BY_THEN, "--dry-run", "--json")
    assert out.splitlines()[0] == f"would act: handle {complaint.pk}"
    assert last_line(out) == {"handle": {"examined": 1, "acted": 1, "skipped": 0, "failed": 0}}
    assert Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists()
    assert not Penalty.objects.exists()
    assert not complaint.history.filter(noun="penalty").exists()
    assert not SweepRun.objects.exists()


def test_a_run_is_written_down_with_who_ran_it(monkeypatch):
    monkeypatch.setenv("LOGNAME", "wang-ops")
    file_at(FILED)
    sweep("handle", "--at", "2026-11-24T03:00Z", "--batch", "7")
    run = SweepRun.objects.get()
    assert (run.kind, run.ran_by, run.cut_off) == ("handle", "wang-ops", moment("2026-11-24T03:00Z"))
    assert (run.examined, run.acted, run.skipped, run.failed) == (1, 1, 0, 0)
    assert run.lag is not None
    assert run.lag.total_seconds() == 3600
    assert run.ended_at is not None


def test_a_row_that_failed_is_named_and_the_exit_status_is_1():
    program = make_program()
    good, bad = file_at(FILED, program), file_at(FILED, program)
    break_the_row_of(bad)
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"1 due row\(s\) failed") as refusal:
        call_command("sweep", "handle", "--at", MISSED_BY_THEN, "--json", stdout=out, stderr=err)
    assert refusal.value.returncode == 1
    assert f"failed: handle {bad.pk + 1_000_000}: " in err.getvalue()
    assert last_line(out.getvalue()) == {"handle": {"examined": 2, "acted": 1, "skipped": 0, "failed": 1}}
    assert Penalty.objects.get().complaint == good


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["handel"], "No sweep exists for 'handel'; the kinds are handle, "),
        (["--at", "yesterday"], "--at 'yesterday' is not a moment in ISO 8601"),
        (["--at", "2026-11-24T02:00:00"], "needs its offset"),
        (["--at", "2026-11-24"], "needs its offset"),
        (["--at", "9999-12-31T23:59:59Z"], "between the years 1970 and 8999"),
        (["--batch", "0"], "--batch '0' must be a whole number from 1 to 1000000"),
        (["--batch", "many"], "--batch 'many' must be a whole number"),
        (["--batch=-1"], "--batch '-1' must be a whole number"),
    ],
)
def test_a_wrong_order_is_refused_with_a_sentence_and_nothing_is_swept(arguments, sentence):
    file_at(FILED)
    with pytest.raises(CommandError) as refusal:
        sweep(*arguments)
    assert sentence in str(refusal.value)
    assert refusal.value.returncode == 2
    assert not SweepRun.objects.exists()
    assert not Penalty.objects.exists()


def test_a_moment_in_the_future_is_taken_as_it_is_and_said_aloud():
    file_at(FILED)
    with freeze_time("2026-11-20T03:00Z"):
        _out, err = sweep("handle", "--at", MISSED_BY_THEN)
    assert "lies in the future" in err
    assert Penalty.objects.count() == 1
