"""Pausing a kind of sweep, and letting it run for show: by whom, with what reason, and what it does then."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from common.actors import SYSTEM, Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.models import HistoryLine
from complaints.tests.factories import file_at, make_program, moment
from deadlines.control import PERMISSION, REASON_LIMIT, controls, not_ahead, scheduled_sweep, set_mode
from deadlines.models import Deadline, OpsLine, SweepControl, SweepRun
from deadlines.sweeping import registered_kinds, run_sweep
from deadlines.tests.ops import nobody_special, ops
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
NOW = moment("2026-11-25T02:00Z")


def file_many(number: int) -> list[int]:
    program = make_program()
    return [file_at(moment(FILED) + timedelta(seconds=second), program).pk for second in range(number)]


def test_without_a_word_from_ops_every_kind_runs():
    assert {kind: control.mode for kind, control in controls().items()} == dict.fromkeys(registered_kinds(), "run")


@pytest.mark.parametrize(
    "actor",
    [
        SYSTEM,
        Actor(kind=ActorKind.MEMBER, name="Li", id=1, grants=frozenset({PERMISSION})),
        Actor(kind=ActorKind.STAFF, name="Xiao Er", id=1),
    ],
    ids=["system", "a member with the word", "staff without it"],
)
def test_who_may_not_changes_nothing(actor):
    with pytest.raises(NotAllowed):
        set_mode("handle", "paused", reason="Repairs.", actor=actor, now=NOW)
    assert not SweepControl.objects.exists()
    assert not OpsLine.objects.exists()


@pytest.mark.parametrize(
    ("kind", "mode", "reason", "field"),
    [
        ("handle", "paused", "", "reason"),
        ("handle", "paused", " \n ", "reason"),
        ("handle", "paused", "x" * (REASON_LIMIT + 1), "reason"),
        ("handel", "paused", "Repairs.", "mode"),
        ("handle", "asleep", "Repairs.", "mode"),
    ],
)
def test_what_is_incomplete_changes_nothing(kind, mode, reason, field):
    with pytest.raises(BadInput) as refusal:
        set_mode(kind, mode, reason=reason, actor=ops(), now=NOW)
    assert refusal.value.field == field
    assert not SweepControl.objects.exists()
    assert not OpsLine.objects.exists()


def test_a_paused_kind_is_not_swept_by_the_schedule_and_runs_again_when_told():
    file_many(3)
    wang = ops()
    set_mode("handle", "paused", reason="The clock of the machine was wrong.", actor=wang, now=NOW)
    assert scheduled_sweep("handle", now=NOW) is None
    assert not SweepRun.objects.exists()
    assert scheduled_sweep("finish", now=NOW) is not None, "only that kind is paused"
    set_mode("handle", "run", reason="It is right again.", actor=wang, now=NOW)
    report = scheduled_sweep("handle", now=NOW)
    assert report is not None
    assert report.acted == 3
    assert Penalty.objects.count() == 3
    lines = OpsLine.objects.order_by("pk").values_list("verb", "about", "reason", "actor_name", "detail")
    assert list(lines) == [
        ("paused", "handle", "The clock of the machine was wrong.", wang.name, {"before": "run"}),
        ("run", "handle", "It is right again.", wang.name, {"before": "paused"}),
    ]


def test_what_somebody_starts_by_hand_is_not_asked():
    file_many(1)
    set_mode("handle", "paused", reason="Repairs.", actor=ops(), now=NOW)
    assert run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="Wang").acted == 1


def test_shadow_acts_on_nothing_and_says_what_the_real_run_does():
    complaints = file_many(5)
    wang = ops()
    set_mode("handle", "shadow", reason="A new rule.", actor=wang, now=NOW)
    shown = scheduled_sweep("handle", now=NOW)
    assert shown is not None
    assert not Penalty.objects.exists()
    assert not HistoryLine.objects.filter(verb="issue").exists()
    assert not Event.objects.filter(name="penalty.issued").exists()
    assert Deadline.objects.filter(kind="handle").count() == 5
    shadow = SweepRun.objects.get()
    assert shadow.is_shadow
    assert shadow.ended_at is not None
    assert shadow.reasons["would_act_on"] == complaints
    set_mode("handle", "run", reason="It is right.", actor=wang, now=NOW)
    real = scheduled_sweep("handle", now=NOW)
    assert real is not None
    assert shown.counts() == real.counts() == {"examined": 5, "acted": 5, "skipped": 0, "failed": 0}
    run = SweepRun.objects.latest("pk")
    assert not run.is_shadow
    assert {name: getattr(run, name) for name in real.counts()} == {
        name: getattr(shadow, name) for name in real.counts()
    }
    assert sorted(Penalty.objects.values_list("subject_id", flat=True)) == complaints


def test_a_run_that_is_told_to_stop_ends_after_its_batch_and_tells_the_truth():
    file_many(7)
    answers = iter([False, False, True])
    report = run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="loop", batch=2, is_over=lambda: next(answers))
    assert report.counts() == {"examined": 4, "acted": 4, "skipped": 0, "failed": 0}
    run = SweepRun.objects.get()
    assert (run.acted, run.reasons) == (4, {"stopped": True})
    assert run.ended_at is not None
    assert Penalty.objects.count() == 4
    assert run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="loop").acted == 3


def test_what_ops_did_is_only_ever_added():
    set_mode("handle", "paused", reason="Repairs.", actor=ops(), now=NOW)
    for change in (lambda: OpsLine.objects.update(reason=""), lambda: OpsLine.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert OpsLine.objects.get().reason == "Repairs."


def test_staff_without_the_permission_are_told_whom_to_ask():
    with pytest.raises(NotAllowed, match=r"manages the groups|管理"):
        set_mode("handle", "paused", reason="Repairs.", actor=nobody_special(), now=NOW)


def test_a_machine_whose_clock_runs_ahead_sweeps_no_further_than_the_database_has_come(caplog):
    in_an_hour = timezone.now() + timedelta(hours=1)
    assert not_ahead(in_an_hour) < in_an_hour - timedelta(minutes=59)
    assert "clock_runs_ahead" in caplog.text


def test_a_machine_whose_clock_is_behind_sweeps_by_its_own():
    an_hour_ago = timezone.now() - timedelta(hours=1)
    assert not_ahead(an_hour_ago) == an_hour_ago
