"""Timetables of reviews, written by hand: over National Day and Spring Festival 2026, through questions and answers."""

import pytest

from appeals import services
from appeals.models import Appeal
from appeals.tests.making import (
    APPROVE,
    ASK,
    REJECT,
    appeal_at,
    decide_at,
    make_reviewer,
    merchant_of,
    penalty_issued,
    sweep,
)
from common.errors import IllegalMove
from complaints.models import HistoryLine
from complaints.tests.factories import make_picture, moment
from deadlines.models import Deadline
from deadlines.tests.publishing import publish_the_known_years
from notifications.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calendar(db):
    publish_the_known_years()


def end_of(day: str):
    return moment(f"{day}T23:59:59.999999+08:00")


def clocks(appeal: Appeal) -> dict[str, object]:
    """The clocks that run for this appeal, by kind."""
    rows = Deadline.objects.filter(kind__in=["review", "supplement"], subject_id=appeal.pk)
    return dict(rows.values_list("kind", "due_at"))


@pytest.mark.parametrize(
    ("submitted", "review_by"),
    [
        # Spring Festival 2026: days off from Sunday 02-15 to Monday 02-23; Saturdays 02-14 and 02-28 are worked.
        ("2026-02-10T10:00+08:00", "2026-02-13"),  # before: Wednesday, Thursday, Friday
        ("2026-02-11T10:00+08:00", "2026-02-14"),  # before: the make-up Saturday is the third
        ("2026-02-12T10:00+08:00", "2026-02-24"),  # before: Friday, Saturday, then the first day after
        ("2026-02-13T23:59:59.999999+08:00", "2026-02-25"),
        ("2026-02-14T00:00:00+08:00", "2026-02-26"),
        ("2026-02-17T10:00+08:00", "2026-02-26"),  # within, on New Year's Day itself
        ("2026-02-23T23:59:59.999999+08:00", "2026-02-26"),  # within, at its last moment
        ("2026-02-24T00:00:00+08:00", "2026-02-27"),  # after
        ("2026-02-25T10:00+08:00", "2026-02-28"),  # after: the make-up Saturday is the third
        ("2026-02-26T10:00+08:00", "2026-03-02"),  # after: Friday, Saturday, Monday
        # National Day 2026: off from Thursday 10-01 to Wednesday 10-07; Sunday 09-20 and Saturday 10-10 are worked.
        ("2026-09-17T10:00+08:00", "2026-09-21"),  # before: Friday, the make-up Sunday, Monday
        ("2026-09-23T10:00+08:00", "2026-09-29"),  # Mid-Autumn on Friday 09-25 lies between
        ("2026-09-25T10:00+08:00", "2026-09-30"),
        ("2026-09-28T10:00+08:00", "2026-10-08"),
        ("2026-09-30T23:59:59.999999+08:00", "2026-10-10"),
        ("2026-10-01T00:00:00+08:00", "2026-10-10"),  # within
        ("2026-10-07T23:59:59.999999+08:00", "2026-10-10"),  # within, at its last moment
        ("2026-10-08T00:00:00+08:00", "2026-10-12"),  # after: Friday, the make-up Saturday, Monday
        ("2026-10-10T10:00+08:00", "2026-10-14"),  # on the make-up day itself
    ],
)
def test_the_review_is_due_at_the_end_of_the_third_working_day(submitted, review_by):
    appeal = appeal_at(submitted, penalty_issued(submitted))
    assert (appeal.review_by, appeal.is_provisional) == (end_of(review_by), False)
    assert clocks(appeal) == {"review": end_of(review_by)}


def test_past_the_published_year_a_review_is_provisional():
    appeal = appeal_at("2026-12-29T10:00+08:00", penalty_issued("2026-12-28T10:00+08:00"))
    assert (appeal.review_by, appeal.is_provisional) == (end_of("2027-01-01"), True)
    clock = Deadline.objects.get(kind="review", subject_id=appeal.pk)
    assert (clock.is_provisional, clock.counted_from, clock.working_days) == (True, appeal.submitted_at, 3)


def test_a_missed_review_alerts_staff_once_and_decides_nothing():
    appeal = appeal_at("2026-11-20T10:00+08:00", penalty_issued("2026-11-20T09:00+08:00"))  # due on 11-25
    assert sweep("review", end_of("2026-11-25")).acted == 0
    assert sweep("review", "2026-11-26T00:00:00+08:00").acted == 1
    assert sweep("review", "2026-11-27T00:00:00+08:00").examined == 0
    appeal.refresh_from_db()
    assert (appeal.status, appeal.decided_at) == ("submitted", None)
    assert Event.objects.filter(name="review.overdue", subject_id=appeal.pk).count() == 1
    decided = decide_at("2026-11-26T10:00+08:00", "reject", appeal, REJECT, by=make_reviewer())
    assert decided.status == "rejected"


def asked(at: str = "2026-11-03T10:00+08:00") -> Appeal:
    """Submitted on Monday 2026-11-02, due on 11-05; staff ask on 11-03: the merchant has until 11-10 10:00."""
    appeal = appeal_at("2026-11-02T10:00+08:00", penalty_issued("2026-11-01T10:00+08:00"))
    decide_at(at, "ask", appeal, ASK, by=make_reviewer())
    appeal.refresh_from_db()
    return appeal


def test_asking_stops_the_review_and_starts_seven_days_for_the_merchant():
    appeal = asked()
    assert (appeal.status, appeal.supplement_by) == ("more_wanted", moment("2026-11-10T10:00+08:00"))
    assert clocks(appeal) == {"supplement": moment("2026-11-10T10:00+08:00")}
    assert sweep("review", "2026-11-06T00:00+08:00").examined == 0


@pytest.mark.parametrize("at", ["2026-11-10T09:59:59.999999+08:00", "2026-11-10T10:00:00+08:00"])
def test_a_supplement_in_time_gives_the_review_three_working_days_anew(at):
    appeal = asked()
    actor = merchant_of(appeal.penalty)
    picture = make_picture(appeal.merchant)
    services.supplement(appeal.pk, "The whole record.", evidence=[picture], actor=actor, now=moment(at))
    appeal.refresh_from_db()
    assert (appeal.status, appeal.supplement, appeal.supplemented_at) == (
        "submitted",
        "The whole record.",
        moment(at),
    )
    assert list(appeal.supplement_evidence.all()) == [picture]
    assert appeal.review_by == end_of("2026-11-13")
    assert clocks(appeal) == {"review": end_of("2026-11-13")}


def test_a_supplement_a_microsecond_late_is_refused_before_and_after_the_sweep():
    appeal = asked()
    actor = merchant_of(appeal.penalty)
    for _ in range(2):
        with pytest.raises(IllegalMove):
            services.supplement(appeal.pk, "Late.", actor=actor, now=moment("2026-11-10T10:00:00.000001+08:00"))
        appeal.refresh_from_db()
        assert (appeal.supplement, appeal.supplemented_at) == ("", None)
        sweep("supplement", "2026-11-10T10:00:00.000001+08:00")


def test_without_a_supplement_the_review_goes_on_by_itself():
    appeal = asked()
    assert sweep("supplement", "2026-11-10T10:00+08:00").acted == 0
    assert sweep("supplement", "2026-11-10T10:01+08:00").acted == 1
    appeal.refresh_from_db()
    assert (appeal.status, appeal.review_by) == ("submitted", end_of("2026-11-13"))
    assert clocks(appeal) == {"review": end_of("2026-11-13")}
    line = HistoryLine.objects.get(noun="appeal", noun_id=appeal.pk, verb="go_on")
    assert (line.from_state, line.to_state, line.actor_kind, line.at) == (
        "more_wanted",
        "submitted",
        "system",
        moment("2026-11-10T10:01+08:00"),
    )
    assert Event.objects.filter(name="appeal.goes_on", subject_id=appeal.pk).count() == 1
    assert sweep("supplement", "2026-11-11T10:00+08:00").examined == 0


def test_a_review_that_goes_on_over_the_new_year_is_provisional():
    appeal = appeal_at("2026-12-22T10:00+08:00", penalty_issued("2026-12-21T10:00+08:00"))
    decide_at("2026-12-22T11:00+08:00", "ask", appeal, ASK, by=make_reviewer())
    sweep("supplement", "2026-12-30T09:00+08:00")
    appeal.refresh_from_db()
    assert (appeal.review_by, appeal.is_provisional) == (end_of("2027-01-04"), True)
    clock = Deadline.objects.get(kind="review", subject_id=appeal.pk)
    assert (clock.is_provisional, clock.counted_from) == (True, moment("2026-12-30T09:00+08:00"))


def test_a_decision_stops_every_clock_of_the_appeal():
    appeal = appeal_at("2026-11-02T10:00+08:00", penalty_issued("2026-11-01T10:00+08:00"))
    decide_at("2026-11-03T10:00+08:00", "approve", appeal, APPROVE, by=make_reviewer())
    assert clocks(appeal) == {}
    assert not Deadline.objects.filter(kind="appeal").exists()
