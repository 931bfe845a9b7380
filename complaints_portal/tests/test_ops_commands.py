"""The doors of ops on the command line: who may, what is said, which exit status; the rules stand with the verbs."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from appeals.tests.making import sweep
from complaints.tests.factories import file_at, handle_at, make_member, make_program, make_user, moment
from deadlines.models import Deadline, Extension, OpsLine, PolicyChange, SweepControl, SweepRun
from deadlines.tests.ops import make_ops
from penalties.models import Amnesty, Penalty

pytestmark = pytest.mark.django_db

NOW = "2026-11-24T06:00:00Z"
SPAN = ("--from", "2026-11-24T02:00:00Z", "--to", "2026-11-24T05:00:00Z")
FOUR_EYES = "[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 1\n"


def run(*arguments: str) -> str:
    out = StringIO()
    with freeze_time(NOW):
        call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def refused(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    return refusal.value.returncode, str(refusal.value)


@pytest.fixture
def wang():
    return make_ops("wang")


ORDERS = [
    ("sweeps", "pause", "handle", "--reason", "Repairs."),
    ("extend", *SPAN, "--reason", "Power.", "--yes"),
    ("amnesty", *SPAN, "--reason", "Power.", "--yes"),
    ("policy", "--record"),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
def test_whoever_is_no_staff_or_may_not_changes_nothing(order, policy_file):
    policy_file(FOUR_EYES)
    file_at("2026-11-20T02:30Z")
    sweep("handle", "2026-11-24T03:00Z")
    make_user("support", is_staff=True)
    make_user("gone", is_staff=True, is_active=False)
    make_member(make_program().merchant, username="member")
    assert refused(*order) == (2, "Say with --as in whose name this is done: a person of the staff.")
    for name in ("nobody", "member", "gone"):
        assert refused(*order, "--as", name) == (2, f"Nobody of the staff signs in as '{name}'.")
    status, sentence = refused(*order, "--as", "support")
    assert (status, sentence[:27]) == (1, "You may not control the swe")
    for model in (SweepControl, Extension, Amnesty, OpsLine, PolicyChange):
        assert not model.objects.exists()


def test_sweeps_shows_a_line_for_each_kind(wang):
    file_at("2026-11-20T02:00Z")  # due at 02:00: four hours ago
    file_at("2026-11-20T10:00Z")  # due in four hours
    file_at("2026-11-22T10:00Z")  # later than what is looked at
    run("sweeps", "pause", "handle", "--reason", "The clock was wrong.", "--as", "wang")
    out = run("sweeps")
    (line,) = [line for line in out.splitlines() if line.startswith("handle")]
    assert line.split()[:7] == ["handle", "paused", "never", "4", "h", "0", "min"]
    assert line.split()[7:9] == ["1", "1"]
    assert line.endswith("Wang: The clock was wrong.")
    figures = json.loads(run("sweeps", "--json", "--hours", "72"))
    assert (figures["handle"]["due_now"], figures["handle"]["due_soon"]) == (1, 2)
    assert figures["handle"]["lag_seconds"] == 4 * 3600
    quiet = {"mode": "run", "reason": "", "changed_by": "", "last_run": None, "lag_seconds": None}
    assert figures["finish"] == {**quiet, "due_now": 0, "due_soon": 0, "late": "silent"}


def test_sweeps_pauses_shadows_and_lets_run_again(wang):
    for order, mode in (("pause", "paused"), ("shadow", "shadow"), ("run", "run")):
        assert f"handle: {mode}, by Wang: Why." in run("sweeps", order, "handle", "--reason", "Why.", "--as", "wang")
        assert SweepControl.objects.get().mode == mode


@pytest.mark.parametrize(
    ("order", "status", "sentence"),
    [
        (("sweeps", "pause", "handle", "--as", "wang"), 1, "Give the reason"),
        (("sweeps", "pause", "handel", "--reason", "x", "--as", "wang"), 2, "No sweep exists for 'handel'"),
        (("sweeps", "pause", "--reason", "x", "--as", "wang"), 2, "Name the kind"),
        (("sweeps", "--hours", "0"), 2, "--hours '0' must be a whole number"),
        (("extend",), 2, "Say what the extension is of"),
        (("extend", "--from", "2026-11-24T02:00:00Z"), 2, "both --from and --to"),
        (("extend", "--from", "2026-11-24T02:00", "--to", NOW), 2, "--from '2026-11-24T02:00' needs its offset"),
        (("extend", "review", *SPAN), 2, "No way of moving the clock exists for 'review'"),
        (("extend", "--from", "2026-11-24T02:00:00Z", "--to", "2026-11-24T07:00:00Z"), 1, "lies in the future"),
        (("extend", *SPAN, "--yes", "--as", "wang"), 1, "Give the reason"),
        (("extend", "--approve", "7", "--as", "wang"), 2, "There is no extension 7"),
        (("amnesty",), 2, "Say what the amnesty is of"),
        (("amnesty", "--run", "7"), 2, "There is no sweep run 7"),
        (("amnesty", "--run", "7", *SPAN), 2, "Name a sweep run, or a span"),
        (("amnesty", "--run", "7", "--kind", "refund_overdue"), 2, "--kind goes with a span"),
        (("amnesty", *SPAN, "--reason", "x", "--yes", "--as", "wang"), 1, "No penalty of these is in effect"),
        (("amnesty", "--from", SPAN[3], "--to", SPAN[1]), 1, "a span that ends after it began"),
        (("amnesty", "--from", SPAN[1], "--to", "2026-11-24T06:00:01Z"), 1, "The span lies in the future."),
        (("amnesty", "--decline", "7", "--as", "wang"), 2, "There is no amnesty 7"),
        (("what_if", "--policy", "/nowhere", "--from", "2026-11-20", "--to", "2026-11-20"), 2, "/nowhere"),
        (("what_if", "--policy", "/nowhere", "--from", "2026-11-20", "--to", "2026-11-19"), 2, "must not lie before"),
        (("what_if", "--policy", "/nowhere", "--from", "today", "--to", "2026-11-19"), 2, "'today' is not a day"),
        (("sweep", "--every", "5"), 2, "--every needs --loop"),
        (("sweep", "--loop", "--at", NOW), 2, "--loop goes with KIND and --every only"),
        (("sweep", "--loop", "--json"), 2, "--loop goes with KIND and --every only"),
        (("sweep", "--loop", "--every", "0"), 2, "--every '0' must be a whole number"),
    ],
)  # fmt: skip
def test_a_wrong_order_ends_with_a_sentence_and_a_status(wang, order, status, sentence):
    found, said = refused(*order)
    assert sentence in said
    assert found == status
    for model in (SweepControl, Extension, Amnesty, OpsLine, SweepRun):
        assert not model.objects.exists()


def test_a_sweep_by_hand_says_that_the_kind_is_paused_and_goes_on(wang):
    file_at("2026-11-20T02:00Z")
    run("sweeps", "pause", "handle", "--reason", "Repairs.", "--as", "wang")
    assert "Note: handle is paused (Wang: Repairs.); it is looked at all the same." in run("sweep", "--dry-run")
    assert not Penalty.objects.exists()
    out = run("sweep", "handle")
    assert "Note: handle is paused (Wang: Repairs.); it is swept now." in out
    assert Penalty.objects.count() == 1
    run("sweeps", "shadow", "handle", "--reason", "New.", "--as", "wang")
    assert "Note: handle runs in shadow only (Wang: New.)" in run("sweep")
    assert "Note" not in run("sweep", "finish")


def test_extend_counts_first_and_moves_when_told(wang):
    complaint = file_at("2026-11-22T02:00Z")
    out = run("extend", *SPAN)
    assert out.splitlines()[0].split()[:2] == ["handle", "1"]
    assert "Nothing was done. With --yes this is done at once." in out
    assert not Extension.objects.exists()
    out = run("extend", "handle", *SPAN, "--reason", "Power.", "--yes", "--as", "wang")
    assert out.splitlines()[-1].endswith(": 1 case(s) done.")
    assert Deadline.objects.get(subject_id=complaint.pk).due_at == moment("2026-11-26T05:00Z")
    assert f"Note: extension {Extension.objects.get().pk} (done) is about some of the same time" in run("extend", *SPAN)
    assert ": Power." in run("extend", "--list")


@pytest.mark.parametrize("order", ["extend", "amnesty"])
def test_what_touches_nothing_is_not_to_be_proposed(wang, order):
    assert run(order, *SPAN).splitlines()[-1] == "No case is touched; there is nothing to propose."


def test_extend_waits_for_a_second_person_above_the_number(wang, policy_file):
    policy_file(FOUR_EYES)
    make_ops("li")
    for _ in range(2):
        file_at("2026-11-22T02:00Z")
    assert "With --yes this is proposed; more than 1 cases need a second person." in run("extend", *SPAN)
    out = run("extend", *SPAN, "--reason", "Power.", "--yes", "--as", "wang")
    number = str(Extension.objects.get().pk)
    assert f"manage.py extend --approve {number} --as USERNAME" in out
    assert Extension.objects.get().status == "proposed"
    assert refused("extend", "--approve", number, "--as", "wang")[0] == 1
    assert "2 case(s) done" in run("extend", "--approve", number, "--as", "li")
    assert "2 case(s) done" in run("extend", "--carry-out", number, "--as", "wang")
    assert refused("extend", "--decline", number, "--as", "li") == (1, "Somebody decided this already.")


def test_amnesty_counts_first_and_revokes_when_told(wang):
    file_at("2026-11-20T02:30Z")
    sweep("handle", "2026-11-24T03:00Z")
    number = str(SweepRun.objects.get(kind="handle").pk)
    assert run("amnesty", "--run", number).startswith("1 penalties are revoked, 1 points given back to 1 merchants;")
    assert Penalty.objects.get().status == "in_effect"
    out = run("amnesty", *SPAN, "--kind", "complaint_timeout", "--reason", "Power.", "--yes", "--as", "wang")
    assert out.splitlines()[-1].endswith(": 1 case(s) done.")
    assert Penalty.objects.get().revoked_by == "Wang"
    assert ": Power." in run("amnesty", "--list")


def test_amnesty_waits_for_a_second_person_who_may_decline(wang, policy_file):
    policy_file(FOUR_EYES)
    make_ops("li")
    for _ in range(2):
        file_at("2026-11-20T02:30Z")
    sweep("handle", "2026-11-24T03:00Z")
    run("amnesty", *SPAN, "--reason", "Power.", "--yes", "--as", "wang")
    number = str(Amnesty.objects.get().pk)
    assert "is declined; nothing was done" in run("amnesty", "--decline", number, "--as", "li")
    assert refused("amnesty", "--carry-out", number, "--as", "li")[0] == 1
    assert not Penalty.objects.filter(status="revoked").exists()


def test_policy_shows_what_is_in_force_dated_and_recorded(wang, policy_file):
    policy_file("[[policy]]\nsince = 2027-01-01T00:00:00+08:00\nhandle_hours = 48\n")
    out = run("policy")
    assert "handle_hours                    96" in out
    assert "from 2027-01-01 00:00 Beijing time: handle_hours 96 -> 48" in out
    assert "Recorded: nothing yet" in out
    assert "1 change(s) of the policy were recorded." in run("policy", "--record", "--as", "wang")
    assert "0 change(s)" in run("policy", "--record", "--as", "wang")
    assert "by Wang: from 2027-01-01 00:00 Beijing time: handle_hours 96 -> 48" in run("policy")


def test_what_if_reads_a_policy_file_and_counts(tmp_path):
    file = tmp_path / "next.toml"
    file.write_text("[[policy]]\nsince = 2030-01-01T00:00:00+08:00\nhandle_hours = 48\nhandle_points = 2\n")
    handle_at("2026-11-23T02:00Z", file_at("2026-11-20T02:00Z"))
    order = ("what_if", "--policy", str(file), "--from", "2026-11-20", "--to", "2026-11-20")
    assert json.loads(run(*order, "--json"))["complaint"] == {
        "noun": "complaint", "obligations": 1, "missed": 0, "would_miss": 1, "points": 0, "would_cost": 2,
    }  # fmt: skip
    assert run(*order).splitlines()[1].split() == ["complaint", "1", "0", "1", "0", "2"]


def test_beat_writes_the_policy_down_when_it_starts(policy_file, monkeypatch):
    from django.db import connection

    from complaints_portal import celery

    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own, with its transaction
    policy_file(FOUR_EYES)
    celery.write_down_the_policy()
    celery.write_down_the_policy()
    assert PolicyChange.objects.get().recorded_by == "beat"
