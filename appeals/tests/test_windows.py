"""The windows of both kinds of penalty, by hand: a microsecond before the end, at it, and after it."""

import pytest

from appeals.models import Appeal
from appeals.tests.making import APPROVE, appeal_at, decide_at, make_reviewer, merchant_of, penalty_issued, sweep
from appeals.windows import appealable, seems_unsolved
from common.errors import IllegalMove
from complaints.models import Complaint
from complaints.tests.factories import handle_at, moment
from deadlines.models import Deadline
from deadlines.tests.publishing import publish_the_known_years
from penalties.models import Penalty

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calendar(db):
    publish_the_known_years()


WINDOWS = [
    # kind, issued, the window's end: 168 h and 720 h later, both across the year's summer-time changes elsewhere.
    ("complaint_timeout", "2026-10-24T09:00:00+08:00", "2026-10-31T09:00:00+08:00"),
    ("refund_overdue", "2026-10-24T09:00:00+08:00", "2026-11-23T09:00:00+08:00"),
    ("complaint_timeout", "2026-02-27T23:59:59.999999+08:00", "2026-03-06T23:59:59.999999+08:00"),
    ("refund_overdue", "2026-02-27T23:59:59.999999+08:00", "2026-03-29T23:59:59.999999+08:00"),
]


def shifted(at: str, microseconds: int):
    found = moment(at)
    return found + microseconds * (moment("2026-01-01T00:00:00.000001Z") - moment("2026-01-01T00:00Z"))


@pytest.mark.parametrize(("kind", "issued", "end"), WINDOWS)
def test_the_window_opens_when_the_penalty_is_issued_and_the_row_keeps_its_end(kind, issued, end):
    penalty = penalty_issued(issued, kind)
    assert (penalty.kind, penalty.issued_at, penalty.appeal_by) == (kind, moment(issued), moment(end))
    assert Deadline.objects.get(kind="appeal", subject_id=penalty.pk).due_at == moment(end)


@pytest.mark.parametrize("microseconds", [-1, 0])
@pytest.mark.parametrize(("kind", "issued", "end"), WINDOWS)
def test_until_the_very_end_an_appeal_is_taken(kind, issued, end, microseconds):
    penalty = penalty_issued(issued, kind)
    now = shifted(end, microseconds)
    assert appealable(penalty, [], now=now).refusal is None
    assert appeal_at(now, penalty).submitted_at == now


@pytest.mark.parametrize(("kind", "issued", "end"), WINDOWS)
def test_a_microsecond_after_the_end_it_is_refused_whether_or_not_a_sweep_has_run(kind, issued, end):
    penalty = penalty_issued(issued, kind)
    now = shifted(end, 1)
    assert appealable(penalty, [], now=now).code == "closed"
    with pytest.raises(IllegalMove) as refusal:
        appeal_at(now, penalty)
    assert refusal.value.code == "closed"
    assert not Appeal.objects.exists()
    assert Penalty.objects.get().status == "in_effect"


@pytest.mark.parametrize(("kind", "issued", "end"), WINDOWS[:2])
def test_the_sweep_closes_a_window_after_its_end_and_never_at_it(kind, issued, end):
    penalty = penalty_issued(issued, kind)
    assert sweep("appeal", end).acted == 0
    penalty.refresh_from_db()
    assert penalty.window_closed_at is None
    assert sweep("appeal", shifted(end, 1)).acted == 1
    penalty.refresh_from_db()
    assert penalty.window_closed_at == shifted(end, 1)
    assert appealable(penalty, [], now=moment(end)).code == "closed"


@pytest.mark.parametrize(
    ("kind", "end"),
    [("complaint_timeout", "2026-11-09T15:30:00+08:00"), ("refund_overdue", "2026-12-02T15:30:00+08:00")],
)
def test_an_outage_eats_nobodys_window(kind, end):
    """Missed on 2026-10-28; no sweep ran until 2026-11-02 15:30: the whole window begins there."""
    penalty = penalty_issued("2026-11-02T15:30:00+08:00", kind, filed="2026-10-24T10:00+08:00")
    assert penalty.missed_at == moment("2026-10-28T10:00:00+08:00")
    assert penalty.issued_at == moment("2026-11-02T15:30:00+08:00")
    assert penalty.appeal_by == moment(end)
    assert appeal_at(end, penalty).status == "submitted"


def test_a_review_may_end_after_the_window_and_still_gives_the_points_back():
    """Submitted at the window's very end, Saturday 2026-10-31 09:00: the third working day is 11-04."""
    reviewer = make_reviewer()
    penalty = penalty_issued("2026-10-24T09:00+08:00")
    appeal = appeal_at("2026-10-31T09:00+08:00", penalty)
    assert appeal.review_by == moment("2026-11-04T23:59:59.999999+08:00")
    sweep("appeal", "2026-10-31T09:01+08:00")
    penalty.refresh_from_db()
    assert (penalty.status, penalty.window_closed_at) == ("under_appeal", moment("2026-10-31T09:01+08:00"))
    decide_at("2026-11-04T16:00+08:00", "approve", appeal, APPROVE, by=reviewer)
    penalty.refresh_from_db()
    assert penalty.status == "revoked"


def test_the_operators_policy_gives_another_window_to_later_penalties_only(policy_file):
    policy_file("[[policy]]\nsince = 2026-10-01T00:00:00+08:00\nappeal_complaint_timeout_hours = 48\n")
    assert penalty_issued("2026-09-30T23:59+08:00").appeal_by == moment("2026-10-07T23:59+08:00")
    assert penalty_issued("2026-10-01T00:00+08:00").appeal_by == moment("2026-10-03T00:00+08:00")


def test_why_a_penalty_cannot_be_appealed():
    reviewer = make_reviewer()
    now = moment("2026-10-26T09:00+08:00")
    penalty = penalty_issued("2026-10-24T09:00+08:00")
    appeal = appeal_at(now, penalty)
    penalty.refresh_from_db()
    assert appealable(penalty, [appeal], now=now).code == "under_appeal"
    decide_at(now, "approve", appeal, APPROVE, by=reviewer)
    penalty.refresh_from_db()
    appeal.refresh_from_db()
    assert appealable(penalty, [appeal], now=now).code == "revoked"


@pytest.mark.parametrize(("status", "seems"), [("pending", True), ("refund_due", True), ("finished", False)])
def test_a_problem_that_seems_unsolved_is_named(status, seems):
    penalty = penalty_issued("2026-10-24T09:00+08:00")
    Complaint.objects.update(status=status)
    assert bool(seems_unsolved(Penalty.objects.get(pk=penalty.pk))) is seems


def test_a_complaint_handled_late_no_longer_seems_unsolved():
    penalty = penalty_issued("2026-10-24T09:00+08:00")
    handle_at("2026-10-25T09:00+08:00", penalty.complaint)
    found = Penalty.objects.get(pk=penalty.pk)
    assert seems_unsolved(found) is None
    appeal = appeal_at("2026-10-25T10:00+08:00", found, knowingly=False)
    assert not appeal.unsolved_knowingly
    assert merchant_of(penalty).merchant_id == appeal.merchant_id
