"""The desk of ops, through its doors: how sweeps do, how they are controlled and tried, and what a run did."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from freezegun import freeze_time

from appeals.tests.making import ASK, appeal_at, decide_at, make_reviewer, penalty_issued, sweep
from appeals.tests.test_desk import member_of, signed_in, text_of
from complaints.models import HistoryLine
from complaints.tests.factories import file_at, handle_at, make_program, make_user, moment
from complaints_portal.sweep_desk import cases, trying
from complaints_portal.sweep_desk.figures import chart_of, hours_around, table_of
from deadlines.control import scheduled_sweep, set_mode
from deadlines.models import Deadline, OpsLine, SweepControl, SweepRun
from deadlines.sweeping import registered_kinds, run_sweep
from deadlines.tests.ops import ops
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
DUE = moment("2026-11-24T02:00Z")
NOW = moment("2026-11-24T02:30Z")


@pytest.fixture
def chen():
    return signed_in(member_of("ops", "Chen"))


@pytest.fixture
def auditor():
    return signed_in(member_of("auditor", "Shen"))


def address(name, *arguments):
    return reverse(f"admin:deadlines_sweeprun_{name}", args=arguments)


def get(client, name, *arguments, clock=NOW, **query):
    with freeze_time(clock):
        return client.get(address(name, *arguments), query)


def post(client, name, *arguments, clock=NOW, **data):
    with freeze_time(clock):
        return client.post(address(name, *arguments), data)


def file_many(number, filed=FILED):
    program = make_program()
    return [file_at(moment(filed) + timedelta(seconds=second), program) for second in range(number)]


def sweep_all_on_time(at=NOW):
    for kind in registered_kinds():
        with freeze_time(at):
            scheduled_sweep(kind, now=at)


def test_the_desk_says_in_words_what_is_late_and_what_is_on_time(chen):
    file_many(2)
    sweep_all_on_time()
    text = text_of(get(chen, "desk"))
    assert "All sweeps are on time" in text
    assert "Late:" not in text
    set_mode("handle", "paused", reason="Repairs.", actor=ops(), now=NOW)
    text = text_of(get(chen, "desk"))
    assert "1 sweep is late" in text
    assert text.count("Late: it is paused") == 1
    assert "Wang: “Repairs.”" in text
    later = text_of(get(chen, "desk", clock=NOW + timedelta(minutes=2, seconds=1)))
    assert later.count("Late: no run has ended in the last two minutes") == len(registered_kinds()) - 1


def test_the_index_says_what_is_late_to_whoever_may_see_runs(chen):
    with freeze_time(NOW):
        assert "no run has ended" in text_of(chen.get(reverse("admin:index")))
    sweep_all_on_time()
    with freeze_time(NOW):
        text = text_of(chen.get(reverse("admin:index")))
        assert "All sweeps are on time" in text
        assert address("desk") in text
        other = signed_in(member_of("reviewer", "Li"))
        assert address("desk") not in text_of(other.get(reverse("admin:index")))


def test_hours_are_counted_as_beijings_clock_shows_them_and_a_shadow_is_not():
    for filed in ("2026-11-20T02:59:59Z", "2026-11-20T03:00:00Z", "2026-11-20T03:59:59Z"):
        file_at(filed)
    runs = (("01:59:59Z", 5, False), ("02:00:00Z", 7, False), ("02:10:00Z", 90, True))
    for began, acted, is_shadow in runs:
        started = moment(f"2026-11-24T{began}")
        SweepRun.objects.create(
            kind="handle",
            cut_off=started,
            issued_at=started,
            started_at=started,
            acted=acted,
            is_shadow=is_shadow,
            ran_by="test",
        )
    hours = hours_around(["handle", "refund"], now=NOW)
    assert [hour.begins for hour in hours.acted][-1] == moment("2026-11-24T02:00Z")
    assert [hour.counts.get("handle", 0) for hour in hours.acted][-3:] == [0, 5, 7]
    assert [hour.counts.get("handle", 0) for hour in hours.due][:3] == [1, 2, 0]
    assert [(f"{row.hour:%H:%M %z}", row.cells) for row in table_of(hours.due, ["handle", "refund"])] == [
        ("10:00 +0800", [1, 0]),
        ("11:00 +0800", [2, 0]),
    ]
    chart = chart_of("handle", hours)
    assert chart.words == "12 acted on in the 24 hours behind, 3 due in the 24 hours ahead."
    assert [bar.title for bar in chart.bars] == [
        "11-24 09:00: 5 acted on",
        "11-24 10:00: 7 acted on",
        "11-24 10:00: 1 due",
        "11-24 11:00: 2 due",
    ]
    assert [line.value for line in chart.lines] == [0, 5, 10]


def test_the_window_of_the_chart_is_closed_before_and_open_after():
    file_at("2026-11-21T01:59:59Z")  # due in 24 hours less one second of this hour
    file_at("2026-11-21T02:00:00Z")  # due one second later
    assert sum(hour.counts.get("handle", 0) for hour in hours_around(["handle"], now=NOW).due) == 1


def queries_of(client, name, *arguments):
    with freeze_time(NOW), CaptureQueriesContext(connection) as queries:
        assert client.get(address(name, *arguments)).status_code == 200
    return len(queries)


def test_the_desk_asks_few_questions_however_much_there_is(chen):
    sweep_all_on_time()
    queries_of(chen, "desk")
    before = queries_of(chen, "desk")
    assert before <= 15
    file_many(5)
    sweep_all_on_time()
    wang = ops()
    for mode in ("paused", "shadow", "run"):
        set_mode("handle", mode, reason="Repairs.", actor=wang, now=NOW)
    assert queries_of(chen, "desk") == before


@pytest.mark.parametrize("mode", ["paused", "shadow", "run"])
def test_a_kind_is_controlled_with_a_reason(chen, mode):
    assert post(chen, "control", "handle", mode=mode, reason=" A drill. ").status_code == 302
    control = SweepControl.objects.get()
    assert (control.kind, control.mode, control.reason, control.changed_by) == ("handle", mode, "A drill.", "Chen")
    assert OpsLine.objects.get().verb == mode
    shown = text_of(get(chen, "desk"))
    assert "A drill." in shown


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"mode": "paused", "reason": "  "}, "Give the reason; it stays written down."),
        ({"mode": "asleep", "reason": "My long reason."}, "Select a valid choice."),
        ({"mode": "", "reason": "My long reason."}, "This field is required."),
        ({"mode": "paused", "reason": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_what_is_incomplete_changes_nothing_and_keeps_what_was_typed(chen, given, sentence):
    refused = post(chen, "control", "handle", **given)
    assert refused.status_code == 400
    assert sentence in text_of(refused)
    assert given["reason"].strip() in text_of(refused)
    assert not SweepControl.objects.exists()
    assert not OpsLine.objects.exists()


def test_an_unknown_kind_does_not_exist(chen):
    assert get(chen, "control", "handel").status_code == 404
    assert post(chen, "control", "handel", mode="paused", reason="A drill.").status_code == 404


def test_whoever_may_only_see_is_told_so_and_changes_nothing(auditor):
    sweep_all_on_time()
    text = text_of(get(auditor, "desk"))
    assert "You may look, but not change anything here" in text
    assert address("control", "handle") not in text
    assert "<textarea" not in text_of(get(auditor, "control", "handle"))
    assert post(auditor, "control", "handle", mode="paused", reason="A drill.").status_code == 403
    assert post(auditor, "dry_run", kind="handle", at="2026-11-24T10:30:00").status_code == 403
    assert not SweepControl.objects.exists()


@pytest.mark.parametrize("page", ["desk", "dry_run", "extensions", "amnesties", "policy", "what_if"])
def test_staff_who_may_not_see_runs_see_nothing_of_the_desk(page):
    reviewer = signed_in(member_of("reviewer", "Li"))
    assert get(reviewer, page).status_code == 403


def everything():
    counts = {model: model.objects.count() for model in (Penalty, Deadline, HistoryLine, Event, SweepRun)}
    return counts, list(Deadline.objects.order_by("pk").values_list("due_at"))


def test_a_dry_run_says_what_would_happen_at_a_moment_of_beijing_and_changes_nothing(chen):
    first, second = file_many(2)
    before = everything()
    for at, acted in (("2026-11-24T10:00:00", 0), ("2026-11-24T10:00:01", 1), ("2026-11-24T10:00:02", 2)):
        shown = post(chen, "dry_run", kind="handle", at=at)
        assert shown.status_code == 200
        assert shown.context_data["trial"].report.acted == acted
        assert shown.context_data["trial"].due == acted
        assert not shown.context_data["trial"].is_cut
    text = text_of(shown)
    for complaint in (first, second):
        assert reverse("admin:complaints_complaint_change", args=[complaint.pk]) in text
        assert complaint.complaint_no in text
    assert "Nothing was changed." in text
    assert everything() == before


def test_a_dry_run_that_a_page_has_no_time_for_is_cut_and_says_so(chen, monkeypatch):
    file_many(5)
    monkeypatch.setattr(trying, "BATCH", 2)
    monkeypatch.setattr(trying, "BATCHES", 2)
    shown = text_of(post(chen, "dry_run", kind="handle", at="2026-11-25T10:00:00"))
    assert "Only 4 of 5 were looked at" in shown
    monkeypatch.setattr(trying, "BATCH", 5)
    monkeypatch.setattr(trying, "BATCHES", 1)
    whole = post(chen, "dry_run", kind="handle", at="2026-11-25T10:00:00")
    assert not whole.context_data["trial"].is_cut
    assert whole.context_data["trial"].report.acted == 5


def test_a_dry_run_names_what_would_fail(chen):
    (complaint,) = file_many(1)
    Deadline.objects.update(complaint_id=complaint.pk + 1_000_000)
    shown = text_of(post(chen, "dry_run", kind="handle", at="2026-11-25T10:00:00"))
    assert "is not in complaints_complaint" in shown


@pytest.mark.parametrize("at", ["", "yesterday", "0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_a_moment_that_is_none_is_refused(chen, at):
    refused = post(chen, "dry_run", kind="handle", at=at)
    assert refused.status_code == 400
    assert "trial" not in refused.context_data


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_takes_too_long_is_broken_off_and_the_limit_goes_with_it():
    with connection.cursor() as cursor, pytest.raises(trying.TakesTooLong), trying.patience(1):
        cursor.execute("SELECT pg_sleep(30)")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_run_links_to_each_penalty_that_it_issued_page_by_page(chen, monkeypatch):
    monkeypatch.setattr(cases, "SIZE", 2)
    file_many(1, "2026-11-19T02:00Z")
    sweep("handle", "2026-11-23T04:00Z")  # another run, whose penalty must not stand on this one's page
    file_many(5)
    sweep("handle", "2026-11-24T04:00Z")
    run = SweepRun.objects.latest("pk")
    own = list(Penalty.objects.filter(sweep_run=run).order_by("pk"))
    file_many(1)
    sweep("handle", "2026-11-24T05:00Z")
    assert _all_pages(chen, run, "penalties") == [penalty.pk for penalty in own]
    text = text_of(get(chen, "run", run.pk))
    assert reverse("admin:penalties_penalty_change", args=[own[0].pk]) in text
    assert f"{address('amnesty_new')}?run={run.pk}" in text


def _all_pages(client, run, name):
    """Walk a run's pages by their own links, and back again; return the numbers on them."""
    found: list[int] = []
    where: dict[str, str] = {}
    for _ in range(10):
        context = get(client, "run", run.pk, **where).context_data
        found += [getattr(row, "pk", None) or row.subject_id for row in context[name]]
        if not context["next"]:
            break
        where = {"cursor": context["next"].partition("cursor=")[2]}
    assert context["previous"] or len(found) <= cases.SIZE
    return found


def closed_windows():
    penalty = penalty_issued("2026-11-10T04:00Z", filed="2026-11-05T04:00Z")
    sweep("appeal", "2026-11-24T04:00Z")
    return [penalty.pk]


def finished():
    complaints = [handle_at("2026-11-16T04:00Z", each, "shipped") for each in file_many(2, "2026-11-15T04:00Z")]
    subjects = sorted(Deadline.objects.filter(kind="finish").values_list("subject_id", flat=True))
    sweep("finish", "2026-12-24T04:00Z")
    assert complaints
    return subjects


def reviews():
    appeal = appeal_at("2026-11-16T11:00+08:00", penalty_issued("2026-11-16T10:00+08:00"))
    sweep("review", "2026-11-24T04:00Z")
    return [appeal.pk]


def supplements():
    appeal = appeal_at("2026-11-16T11:00+08:00", penalty_issued("2026-11-16T10:00+08:00"))
    decide_at("2026-11-16T12:00+08:00", "ask", appeal, ASK, by=make_reviewer())
    sweep("supplement", "2026-11-24T04:00Z")
    return [appeal.pk]


@pytest.mark.parametrize("acted", [closed_windows, finished, reviews, supplements])
def test_a_run_that_issues_nothing_links_to_what_it_acted_on(chen, acted):
    subjects = acted()
    run = SweepRun.objects.latest("pk")
    assert run.acted == len(subjects)
    assert run.kind in cases.EVENTS
    shown = get(chen, "run", run.pk).context_data["cases"]
    assert sorted(case.subject_id for case in shown) == subjects
    assert all(case.number and case.merchant for case in shown)


def test_every_kind_that_is_swept_has_a_way_to_its_rows():
    assert set(cases.NOUNS) == set(registered_kinds())
    assert set(cases.EVENTS) | {"handle", "refund"} == set(registered_kinds())


def test_a_shadow_run_shows_what_it_would_have_done(chen):
    complaints = file_many(3)
    run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="test", is_shadow=True)
    run = SweepRun.objects.get()
    text = text_of(get(chen, "run", run.pk))
    assert "Shadow: it did nothing" in text
    assert all(complaint.complaint_no in text for complaint in complaints)
    run.reasons["would_act_on"] = run.reasons["would_act_on"][:2]
    run.save()
    assert "These are the first 2; no more are kept." in text_of(get(chen, "run", run.pk))


def test_a_run_says_why_it_left_something(chen):
    _good, bad = file_many(2)
    Deadline.objects.filter(subject_id=bad.pk).update(complaint_id=bad.pk + 1_000_000)
    sweep("handle", "2026-11-24T04:00Z")
    text = text_of(get(chen, "run", SweepRun.objects.get().pk))
    assert "1 failed and stays due" in text
    assert bad.complaint_no in text
    assert "is not in complaints_complaint" in text


def test_a_run_asks_few_questions_however_much_it_did(chen):
    file_many(1, "2026-11-19T02:00Z")
    sweep("handle", "2026-11-23T04:00Z")
    small = SweepRun.objects.latest("pk")
    file_many(20)
    sweep("handle", "2026-11-24T04:00Z")
    large = SweepRun.objects.latest("pk")
    queries_of(chen, "run", small.pk)
    assert queries_of(chen, "run", small.pk) == queries_of(chen, "run", large.pk) <= 9


def test_a_page_that_no_run_gave_out_is_refused(chen):
    file_many(1)
    sweep("handle", "2026-11-24T04:00Z")
    assert get(chen, "run", SweepRun.objects.get().pk, cursor="x").status_code == 400
    assert get(chen, "run", 10**9).status_code == 404


def test_links_are_only_for_whoever_may_open_them():
    user = make_user("narrow", first_name="Narrow", is_staff=True)
    group = Group.objects.create(name="runs only")
    group.permissions.add(*group.permissions.model.objects.filter(codename="view_sweeprun"))
    user.groups.add(group)
    file_many(1)
    run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="test", is_shadow=True)
    text = text_of(get(signed_in(user), "run", SweepRun.objects.get().pk))
    assert "/admin/complaints/complaint/" not in text
    sweep("handle", "2026-11-24T04:00Z")
    text = text_of(get(signed_in(user), "run", SweepRun.objects.latest("pk").pk))
    assert Penalty.objects.get().penalty_no in text
    assert "/admin/penalties/penalty/" not in text
