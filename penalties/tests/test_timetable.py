"""The 96 hours and what missing them costs, as a timetable. Every expected moment is written by hand.

Filed 2026-11-20 10:00 in Beijing, due 2026-11-24 10:00; a penalty issued then can be appealed until 2026-12-01 10:00.
"""

import pytest

from complaints import services
from complaints.models import HistoryLine
from complaints.states import Status as ComplaintStatus
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_program,
    member_actor,
    moment,
)
from deadlines.models import Deadline, SweepRun
from deadlines.sweeping import Report, run_sweep
from notifications.models import Event
from penalties.models import Penalty
from penalties.states import Kind, Status

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
JUST_BEFORE = "2026-11-24T01:59:59.999999Z"
DUE = "2026-11-24T02:00Z"
JUST_AFTER = "2026-11-24T02:00:00.000001Z"
A_DAY_LATE = "2026-11-25T02:00Z"
WINDOW_ENDS = "2026-12-01T02:00:00.000001Z"
"""168 hours after JUST_AFTER."""


def sweep(kind: str, at: str, **options) -> Report:
    return run_sweep(kind, cut_off=moment(at), issued_at=moment(at), ran_by="test", **options)


@pytest.mark.parametrize(
    ("handled_at", "in_time", "penalties"), [(JUST_BEFORE, True, 0), (DUE, True, 0), (JUST_AFTER, False, 1)]
)
def test_handling_is_in_time_up_to_the_very_moment_of_the_deadline(handled_at, in_time, penalties):
    handling = handle_at(handled_at, file_at(FILED))
    sweep("handle", A_DAY_LATE)
    assert handling.in_time is in_time
    assert Penalty.objects.count() == penalties


@pytest.mark.parametrize(("cut_off", "penalties"), [(JUST_BEFORE, 0), (DUE, 0), (JUST_AFTER, 1)])
def test_a_sweep_finds_what_was_missed_before_its_cut_off_and_nothing_else(cut_off, penalties):
    file_at(FILED)
    assert sweep("handle", cut_off).acted == penalties
    assert Penalty.objects.count() == penalties


def test_a_penalty_keeps_both_moments_and_the_whole_case():
    complaint = file_at(FILED)
    sweep("handle", A_DAY_LATE)
    penalty = Penalty.objects.get()
    assert (penalty.kind, penalty.points, penalty.status) == (Kind.COMPLAINT_TIMEOUT, 1, Status.IN_EFFECT)
    assert (penalty.complaint, penalty.subject_id, penalty.round) == (complaint, complaint.pk, 1)
    assert (penalty.merchant_id, penalty.mini_program_id) == (complaint.merchant_id, complaint.mini_program_id)
    assert penalty.missed_at == moment("2026-11-24T02:00Z")
    assert penalty.issued_at == moment("2026-11-25T02:00Z")
    assert penalty.appeal_by == moment("2026-12-02T02:00Z")
    assert penalty.sweep_run == SweepRun.objects.get()
    assert penalty.penalty_no.startswith("2026112502")
    assert len(penalty.penalty_no) == 28


def test_the_history_and_the_event_of_a_penalty_are_written_with_it():
    complaint = file_at(FILED)
    sweep("handle", JUST_AFTER)
    penalty = Penalty.objects.get()
    line = HistoryLine.objects.get(complaint=complaint, noun="penalty")
    assert (line.noun_id, line.verb, line.from_state, line.to_state) == (penalty.pk, "issue", "", "in_effect")
    assert (line.actor_kind, line.actor_name, line.at) == ("system", "system", moment(JUST_AFTER))
    assert line.detail == {"penalty_no": penalty.penalty_no, "kind": "complaint_timeout", "points": 1}
    event = Event.objects.get(name="penalty.issued")
    assert (event.subject_id, event.merchant_id, event.at) == (penalty.pk, complaint.merchant_id, moment(JUST_AFTER))


def test_the_complaint_is_not_touched_by_its_penalty_and_can_still_be_handled():
    complaint = file_at(FILED)
    sweep("handle", A_DAY_LATE)
    complaint.refresh_from_db()
    assert complaint.status == ComplaintStatus.PENDING
    handling = handle_at("2026-11-25T03:00Z", complaint)
    assert handling.in_time is False
    sweep("handle", "2026-11-30T02:00Z")
    assert Penalty.objects.count() == 1


def test_late_handling_is_penalised_also_when_no_sweep_ran_in_between():
    complaint = file_at(FILED)
    handle_at("2026-11-24T03:00Z", complaint)
    assert sweep("handle", "2026-11-26T02:00Z").acted == 1
    assert Penalty.objects.get().missed_at == moment(DUE)


def test_twice_is_once():
    file_at(FILED)
    assert sweep("handle", A_DAY_LATE).counts() == {"examined": 1, "acted": 1, "skipped": 0, "failed": 0}
    assert sweep("handle", A_DAY_LATE).counts() == {"examined": 0, "acted": 0, "skipped": 0, "failed": 0}
    assert Penalty.objects.count() == 1


def test_the_database_holds_that_one_obligation_has_one_penalty():
    """The clock comes back by mistake: the sweep skips it, and the penalty stays alone."""
    complaint = file_at(FILED)
    sweep("handle", A_DAY_LATE)
    Deadline.objects.bulk_create([services.handle_clock(complaint)])
    assert sweep("handle", A_DAY_LATE).counts() == {"examined": 1, "acted": 0, "skipped": 1, "failed": 0}
    assert Penalty.objects.count() == 1
    assert Deadline.objects.filter(kind="appeal").count() == 1


@pytest.mark.parametrize(("cancelled_at", "penalties"), [(DUE, 0), (JUST_AFTER, 1)])
def test_a_withdrawal_costs_nothing_in_time_and_saves_nothing_afterwards(cancelled_at, penalties):
    complaint = file_at(FILED)
    services.cancel(complaint.pk, reason="solved", actor=consumer_actor(complaint), now=moment(cancelled_at))
    sweep("handle", A_DAY_LATE)
    assert Penalty.objects.count() == penalties


def test_a_message_stops_no_clock():
    complaint = file_at(FILED)
    actor = member_actor(complaint.merchant)
    services.leave_message(complaint.pk, "We are on it.", actor=actor, now=moment("2026-11-20T03:00Z"))
    assert sweep("handle", JUST_AFTER).acted == 1


def test_a_day_without_sweeps_penalises_the_same_complaints_and_eats_nobodys_window():
    """Eight complaints, an hour apart; one sweep every hour here, a single one a day later there."""
    every_hour, once = make_program(), make_program()
    for program in (every_hour, once):
        for hour in range(8):
            complaint = file_at(f"2026-11-20T{hour:02d}:30Z", program, upstream_id=f"{program.pk}-{hour}")
            if hour % 4 == 1:
                handle_at(f"2026-11-24T{hour:02d}:30Z", complaint)  # in time, to the moment
            if hour % 4 == 2:
                handle_at(f"2026-11-24T{hour:02d}:31Z", complaint)  # a minute late
    late_clocks = list(Deadline.objects.filter(kind="handle", merchant=once.merchant))
    Deadline.objects.filter(pk__in=[clock.pk for clock in late_clocks]).delete()
    for hour in range(10):
        sweep("handle", f"2026-11-24T{hour:02d}:00Z")
    Deadline.objects.bulk_create(late_clocks)
    sweep("handle", A_DAY_LATE)

    def penalised(program):
        found = Penalty.objects.filter(mini_program=program).select_related("complaint").order_by("missed_at")
        return [(each.complaint.upstream_id.split("-")[1], each.missed_at, each.points) for each in found]

    assert penalised(every_hour) == penalised(once)
    assert [number for number, _missed, _points in penalised(once)] == ["0", "2", "3", "4", "6", "7"]
    windows = Penalty.objects.filter(mini_program=once).values_list("appeal_by", flat=True)
    assert set(windows) == {moment("2026-12-02T02:00Z")}


@pytest.mark.parametrize(
    ("cut_off", "closed"),
    [("2026-12-01T02:00:00Z", False), (WINDOW_ENDS, False), ("2026-12-01T02:00:00.000002Z", True)],
)
def test_an_appeal_window_closes_after_168_hours(cut_off, closed):
    file_at(FILED)
    sweep("handle", JUST_AFTER)
    sweep("appeal", cut_off)
    penalty = Penalty.objects.get()
    assert penalty.appeal_by == moment(WINDOW_ENDS)
    assert penalty.window_closed_at == (moment(cut_off) if closed else None)
    assert penalty.status == Status.IN_EFFECT
    assert HistoryLine.objects.filter(verb="close_window").count() == closed
    assert Event.objects.filter(name="penalty.window_closed").count() == closed


def test_an_overdue_refund_is_penalised_once_a_round_with_a_window_of_720_hours():
    complaint = file_at(FILED)
    for number in (1, 2):
        Deadline.objects.create(
            kind=Deadline.Kind.REFUND,
            subject_id=77,
            complaint_id=complaint.pk,
            merchant_id=complaint.merchant_id,
            mini_program_id=complaint.mini_program_id,
            round=number,
            points=1,
            due_at=moment("2026-12-01T02:00Z"),
        )
        sweep("refund", "2026-12-01T02:00:00.000001Z")
    first, second = Penalty.objects.order_by("round")
    assert (first.kind, first.subject_id, first.round) == (Kind.REFUND_OVERDUE, 77, 1)
    assert (second.kind, second.subject_id, second.round) == (Kind.REFUND_OVERDUE, 77, 2)
    assert first.appeal_by == moment("2026-12-31T02:00:00.000001Z")


def test_a_changed_policy_never_reaches_back(policy_file):
    """From 25 November on: 48 hours and 3 points. What was filed before keeps 96 hours and 1 point."""
    policy_file("[[policy]]\nsince = 2026-11-25T00:00:00+08:00\nhandle_hours = 48\nhandle_points = 3\n")
    before = file_at("2026-11-24T15:59:59.999999Z")
    at = file_at("2026-11-24T16:00Z")
    assert before.handle_by == moment("2026-11-28T15:59:59.999999Z")
    assert at.handle_by == moment("2026-11-26T16:00Z")
    sweep("handle", "2026-12-01T00:00Z")
    assert Penalty.objects.get(complaint=before).points == 1
    assert Penalty.objects.get(complaint=at).points == 3
