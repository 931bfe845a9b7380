"""The `review` and `supplement` clocks: what missing one means, twice, with a bad row, and in a dry run."""

import pytest

from appeals.models import Appeal
from appeals.tests.making import ASK, appeal_at, decide_at, make_reviewer, penalty_issued, sweep
from complaints.models import HistoryLine
from complaints.tests.factories import moment
from deadlines.models import Deadline
from deadlines.sweeping import registered_kinds, run_sweep
from notifications.models import Event

pytestmark = pytest.mark.django_db

SUBMITTED = "2026-11-20T10:00+08:00"  # Friday; due at the end of Wednesday 11-25
AFTER_REVIEW = "2026-11-26T00:00+08:00"
ASKED = "2026-11-20T11:00+08:00"  # the merchant has until 2026-11-27 11:00
AFTER_SUPPLEMENT = "2026-11-27T11:00:00.000001+08:00"


@pytest.fixture
def appeals():
    return [appeal_at(SUBMITTED, penalty_issued("2026-11-19T10:00+08:00")) for _ in range(3)]


@pytest.fixture
def asked(appeals):
    reviewer = make_reviewer()
    for appeal in appeals:
        decide_at(ASKED, "ask", appeal, ASK, by=reviewer)
    return appeals


def rows() -> list[object]:
    return [list(model.objects.order_by("pk").values_list()) for model in (Appeal, Deadline, HistoryLine, Event)]


def test_both_kinds_are_swept_in_the_order_of_the_table():
    assert registered_kinds() == ["handle", "refund", "appeal", "review", "supplement", "finish"]


def test_a_missed_review_tells_of_it_once_and_leaves_the_appeal_alone(appeals):
    before = list(Appeal.objects.order_by("pk").values_list())
    report = sweep("review", AFTER_REVIEW)
    assert report.counts() == {"examined": 3, "acted": 3, "skipped": 0, "failed": 0}
    assert sweep("review", AFTER_REVIEW).counts() == {"examined": 0, "acted": 0, "skipped": 0, "failed": 0}
    assert list(Appeal.objects.order_by("pk").values_list()) == before
    events = Event.objects.filter(name="review.overdue").order_by("subject_id")
    assert [(event.subject_id, event.merchant_id) for event in events] == [
        (appeal.pk, appeal.merchant_id) for appeal in appeals
    ]
    assert {event.at for event in events} == {moment(AFTER_REVIEW)}


def test_a_dry_run_lists_what_would_go_on_and_changes_nothing(asked):
    before = rows()
    at = moment(AFTER_SUPPLEMENT)
    report = run_sweep("supplement", cut_off=at, issued_at=at, ran_by="test", dry_run=True)
    assert (report.acted, report.subjects) == (3, [appeal.pk for appeal in asked])
    assert rows() == before


def test_each_review_that_goes_on_has_one_line_one_event_and_one_clock(asked):
    sweep("supplement", AFTER_SUPPLEMENT)
    sweep("supplement", AFTER_SUPPLEMENT)
    for appeal in asked:
        appeal.refresh_from_db()
        assert appeal.status == "submitted"
        assert appeal.review_by == moment("2026-12-02T23:59:59.999999+08:00")
        assert HistoryLine.objects.filter(noun="appeal", noun_id=appeal.pk, verb="go_on").count() == 1
        assert Event.objects.filter(name="appeal.goes_on", subject_id=appeal.pk).count() == 1
        (clock,) = Deadline.objects.filter(kind__in=["review", "supplement"], subject_id=appeal.pk)
        assert (clock.kind, clock.due_at, clock.counted_from, clock.working_days) == (
            "review",
            appeal.review_by,
            moment(AFTER_SUPPLEMENT),
            3,
        )
        assert (clock.complaint_id, clock.merchant_id) == (appeal.penalty.complaint_id, appeal.merchant_id)


def test_what_was_answered_meanwhile_is_skipped(asked):
    """A clock that was left behind must not move an appeal that is not waiting."""
    Appeal.objects.filter(pk=asked[0].pk).update(status="submitted")
    assert sweep("supplement", AFTER_SUPPLEMENT).counts() == {"examined": 3, "acted": 2, "skipped": 1, "failed": 0}
    assert not HistoryLine.objects.filter(noun_id=asked[0].pk, verb="go_on").exists()


def test_a_bad_row_stops_no_other(asked):
    Deadline.objects.filter(kind="supplement", subject_id=asked[1].pk).update(subject_id=asked[1].pk + 1_000_000)
    report = sweep("supplement", AFTER_SUPPLEMENT)
    assert (report.acted, report.failed) == (2, 1)
    assert sorted(Appeal.objects.values_list("status", flat=True)) == ["more_wanted", "submitted", "submitted"]
