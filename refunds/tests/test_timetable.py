"""The timetable of a refund that is ruled due, refused, overruled, missed, and paid late. Dates are written by hand."""

from decimal import Decimal

import pytest

from common.policy import policy_at
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, handle_at, make_picture, member_actor, moment
from deadlines.models import Deadline
from refunds import services
from refunds.models import NoRefundClaim, RefundCase
from refunds.tests.checking import events, lines, penalties, refund_clock, sweep
from refunds.tests.making import claim_at, refund_at, rule_at

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T10:00+08:00"  # a Friday
HANDLED = "2026-11-21T09:00+08:00"
REVIEW_ENDS = "2026-11-25T23:59:59.999999+08:00"  # Monday, Tuesday, Wednesday
RULED = "2026-11-24T15:30+08:00"
DUE = "2026-12-01T15:30+08:00"
TICK = "2026-12-01T15:30:00.000001+08:00"
"""One microsecond after the deadline of the first round."""


@pytest.fixture
def case() -> RefundCase:
    """Filed, handled without a refund, and ruled due on the third day: the timetable up to there."""
    complaint = file_at(FILED, trade_amount=Decimal("100.00"))
    assert complaint.handle_by == moment("2026-11-24T10:00+08:00")
    handling = handle_at(HANDLED, complaint, "shipped")
    assert handling.in_time
    claim = NoRefundClaim.objects.get()
    assert claim.review_by == moment(REVIEW_ENDS)
    rule_at(RULED, claim)
    case = RefundCase.objects.get()
    assert (case.round, case.refund_by) == (1, moment(DUE))
    return case


def refuse(case: RefundCase, at: str) -> NoRefundClaim:
    member = member_actor(case.merchant)
    return services.refuse(case.pk, "It came.", evidence=[make_picture(case.merchant)], actor=member, now=moment(at))


def state(case: RefundCase) -> tuple[str, int, str]:
    case.refresh_from_db()
    return case.status, case.round, Complaint.objects.get(pk=case.complaint_id).status


@pytest.mark.parametrize(("at", "acted"), [("2026-12-01T15:29:59.999999+08:00", 0), (DUE, 0), (TICK, 1)])
def test_seven_days_before_at_and_after(case, at, acted):
    assert sweep("refund", at).acted == acted
    assert penalties(case) == acted
    assert state(case) == ("due", 1, "refund_due")


def test_a_scheduled_sweep_a_minute_later_penalises_the_same_as_one_that_was_down_for_a_day(case):
    assert sweep("refund", "2026-12-02T15:30+08:00").acted == 1
    line = HistoryLine.objects.get(noun="penalty")
    assert (line.at, line.detail["points"], line.detail["kind"]) == (
        moment("2026-12-02T15:30+08:00"),
        1,
        "refund_overdue",
    )
    assert sweep("refund", "2026-12-03T15:30+08:00").examined == 0


@pytest.mark.parametrize("at", ["2026-12-01T15:29:59.999999+08:00", DUE])
def test_refused_in_time_the_first_round_costs_nothing_ever(case, at):
    refuse(case, at)
    assert sweep("refund", "2026-12-31T00:00+08:00").examined == 0
    assert state(case) == ("refused", 1, "refund_due")


def test_refused_overruled_missed_and_paid_late(case):
    # Refused on the last day of the first round: the clock stops; staff have until Friday night.
    refusal = refuse(case, DUE)
    assert refusal.review_by == moment("2026-12-04T23:59:59.999999+08:00")
    assert refund_clock(case) is None

    # Overruled on Friday: round 2 has its whole seven days.
    rule_at("2026-12-04T18:00+08:00", refusal)
    assert (*state(case), case.refund_by) == ("due", 2, "refund_due", moment("2026-12-11T18:00+08:00"))
    assert refund_clock(case) == (2, moment("2026-12-11T18:00+08:00"))
    assert not Deadline.objects.filter(kind="review").exists()

    # Missed.
    assert sweep("refund", "2026-12-11T18:00+08:00").acted == 0
    assert sweep("refund", "2026-12-11T18:00:00.000001+08:00").acted == 1
    assert penalties(case) == 1

    # Paid late: the case ends, and no further penalty follows.
    refund_at("2026-12-20T09:00+08:00", case, "100.00", channel="elsewhere", reference="R-1")
    assert state(case) == ("refunded", 2, "finished")
    assert sweep("refund", "2026-12-31T00:00+08:00").examined == 0
    assert penalties(case) == 1
    assert lines("refund_case", case) == [
        ("open", "", "due"),
        ("refuse", "due", "refused"),
        ("overrule", "refused", "due"),
        ("refund", "due", "refunded"),
    ]
    assert lines("complaint", case.complaint) == [
        ("file", "", "pending"),
        ("handle", "pending", "in_review"),
        ("rule", "in_review", "refund_due"),
        ("settle", "refund_due", "finished"),
    ]


def test_missed_in_each_round_is_penalised_in_each_round(case):
    refusal = refuse(case, TICK)  # too late to stop the first clock
    assert sweep("refund", "2026-12-01T15:32+08:00").acted == 1
    rule_at("2026-12-02T10:00+08:00", refusal)
    assert refund_clock(case) == (2, moment("2026-12-09T10:00+08:00"))
    assert sweep("refund", "2026-12-09T10:00+08:00").acted == 0
    assert sweep("refund", "2026-12-09T10:00:00.000001+08:00").acted == 1
    assert penalties(case) == 2
    refund_at("2026-12-10T10:00+08:00", case, "100.00", channel="elsewhere", reference="R-1")
    assert sweep("refund", "2026-12-31T00:00+08:00").examined == 0
    assert penalties(case) == 2


def test_paid_late_before_the_sweep_comes_is_late_all_the_same(case):
    refund_at(TICK, case, "100.00", channel="elsewhere", reference="R-1")
    assert state(case) == ("refunded", 1, "finished")
    assert sweep("refund", "2026-12-01T15:31+08:00").acted == 1
    assert penalties(case) == 1


def test_a_late_ruling_takes_no_time_from_the_merchant():
    """Staff rule a week after their own deadline; the merchant's seven days begin with the ruling."""
    claim = claim_at(HANDLED, file_at(FILED))
    assert sweep("review", "2026-11-26T00:00+08:00").acted == 1
    rule_at("2026-12-02T11:11+08:00", claim)
    assert RefundCase.objects.get().refund_by == moment("2026-12-09T11:11+08:00")


def test_reminders_come_two_days_one_day_six_hours_and_one_hour_before(case):
    now, reminders = moment(RULED), []
    while (following := policy_at(now).reminds_at(case.refund_by, now)) is not None:
        reminders.append(following)
        now = following
    assert reminders == [
        moment("2026-11-29T15:30+08:00"),
        moment("2026-11-30T15:30+08:00"),
        moment("2026-12-01T09:30+08:00"),
        moment("2026-12-01T14:30+08:00"),
    ]
    assert Deadline.objects.get(kind="refund").remind_at == moment("2026-11-29T15:30+08:00")


def test_each_step_is_told(case):
    refusal = refuse(case, "2026-11-30T10:00+08:00")
    rule_at("2026-12-01T10:00+08:00", refusal)
    assert events("2026-11-30T10:00+08:00") == ["refund_case.refused", "no_refund_claim.submitted"]
    assert events("2026-12-01T10:00+08:00") == ["refund_case.overruled", "no_refund_claim.overruled"]
