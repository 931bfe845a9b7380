"""Pending refunds: their clock before, at and after; what stops it and what lets it run on; the next round."""

from decimal import Decimal
from typing import Any

import pytest

from common.errors import IllegalMove
from complaints import extending
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import moment
from complaints_portal.verifying import verify
from deadlines.models import Deadline
from deadlines.tests.ops import ops
from notifications.models import Event
from refunds import cases, services
from refunds.models import RefundCase
from refunds.tests.checking import events, lines, penalties, refund_clock, refused, sweep
from refunds.tests.fakes import FAILED, SUCCEEDED, UNKNOWN
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

RULED = "2026-11-20T05:00Z"
REFUND_BY = "2026-11-27T05:00:00Z"
JUST_BEFORE = "2026-11-27T04:59:59.999999Z"
JUST_AFTER = "2026-11-27T05:00:00.000001Z"
A_DAY_LATER = "2026-11-28T05:00Z"


def status_of(case: RefundCase) -> tuple[str, str]:
    case.refresh_from_db()
    return case.status, Complaint.objects.get(pk=case.complaint_id).status


@pytest.mark.parametrize("channel", ["fund", "elsewhere"])
@pytest.mark.parametrize(("at", "missed"), [(JUST_BEFORE, 0), (REFUND_BY, 0), (JUST_AFTER, 1)])
def test_a_refund_before_at_and_after_the_deadline(channel, at, missed):
    case = case_at(RULED)
    fund_at(RULED, case.merchant, "1000.00")
    refund_at(at, case, "128.00", channel=channel, reference="R-1")
    assert status_of(case) == ("refunded", "finished")
    assert case.ended_at == moment(at)
    assert sweep("refund", A_DAY_LATER).acted == missed
    assert penalties(case) == missed
    assert sweep("refund", A_DAY_LATER).examined == 0


@pytest.mark.parametrize(("at", "missed"), [(JUST_BEFORE, 0), (REFUND_BY, 0), (JUST_AFTER, 1)])
def test_a_refund_through_the_api_counts_from_when_it_was_asked_for(gateway, at, missed):
    case = case_at(RULED)
    made = refund_at(at, case, "128.00", channel="api")
    assert status_of(case) == ("due", "refund_due")
    assert sweep("refund", A_DAY_LATER).acted == missed
    services.learn(made.pk, SUCCEEDED, now=moment("2026-11-29T05:00Z"))
    assert status_of(case) == ("refunded", "finished")
    assert sweep("refund", "2026-12-01T05:00Z").examined == 0
    assert penalties(case) == missed


def test_a_missed_refund_can_still_be_paid_and_is_penalised_once():
    case = case_at(RULED)
    assert sweep("refund", REFUND_BY).acted == 0
    assert sweep("refund", JUST_AFTER).acted == 1
    assert status_of(case) == ("due", "refund_due")
    refund_at(A_DAY_LATER, case, "128.00", channel="elsewhere", reference="R-1")
    assert status_of(case) == ("refunded", "finished")
    assert sweep("refund", "2026-12-01T05:00Z").examined == 0
    assert penalties(case) == 1


def test_settling_finishes_the_complaint_and_is_told():
    case = case_at(RULED)
    refund_at("2026-11-21T05:00Z", case, "128.00", channel="elsewhere", reference="R-1")
    assert lines("refund_case", case) == [("open", "", "due"), ("refund", "due", "refunded")]
    assert events("2026-11-21T05:00Z") == ["refund.succeeded", "refund_case.refunded", "complaint.settled"]
    told = Event.objects.get(name="refund_case.refunded")
    assert told.payload == {
        "complaint_no": case.complaint.complaint_no,
        "status": "refunded",
        "case_no": case.case_no,
    }


# Parts.


def test_parts_add_up_and_the_last_one_settles():
    case = case_at(RULED, amount="100.00")
    fund_at(RULED, case.merchant, "1000.00")
    refund_at("2026-11-21T05:00Z", case, "33.33")
    refund_at("2026-11-22T05:00Z", case, "66.66", channel="elsewhere", reference="R-1")
    assert (status_of(case)[0], cases.rest_of(case)) == ("due", Decimal("0.01"))
    assert refund_clock(case) == (1, moment(REFUND_BY))
    refund_at(REFUND_BY, case, "0.01")
    assert status_of(case) == ("refunded", "finished")
    assert sweep("refund", A_DAY_LATER).examined == 0


def test_a_missed_last_part_is_a_missed_refund():
    case = case_at(RULED, amount="100.00")
    refund_at("2026-11-21T05:00Z", case, "99.99", channel="elsewhere", reference="R-1")
    assert sweep("refund", JUST_AFTER).acted == 1


# The clock stands still while all that is due is being processed.


def test_processing_stops_the_clock_and_failure_gives_back_the_time_that_was_left(gateway):
    case = case_at(RULED)
    made = refund_at("2026-11-26T05:00Z", case, "128.00", channel="api")  # a day is left
    case.refresh_from_db()
    assert (case.stopped_at, refund_clock(case)) == (moment("2026-11-26T05:00Z"), None)
    services.learn(made.pk, UNKNOWN, now=moment("2026-11-27T05:00Z"))
    assert refund_clock(case) is None
    services.learn(made.pk, FAILED, now=moment("2026-11-30T07:30Z"))
    case.refresh_from_db()
    assert (case.status, case.stopped_at, case.refund_by) == ("due", None, moment("2026-12-01T07:30Z"))
    assert refund_clock(case) == (1, moment("2026-12-01T07:30Z"))
    assert Deadline.objects.get(kind="refund").remind_at == moment("2026-12-01T01:30Z")
    line = HistoryLine.objects.get(noun="refund_case", verb="run_again")
    assert (line.from_state, line.to_state, line.at) == ("due", "due", moment("2026-11-30T07:30Z"))
    assert sweep("refund", "2026-12-01T07:30Z").acted == 0
    assert sweep("refund", "2026-12-01T07:30:00.000001Z").acted == 1


@pytest.mark.parametrize(
    ("asked_at", "refund_by"),
    [
        ("2026-11-24T01:59Z", "2026-11-27T09:01Z"),  # it stood still all the while, and lost nothing
        ("2026-11-24T02:00Z", "2026-11-27T09:00Z"),
        ("2026-11-24T03:00Z", "2026-11-27T09:00Z"),  # of the first hour it lost one
        ("2026-11-24T05:00Z", "2026-11-27T09:00Z"),
        ("2026-11-24T05:30Z", "2026-11-27T08:30Z"),  # three hours
    ],
)
def test_time_that_was_given_back_meanwhile_is_given_when_the_clock_runs_on(gateway, asked_at, refund_by):
    """The portal was away from 02:00 to 05:00, and gave it back at 06:00; the refund failed at 06:00 too."""
    case = case_at(RULED)
    made = refund_at(asked_at, case, "128.00", channel="api")
    give_back("2026-11-24T02:00Z", "2026-11-24T05:00Z", at="2026-11-24T06:00Z")
    assert refund_clock(case) is None
    services.learn(made.pk, FAILED, now=moment("2026-11-24T06:00Z"))
    assert refund_clock(case) == (1, moment(refund_by))
    assert broken() == []


def test_time_is_given_once_to_a_clock_that_stood_still_twice(gateway):
    case = case_at(RULED)
    first = refund_at("2026-11-24T05:30Z", case, "128.00", channel="api")
    give_back("2026-11-24T02:00Z", "2026-11-24T05:00Z", at="2026-11-24T06:00Z")
    services.learn(first.pk, FAILED, now=moment("2026-11-24T06:00Z"))
    second = refund_at("2026-11-24T06:00Z", case, "128.00", channel="api")
    services.learn(second.pk, FAILED, now=moment("2026-11-24T07:00Z"))
    assert refund_clock(case) == (1, moment("2026-11-27T09:30Z"))


def test_time_that_a_running_clock_was_given_is_not_given_again(gateway):
    case = case_at(RULED)
    give_back("2026-11-24T02:00Z", "2026-11-24T05:00Z", at="2026-11-24T06:00Z")
    made = refund_at("2026-11-24T06:00Z", case, "128.00", channel="api")
    services.learn(made.pk, FAILED, now=moment("2026-11-24T06:30Z"))
    assert refund_clock(case) == (1, moment("2026-11-27T08:30Z"))


def give_back(began: str, ended: str, *, at: str) -> None:
    actor = ops()
    span = (moment(began), moment(ended), ["refund"])
    made = extending.propose(*span, reason="The power was out.", actor=actor, now=moment(at))
    extending.carry_out(made.pk, actor=actor, now=moment(at))


def broken() -> list[str]:
    return [finding.invariant.name for finding in verify() if finding.count]


def test_asked_for_at_the_very_deadline_nothing_is_left_after_a_failure(gateway):
    case = case_at(RULED)
    made = refund_at(REFUND_BY, case, "128.00", channel="api")
    services.learn(made.pk, FAILED, now=moment("2026-11-30T07:30Z"))
    assert refund_clock(case) == (1, moment("2026-11-30T07:30Z"))
    assert sweep("refund", "2026-11-30T07:30Z").acted == 0
    assert sweep("refund", "2026-11-30T07:30:00.000001Z").acted == 1


def test_a_part_that_is_being_processed_stops_nothing(gateway):
    case = case_at(RULED, amount="100.00")
    made = refund_at("2026-11-21T05:00Z", case, "99.99", channel="api")
    assert refund_clock(case) == (1, moment(REFUND_BY))
    services.learn(made.pk, FAILED, now=moment("2026-11-22T05:00Z"))
    assert refund_clock(case) == (1, moment(REFUND_BY))


@pytest.mark.parametrize("last", ["fund", "elsewhere"])
def test_a_paid_part_beside_one_that_is_being_processed_stops_it_too(gateway, last):
    """All that is due is under way: in which order the parts were asked for does not matter."""
    case = case_at(RULED, amount="100.00")
    fund_at(RULED, case.merchant, "1000.00")
    made = refund_at("2026-11-21T05:00Z", case, "60.00", channel="api")
    refund_at("2026-11-22T05:00Z", case, "40.00", channel=last, reference="R-1")
    case.refresh_from_db()
    assert (case.stopped_at, refund_clock(case)) == (moment("2026-11-22T05:00Z"), None)
    services.learn(made.pk, FAILED, now=moment("2026-12-01T05:00Z"))
    assert refund_clock(case) == (1, moment("2026-12-06T05:00Z"))  # five days were left


def test_two_that_fail_let_the_clock_run_on_once(gateway):
    case = case_at(RULED, amount="100.00")
    first = refund_at("2026-11-21T05:00Z", case, "60.00", channel="api")
    second = refund_at("2026-11-22T05:00Z", case, "40.00", channel="api")  # stops it with five days left
    services.learn(first.pk, FAILED, now=moment("2026-11-23T05:00Z"))
    services.learn(second.pk, FAILED, now=moment("2026-11-25T05:00Z"))
    assert refund_clock(case) == (1, moment("2026-11-28T05:00Z"))
    assert HistoryLine.objects.filter(verb="run_again").count() == 1
    assert cases.rest_of(case) == Decimal("100.00")


def test_one_that_fails_beside_one_that_succeeds(gateway):
    case = case_at(RULED, amount="100.00")
    first = refund_at("2026-11-21T05:00Z", case, "60.00", channel="api")
    second = refund_at("2026-11-22T05:00Z", case, "40.00", channel="api")
    services.learn(second.pk, SUCCEEDED, now=moment("2026-11-22T06:00Z"))
    assert refund_clock(case) is None
    services.learn(first.pk, FAILED, now=moment("2026-11-23T05:00Z"))
    assert (refund_clock(case), cases.rest_of(case)) == ((1, moment("2026-11-28T05:00Z")), Decimal("60.00"))
    refund_at("2026-11-28T05:00Z", case, "60.00", channel="api")
    services.learn(case.refunds.latest("pk").pk, SUCCEEDED, now=moment("2026-11-29T05:00Z"))
    assert status_of(case) == ("refunded", "finished")
    assert sweep("refund", "2026-12-09T05:00Z").examined == 0


def test_a_late_refund_that_fails_gives_no_new_time(gateway):
    case = case_at(RULED)
    made = refund_at(JUST_AFTER, case, "128.00", channel="api")
    services.learn(made.pk, FAILED, now=moment(A_DAY_LATER))
    case.refresh_from_db()
    assert (case.refund_by, case.stopped_at) == (moment(REFUND_BY), None)
    assert sweep("refund", A_DAY_LATER).acted == 1
    made = refund_at("2026-11-29T05:00Z", case, "128.00", channel="api")
    services.learn(made.pk, FAILED, now=moment("2026-11-30T05:00Z"))
    assert sweep("refund", "2026-12-30T05:00Z").examined == 0
    assert penalties(case) == 1


# Reversed.


def test_a_reversed_refund_is_due_again_in_a_new_round():
    case = case_at(RULED)
    paid = refund_at("2026-11-21T05:00Z", case, "128.00", channel="elsewhere", reference="R-1")
    services.reverse_refund(paid.pk, reason=" It bounced. ", actor=staff(), now=moment("2026-11-25T05:00Z"))
    assert status_of(case) == ("due", "refund_due")
    assert (case.round, case.refund_by, case.ended_at) == (2, moment("2026-12-02T05:00Z"), None)
    assert refund_clock(case) == (2, moment("2026-12-02T05:00Z"))
    assert lines("refund_case", case)[-1] == ("reopen", "refunded", "due")
    refund_at("2026-12-02T05:00Z", case, "128.00", channel="elsewhere", reference="R-2")
    assert status_of(case) == ("refunded", "finished")
    assert sweep("refund", "2026-12-30T05:00Z").examined == 0


def test_only_the_reversed_part_is_due_again():
    case = case_at(RULED, amount="100.00")
    refund_at("2026-11-21T05:00Z", case, "60.00", channel="elsewhere", reference="R-1")
    second = refund_at("2026-11-22T05:00Z", case, "40.00", channel="elsewhere", reference="R-2")
    services.reverse_refund(second.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-25T05:00Z"))
    assert (status_of(case)[0], cases.rest_of(case)) == ("due", Decimal("40.00"))


def test_a_part_that_is_reversed_before_the_deadline_keeps_the_running_clock():
    case = case_at(RULED, amount="100.00")
    part = refund_at("2026-11-21T05:00Z", case, "60.00", channel="elsewhere", reference="R-1")
    services.reverse_refund(part.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-25T05:00Z"))
    assert (status_of(case)[0], case.round, refund_clock(case)) == ("due", 1, (1, moment(REFUND_BY)))


def test_a_part_that_is_reversed_while_the_clock_stands_still_lets_it_run_on(gateway):
    """Else the rest would be due for ever, with no deadline."""
    case = case_at(RULED, amount="100.00")
    fund_at(RULED, case.merchant, "1000.00")
    part = refund_at("2026-11-21T05:00Z", case, "60.00")
    other = refund_at("2026-11-22T05:00Z", case, "40.00", channel="api")  # five days are left
    services.reverse_refund(part.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-25T05:00Z"))
    case.refresh_from_db()
    assert (case.stopped_at, refund_clock(case)) == (None, (1, moment("2026-11-30T05:00Z")))
    services.learn(other.pk, SUCCEEDED, now=moment("2026-11-26T05:00Z"))
    assert (status_of(case)[0], refund_clock(case)) == ("due", (1, moment("2026-11-30T05:00Z")))


def test_a_refund_that_was_paid_late_is_reversed_after_the_sweep_and_missed_again():
    case = case_at(RULED)
    paid = refund_at(JUST_AFTER, case, "128.00", channel="elsewhere", reference="R-1")
    reverse: dict[str, Any] = {"reason": "It bounced.", "actor": staff()}
    now = moment("2026-11-27T05:00:30Z")
    assert refused(IllegalMove, services.reverse_refund, paid.pk, now=now, **reverse).code == "sweep_first"
    sweep("refund", "2026-11-27T05:01Z")
    services.reverse_refund(paid.pk, now=moment("2026-11-27T05:02Z"), **reverse)
    assert refund_clock(case) == (2, moment("2026-12-04T05:02Z"))
    assert sweep("refund", "2026-12-04T05:02:00.000001Z").acted == 1
    assert penalties(case) == 2


# A changed number never reaches back.


def test_a_changed_policy_holds_for_rounds_that_begin_under_it(policy_file):
    policy_file("[[policy]]\nsince = 2026-11-25T00:00:00+08:00\nrefund_hours = 24\nrefund_points = 5\n")
    before, at = case_at("2026-11-24T15:59:59.999999Z"), case_at("2026-11-24T16:00Z")
    assert (before.refund_by, before.points) == (moment("2026-12-01T15:59:59.999999Z"), 1)
    assert (at.refund_by, at.points) == (moment("2026-11-25T16:00Z"), 5)
    paid = refund_at("2026-11-26T05:00Z", before, "128.00", channel="elsewhere", reference="R-1")
    services.reverse_refund(paid.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-27T05:00Z"))
    before.refresh_from_db()
    assert (before.round, before.refund_by, before.points) == (2, moment("2026-11-28T05:00Z"), 5)
    sweep("refund", "2026-11-29T05:00Z")
    issued = HistoryLine.objects.filter(noun="penalty", verb="issue")
    assert {(line.complaint_id, line.detail["points"]) for line in issued} == {
        (before.complaint_id, 5),
        (at.complaint_id, 5),
    }


def test_a_clock_that_runs_on_keeps_the_points_of_its_round(gateway, policy_file):
    policy_file("[[policy]]\nsince = 2026-11-25T00:00:00+08:00\nrefund_hours = 24\nrefund_points = 5\n")
    case = case_at(RULED)
    made = refund_at("2026-11-22T05:00Z", case, "128.00", channel="api")  # five days are left
    services.learn(made.pk, FAILED, now=moment("2026-11-26T05:00Z"))
    clock = Deadline.objects.get(kind="refund")
    assert (clock.due_at, clock.points, clock.round) == (moment("2026-12-01T05:00Z"), 1, 1)
