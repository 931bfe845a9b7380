"""The portal was away from 02:00 to 05:00 UTC on 24 November: whose deadline moves, by how much, and who is saved.

A complaint filed at 2026-11-20T02:00Z is due at 2026-11-24T02:00Z; times by hand throughout.
"""

from datetime import timedelta

import pytest

from appeals.tests.making import ASK, appeal_at, decide_at, make_reviewer, penalty_issued, sweep
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from complaints import extending, services
from complaints.models import Complaint, HistoryLine
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import (
    file_at,
    handle_at,
    make_picture,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.racing import collide
from complaints.timeline import timeline
from complaints_portal.verifying import verify
from deadlines.models import Deadline, Extended, Extension, OpsLine
from deadlines.tests.ops import nobody_special, ops
from notifications.models import Event
from penalties.models import Penalty
from refunds import services as refunds
from refunds.models import RefundCase
from refunds.tests.making import case_at, fund_at, refund_at

pytestmark = pytest.mark.django_db

AWAY, BACK = moment("2026-11-24T02:00Z"), moment("2026-11-24T05:00Z")
NOW = moment("2026-11-24T06:00Z")


def extend(*kinds, actor=None, began=AWAY, ended=BACK, now=NOW, batch=2000):
    actor = actor or ops()
    made = extending.propose(began, ended, list(kinds) or ["handle"], reason="The power was out.", actor=actor, now=now)
    return extending.carry_out(made.pk, actor=actor, now=now, batch=batch)


def clock_of(complaint):
    return Deadline.objects.get(kind="handle", subject_id=complaint.pk)


def broken():
    return [finding.invariant.name for finding in verify() if finding.count]


@pytest.mark.parametrize(
    ("filed", "due"),
    [
        ("2026-11-20T01:59:59.999999Z", "2026-11-24T01:59:59.999999Z"),  # ended before the portal went away
        ("2026-11-20T02:00Z", "2026-11-24T05:00Z"),  # ended at that very moment: it was in time until then
        ("2026-11-20T03:30Z", "2026-11-24T06:30Z"),  # ended in the span
        ("2026-11-22T02:00Z", "2026-11-26T05:00Z"),  # ran through all of it
        ("2026-11-24T02:00Z", "2026-11-28T05:00Z"),  # began as it went away
        ("2026-11-24T04:00Z", "2026-11-28T05:00Z"),  # began in the span: it lost one hour
        ("2026-11-24T04:59:59.999999Z", "2026-11-28T05:00Z"),  # lost one microsecond
        ("2026-11-24T05:00Z", "2026-11-28T05:00Z"),  # began when it was back
    ],
)
def test_each_clock_gets_back_what_it_lost(filed, due):
    complaint = file_at(filed)
    extend()
    complaint.refresh_from_db()
    assert complaint.handle_by == clock_of(complaint).due_at == moment(due)
    assert broken() == []


def test_it_is_told_in_the_history_as_an_event_and_as_a_row():
    complaint = file_at("2026-11-20T03:30Z")
    before = clock_of(complaint).remind_at
    wang = ops()
    done = extend(actor=wang)
    assert (done.status, done.counted, done.done) == ("done", 1, 1)
    line = HistoryLine.objects.get(verb="extend")
    assert (line.noun, line.noun_id, line.from_state, line.to_state) == (
        "complaint",
        complaint.pk,
        "pending",
        "pending",
    )
    assert (line.actor_kind, line.actor_id, line.at) == ("staff", wang.id, NOW)
    event = Event.objects.get(name="deadline.extended")
    assert (event.subject_id, event.merchant_id) == (complaint.pk, complaint.merchant_id)
    assert (event.payload["complaint_no"], event.payload["kind"]) == (complaint.complaint_no, "handle")
    assert moment(event.payload["due_at"]) == moment("2026-11-24T06:30Z")
    row = Extended.objects.get()
    assert (row.due_before, row.due_after) == (moment("2026-11-24T03:30Z"), moment("2026-11-24T06:30Z"))
    moved = clock_of(complaint).remind_at
    assert (moved - before if before else None) == (timedelta(hours=3) if before else None)
    entry = timeline(Complaint.objects.get(pk=complaint.pk))[0]
    assert "2026-11-24 11:30" in entry.sentence
    assert "2026-11-24 14:30" in entry.sentence
    assert entry.sentence.endswith("The power was out.")
    assert entry.text == ""
    assert list(OpsLine.objects.order_by("pk").values_list("verb", flat=True)) == ["propose_extension", "extend"]


@pytest.mark.parametrize(
    ("handled", "saved"),
    [
        ("2026-11-24T05:30Z", True),
        ("2026-11-24T06:30Z", True),
        ("2026-11-24T06:30:00.000001Z", False),
    ],
    ids=["before the later deadline", "at it", "a microsecond later"],
)
def test_whoever_was_late_only_because_of_the_span_is_in_time(handled, saved):
    complaint = file_at("2026-11-20T03:30Z")  # due 03:30, then 06:30
    assert not handle_at(handled, complaint).in_time
    extend(now=moment("2026-11-24T07:00Z"))
    complaint.handling.refresh_from_db()
    assert complaint.handling.in_time is saved
    assert Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists() is not saved
    assert broken() == []
    sweep("handle", "2026-11-24T08:00Z")
    assert Penalty.objects.exists() is not saved
    assert broken() == []


@pytest.mark.parametrize(("withdrawn", "saved"), [("2026-11-24T06:30Z", True), ("2026-11-24T06:30:00.000001Z", False)])
def test_a_complaint_withdrawn_late_costs_nothing_by_the_later_deadline(withdrawn, saved):
    complaint = file_at("2026-11-20T03:30Z")
    actor = platform_actor(complaint.platform)
    services.cancel(complaint.pk, reason="Settled.", actor=actor, now=moment(withdrawn))
    extend(now=moment("2026-11-24T07:00Z"))
    sweep("handle", "2026-11-24T08:00Z")
    assert Penalty.objects.exists() is not saved
    assert broken() == []


def test_what_was_penalised_before_is_left():
    complaint = file_at("2026-11-20T03:30Z")
    sweep("handle", "2026-11-24T04:00Z")
    extend()
    complaint.refresh_from_db()
    assert complaint.handle_by == moment("2026-11-24T03:30Z")
    assert Penalty.objects.get().missed_at == moment("2026-11-24T03:30Z")
    assert not Extended.objects.exists()


def test_only_the_named_kinds_move():
    complaint, penalty = file_at("2026-11-22T02:00Z"), penalty_issued("2026-11-23T02:00Z")
    extend("appeal")
    complaint.refresh_from_db()
    penalty.refresh_from_db()
    assert complaint.handle_by == moment("2026-11-26T02:00Z")
    assert penalty.appeal_by == moment("2026-11-30T05:00Z")


@pytest.mark.parametrize(
    ("issued", "kind", "appeal_by"),
    [
        ("2026-11-17T01:59:59.999999Z", "complaint_timeout", "2026-11-24T01:59:59.999999Z"),
        ("2026-11-17T02:00Z", "complaint_timeout", "2026-11-24T05:00Z"),
        ("2026-11-24T04:00Z", "complaint_timeout", "2026-12-01T05:00Z"),
        ("2026-11-24T05:00Z", "complaint_timeout", "2026-12-01T05:00Z"),
        ("2026-11-20T02:00Z", "refund_overdue", "2026-12-20T05:00Z"),
    ],
)
def test_an_appeal_window_gets_back_what_it_lost(issued, kind, appeal_by):
    penalty = penalty_issued(issued, kind)
    extend("appeal")
    penalty.refresh_from_db()
    clock = Deadline.objects.get(kind="appeal", subject_id=penalty.pk)
    assert penalty.appeal_by == clock.due_at == moment(appeal_by)


def test_a_window_that_a_sweep_closed_stays_closed():
    penalty = penalty_issued("2026-11-17T03:30Z")  # until 03:30, while the portal was away
    sweep("appeal", "2026-11-24T05:01Z")
    extend("appeal")
    penalty.refresh_from_db()
    assert (penalty.appeal_by, penalty.window_closed_at) == (moment("2026-11-24T03:30Z"), moment("2026-11-24T05:01Z"))
    assert not Extended.objects.exists()


def test_the_time_for_a_supplement_moves_too():
    appeal = appeal_at("2026-11-20T03:00Z", penalty_issued("2026-11-20T02:00Z"))
    decide_at("2026-11-20T04:00Z", "ask", appeal, ASK, by=make_reviewer())
    extend("supplement")
    appeal.refresh_from_db()
    assert appeal.supplement_by == moment("2026-11-27T07:00Z")
    assert HistoryLine.objects.get(verb="extend").noun == "appeal"
    assert broken() == []


@pytest.mark.parametrize(
    ("ruled", "refund_by"),
    [
        ("2026-11-17T01:59:59Z", "2026-11-24T01:59:59Z"),
        ("2026-11-17T03:30Z", "2026-11-24T06:30Z"),
        ("2026-11-24T04:00Z", "2026-12-01T05:00Z"),
    ],
)
def test_a_pending_refund_gets_back_what_it_lost(ruled, refund_by):
    case = case_at(ruled)
    extend("refund")
    case.refresh_from_db()
    assert case.refund_by == Deadline.objects.get(kind="refund").due_at == moment(refund_by)
    assert broken() == []


@pytest.mark.parametrize(("paid", "saved"), [("2026-11-24T06:30Z", True), ("2026-11-24T06:30:00.000001Z", False)])
def test_a_refund_paid_late_is_in_time_by_the_later_deadline(paid, saved):
    case = case_at("2026-11-17T03:30Z")  # due 03:30 on the 24th, then 06:30
    fund_at("2026-11-17T04:00Z", case.merchant, "1000.00")
    refund_at(paid, case, "128.00")
    extend("refund", now=moment("2026-11-24T07:00Z"))
    case = RefundCase.objects.get(pk=case.pk)
    assert case.stopped_at == (moment(paid) if saved else None)
    assert broken() == []
    sweep("refund", "2026-11-24T08:00Z")
    assert Penalty.objects.exists() is not saved
    assert broken() == []


@pytest.mark.parametrize(("refused_at", "saved"), [("2026-11-24T06:30Z", True), ("2026-11-24T06:30:00.000001Z", False)])
def test_a_refusal_that_came_late_is_in_time_by_the_later_deadline(refused_at, saved):
    case = case_at("2026-11-17T03:30Z")
    proof = (make_picture(case.merchant),)
    actor = member_actor(case.merchant)
    refunds.refuse(case.pk, "It was delivered.", evidence=proof, actor=actor, now=moment(refused_at))
    extend("refund", now=moment("2026-11-24T07:00Z"))
    case.refresh_from_db()
    assert (case.status, case.stopped_at) == ("refused", moment(refused_at) if saved else None)
    assert Deadline.objects.filter(kind="refund").exists() is not saved
    assert broken() == []


def test_two_spans_one_after_the_other_each_give_their_own_time():
    complaint = file_at("2026-11-22T02:00Z")
    wang = ops()
    extend(actor=wang)
    extend(
        actor=wang, began=moment("2026-11-24T08:00Z"), ended=moment("2026-11-24T09:00Z"), now=BACK + timedelta(days=1)
    )
    complaint.refresh_from_db()
    assert complaint.handle_by == clock_of(complaint).due_at == moment("2026-11-26T06:00Z")
    assert broken() == []


def test_the_window_of_a_penalty_began_when_it_was_issued_whatever_was_given_before():
    """A second span, shortly after the issue: the first one must not look like a later beginning."""
    penalty = penalty_issued("2026-11-24T01:00Z")
    wang = ops()
    extend("appeal", actor=wang)
    extend("appeal", actor=wang, began=moment("2026-11-24T01:00Z"), ended=moment("2026-11-24T02:00Z"))
    penalty.refresh_from_db()
    assert penalty.appeal_by == moment("2026-12-01T05:00Z")


def test_carried_out_twice_it_moves_nothing_twice():
    complaint = file_at("2026-11-22T02:00Z")
    wang = ops()
    done = extend(actor=wang)
    assert extending.carry_out(done.pk, actor=wang, now=NOW).done == 1
    complaint.refresh_from_db()
    assert complaint.handle_by == moment("2026-11-26T05:00Z")
    assert OpsLine.objects.filter(verb="extend").count() == 1


def test_killed_between_two_batches_it_goes_on_where_it_was(monkeypatch):
    program = make_program()
    complaints = [file_at(moment("2026-11-22T02:00Z") + timedelta(seconds=second), program) for second in range(7)]
    wang = ops()
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=wang, now=NOW)
    move, calls = extending._move_batch, []

    def killed(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return move(*arguments, **options)

    monkeypatch.setattr(extending, "_move_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        extending.carry_out(made.pk, actor=wang, now=NOW, batch=2)
    assert Extended.objects.count() == 4
    assert Extension.objects.get().status == "approved"
    monkeypatch.undo()
    assert extending.carry_out(made.pk, actor=wang, now=NOW, batch=2).done == 7
    moved = Complaint.objects.filter(pk__in=[complaint.pk for complaint in complaints])
    assert {(each.handle_by - each.filed_at) for each in moved} == {timedelta(hours=99)}
    assert (
        HistoryLine.objects.filter(verb="extend").count() == Event.objects.filter(name="deadline.extended").count() == 7
    )
    assert broken() == []


def test_2500_clocks_move_in_batches_of_1000_each_once():
    first = file_at("2026-11-22T02:00Z")
    moments = {name: f"r.{name} + n * interval '1 second'" for name in ("filed_at", "handle_by")}
    copy_complaint(first, 2499, with_rest=True, **moments)
    wang, li = ops("wang"), ops("li")
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=wang, now=NOW)
    assert (made.status, made.counted) == ("proposed", 2500)
    extending.decide(made.pk, approved=True, actor=li, now=NOW)
    assert extending.carry_out(made.pk, actor=li, now=NOW, batch=1000).done == 2500
    assert Extended.objects.count() == Extended.objects.values("subject_id").distinct().count() == 2500
    assert {each.handle_by - each.filed_at for each in Complaint.objects.all()} == {timedelta(hours=99)}
    assert broken() == []


# Who may, and what is refused.


def refused(refusal, *, field=None, **fields):
    given = {"began_at": AWAY, "ended_at": BACK, "kinds": ["handle"], "reason": "Power.", "now": NOW, **fields}
    if "actor" not in given:
        given["actor"] = ops()
    with pytest.raises(refusal) as found:
        extending.propose(**given)
    assert found.value.field == field
    assert not Extension.objects.exists()
    assert not OpsLine.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"ended_at": AWAY}, "ended_at"),
        ({"ended_at": AWAY - timedelta(hours=1)}, "ended_at"),
        ({"ended_at": NOW + timedelta(microseconds=1)}, "ended_at"),
        ({"began_at": BACK - timedelta(days=14, microseconds=1)}, "began_at"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["review"]}, "kinds"),
        ({"kinds": ["handle", "handel"]}, "kinds"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(fields, field):
    refused(BadInput, field=field, **fields)


def test_who_may_not_proposes_decides_and_carries_out_nothing():
    stranger = nobody_special()
    refused(NotAllowed, actor=stranger)
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=ops(), now=NOW)
    with pytest.raises(NotAllowed):
        extending.decide(made.pk, approved=True, actor=stranger, now=NOW)
    with pytest.raises(NotAllowed):
        extending.carry_out(made.pk, actor=stranger, now=NOW)
    assert Extension.objects.get().status == "approved"


def test_many_cases_need_a_second_person(policy_file):
    policy_file("[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 1\n")
    complaints = [file_at("2026-11-22T02:00Z") for _ in range(2)]
    wang, li = ops("wang"), ops("li")
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=wang, now=NOW)
    assert (made.status, made.decided_by) == ("proposed", None)
    with pytest.raises(IllegalMove):
        extending.carry_out(made.pk, actor=li, now=NOW)
    with pytest.raises(NotAllowed):
        extending.decide(made.pk, approved=True, actor=wang, now=NOW)
    assert {clock_of(complaint).due_at for complaint in complaints} == {moment("2026-11-26T02:00Z")}
    assert extending.decide(made.pk, approved=True, actor=li, now=NOW).status == "approved"
    with pytest.raises(Conflict):
        extending.decide(made.pk, approved=False, actor=li, now=NOW)
    assert extending.carry_out(made.pk, actor=li, now=NOW).done == 2
    assert {clock_of(complaint).due_at for complaint in complaints} == {moment("2026-11-26T05:00Z")}
    verbs = ["propose_extension", "approve_extension", "extend"]
    assert list(OpsLine.objects.order_by("pk").values_list("verb", flat=True)) == verbs


def test_at_the_number_one_person_is_enough(policy_file):
    policy_file("[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 2\n")
    for _ in range(2):
        file_at("2026-11-22T02:00Z")
    assert extend().done == 2


def test_what_is_declined_moves_nothing(policy_file):
    policy_file("[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 1\n")
    complaints = [file_at("2026-11-22T02:00Z") for _ in range(2)]
    wang, li = ops("wang"), ops("li")
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=wang, now=NOW)
    extending.decide(made.pk, approved=False, actor=li, now=NOW)
    with pytest.raises(IllegalMove):
        extending.carry_out(made.pk, actor=li, now=NOW)
    assert {clock_of(complaint).due_at for complaint in complaints} == {moment("2026-11-26T02:00Z")}


def test_an_extension_of_the_same_time_is_found():
    wang = ops()
    done = extend(actor=wang)
    assert list(extending.overlapping(BACK - timedelta(hours=1), BACK + timedelta(hours=1), ["handle"])) == [done]
    assert not extending.overlapping(BACK, BACK + timedelta(hours=1), ["handle"])
    assert not extending.overlapping(AWAY, BACK, ["appeal"])


# Races: with real connections.


@pytest.mark.django_db(transaction=True)
def test_of_the_sweep_and_an_extension_exactly_one_gets_each_clock():
    program = make_program()
    for second in range(40):
        file_at(moment("2026-11-20T02:30Z") + timedelta(seconds=second), program)
    wang = ops()
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=wang, now=NOW)

    def move():
        return extending.carry_out(made.pk, actor=wang, now=NOW, batch=3)

    from penalties.tests.test_races import at_once

    at_once(move, lambda: sweep("handle", "2026-11-24T05:30Z"))
    moved = set(Extended.objects.values_list("subject_id", flat=True))
    penalised = set(Penalty.objects.values_list("subject_id", flat=True))
    assert moved | penalised == set(Complaint.objects.values_list("pk", flat=True))
    assert not moved & penalised
    assert broken() == []


@pytest.mark.django_db(transaction=True)
def test_two_who_carry_out_the_same_extension_take_turns():
    program = make_program()
    complaints = [file_at("2026-11-22T02:00Z", program) for _ in range(5)]
    wang = ops()
    made = extending.propose(AWAY, BACK, ["handle"], reason="Power.", actor=wang, now=NOW)

    def move():
        return extending.carry_out(made.pk, actor=wang, now=NOW, batch=2).done

    rows = Complaint.objects.filter(pk=complaints[0].pk)
    outcomes = collide_one_then_both(rows, move)
    assert outcomes == [5, 5]
    assert {clock_of(complaint).due_at for complaint in complaints} == {moment("2026-11-26T05:00Z")}
    assert OpsLine.objects.filter(verb="extend").count() == 1
    assert broken() == []


def collide_one_then_both(rows, move):
    """Hold a row that the first batch needs until both wait: one for the row, one for the extension."""
    return collide(rows, move, move)
