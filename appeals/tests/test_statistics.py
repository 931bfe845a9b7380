"""Numbers about appeals for staff, by hand: hours in hand, ages at their edges, and rates."""

import pytest

from appeals import services
from appeals.models import Appeal
from appeals.statistics import APPEALS
from appeals.tests.making import (
    APPROVE,
    ASK,
    CORRECT,
    REJECT,
    appeal_at,
    decide_at,
    make_reviewer,
    merchant_of,
    penalty_issued,
    staff,
    when,
)
from complaints.reviews.statistics import decision_hours, numbers

pytestmark = pytest.mark.django_db


def test_the_time_that_the_merchant_was_given_is_not_counted():
    li = make_reviewer()
    asked, silent, plain = (
        appeal_at("2026-11-16T10:00+08:00", penalty_issued("2026-11-16T09:00+08:00")) for _ in "123"
    )
    decide_at("2026-11-16T12:00+08:00", "ask", asked, ASK, by=li)
    services.supplement(asked.pk, "Here it is.", actor=merchant_of(asked.penalty), now=when("2026-11-18T09:00+08:00"))
    decide_at("2026-11-18T12:00+08:00", "approve", asked, APPROVE, by=li)
    decide_at("2026-11-16T12:00+08:00", "ask", silent, ASK, by=li)
    Appeal.objects.filter(pk=silent.pk).update(status="submitted", supplement_by=when("2026-11-17T09:00+08:00"))
    decide_at("2026-11-17T17:00+08:00", "reject", silent, REJECT, by=li)
    decide_at("2026-11-16T11:00+08:00", "approve", plain, APPROVE, by=li)
    now = when("2026-11-18T13:00+08:00")
    assert sorted(decision_hours(APPEALS, now=now)) == pytest.approx([1, 3, 8])
    assert numbers(APPEALS, now=now).median_hours == pytest.approx(3)


def test_decisions_older_than_thirty_days_and_corrections_are_left_out():
    li = make_reviewer()
    appeal = appeal_at("2026-10-19T09:00+08:00", penalty_issued("2026-10-19T09:00+08:00"))
    decide_at("2026-10-19T11:00+08:00", "approve", appeal, APPROVE, by=li)
    assert decision_hours(APPEALS, now=when("2026-11-18T11:00+08:00")) == pytest.approx([2])
    assert decision_hours(APPEALS, now=when("2026-11-18T11:00:01+08:00")) == []
    services.correct(appeal.pk, CORRECT, actor=staff(li), now=when("2026-11-17T10:00+08:00"))
    assert decision_hours(APPEALS, now=when("2026-11-18T11:00+08:00")) == []


def test_open_reviews_are_counted_by_age_with_their_edges():
    for submitted in (
        "2026-11-17T10:00:01+08:00",
        "2026-11-17T10:00:00+08:00",
        "2026-11-15T10:00:00+08:00",
        "2026-11-11T10:00:00+08:00",
        "2026-11-11T10:00:01+08:00",
    ):
        appeal_at(submitted, penalty_issued("2026-11-11T09:00+08:00"))
    found = numbers(APPEALS, now=when("2026-11-18T10:00+08:00"))
    assert found.open_by_age == {"under_1": 1, "under_3": 1, "under_7": 2, "older": 1}


def test_due_today_ends_at_midnight_in_beijing_and_overdue_starts_after_the_deadline():
    appeal_at("2026-11-13T10:00+08:00", penalty_issued("2026-11-11T09:00+08:00"))  # due at the end of the 18th
    for at, due_today, overdue in (
        ("2026-11-17T23:59:59+08:00", 0, 0),
        ("2026-11-18T00:00:00+08:00", 1, 0),
        ("2026-11-18T23:59:59.999999+08:00", 1, 0),
        ("2026-11-19T00:00:00+08:00", 0, 1),
    ):
        found = numbers(APPEALS, now=when(at))
        assert (found.due_today, found.overdue) == (due_today, overdue), at


def test_rates_are_by_rule_and_by_reviewer():
    li, wang = make_reviewer("Li"), make_reviewer("Wang")
    for kind, verb, decision, by in (
        ("complaint_timeout", "approve", APPROVE, li),
        ("complaint_timeout", "reject", REJECT, li),
        ("complaint_timeout", "reject", REJECT, li),
        ("refund_overdue", "approve", APPROVE, wang),
    ):
        appeal = appeal_at("2026-11-16T10:00+08:00", penalty_issued("2026-11-16T09:00+08:00", kind))
        decide_at("2026-11-16T11:00+08:00", verb, appeal, decision, by=by)
    found = numbers(APPEALS, now=when("2026-11-18T10:00+08:00"))
    assert [(rate.label, rate.percent, rate.decided) for rate in found.grouped["kind"]] == [
        ("complaint_timeout", 33, 3),
        ("refund_overdue", 100, 1),
    ]
    assert [(rate.label, rate.percent, rate.decided) for rate in found.by_reviewer] == [("Li", 33, 3), ("Wang", 100, 1)]


def test_the_numbers_take_a_handful_of_questions(django_assert_max_num_queries):
    appeal = appeal_at("2026-11-16T10:00+08:00", penalty_issued("2026-11-16T09:00+08:00"))
    decide_at("2026-11-16T11:00+08:00", "approve", appeal, APPROVE, by=make_reviewer())
    with django_assert_max_num_queries(6):
        numbers(APPEALS, now=when("2026-11-18T10:00+08:00"))
