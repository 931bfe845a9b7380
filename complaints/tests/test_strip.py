"""The strip of clocks, before, at and after the moment of a deadline."""

import pytest
from django.utils import translation

from complaints.clocks import clocks_by_complaint
from complaints.intake import file_complaints
from complaints.models import Complaint
from complaints.services import cancel
from complaints.strip import Line, strip
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_filing,
    make_program,
    moment,
    platform_actor,
)

pytestmark = pytest.mark.django_db

FRIDAY = "2026-03-06T09:00+08:00"
DUE = moment("2026-03-10T09:00+08:00")


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def lines(complaint: Complaint, at: str, lost: int | None = None) -> list[Line]:
    fresh = Complaint.objects.get(pk=complaint.pk)
    return strip(fresh, clocks_by_complaint([fresh.pk])[fresh.pk], now=moment(at), lost=lost)


@pytest.mark.parametrize(
    ("at", "points", "is_lost"),
    [
        ("2026-03-10T08:59:59.999999+08:00", "1 point at stake", False),
        ("2026-03-10T09:00+08:00", "1 point at stake", False),
        ("2026-03-10T09:00:00.000001+08:00", "will cost 1 point", True),
    ],
)
def test_points_are_at_stake_to_the_very_moment_of_the_deadline(at, points, is_lost):
    (line,) = lines(file_at(FRIDAY), at)
    assert (line.kind, line.due_at, line.stopped_at, line.points, line.is_lost) == (
        "handle",
        DUE,
        None,
        points,
        is_lost,
    )


def test_a_penalty_says_what_was_lost_and_a_revoked_one_that_it_was():
    complaint = file_at(FRIDAY)
    (lost,) = lines(complaint, "2026-03-11T09:00+08:00", lost=2)
    assert (lost.points, lost.is_lost) == ("2 points lost", True)
    (revoked,) = lines(complaint, "2026-03-11T09:00+08:00", lost=0)
    assert (revoked.points, revoked.is_lost) == ("penalty revoked", False)


def test_handled_in_time_its_clock_stands_last_and_costs_nothing():
    complaint = file_at(FRIDAY)
    handle_at("2026-03-10T09:00+08:00", complaint)
    finish, handle = lines(complaint, "2026-03-11T09:00+08:00")
    assert (finish.kind, finish.due_at, finish.points) == ("finish", moment("2026-03-17T09:00+08:00"), "")
    assert (handle.kind, handle.stopped_at, handle.points) == ("handle", DUE, "")


def test_handled_late_it_will_cost_its_point_until_the_penalty_is_there():
    complaint = file_at(FRIDAY)
    handle_at("2026-03-10T09:00:00.000001+08:00", complaint)
    handle = lines(complaint, "2026-03-11T09:00+08:00")[-1]
    assert (handle.points, handle.is_lost) == ("will cost 1 point", True)


@pytest.mark.parametrize(
    ("ended_at", "remark"), [("2026-03-10T09:00+08:00", "Ended before its deadline"), ("2026-03-10T09:00:01+08:00", "")]
)
def test_withdrawn_in_time_there_is_no_clock_to_show(ended_at, remark):
    complaint = file_at(FRIDAY)
    cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment(ended_at))
    (line,) = lines(complaint, "2026-03-11T09:00+08:00")
    assert line.remark == remark
    assert line.stopped_at == moment(ended_at)


def test_an_old_case_has_no_clock():
    program = make_program()
    file_complaints(
        [make_filing(program, filed_at=moment("2020-03-06T12:00+08:00"))],
        platform_id=program.platform_id,
        actor=platform_actor(program.platform),
        now=DUE,
        is_history=True,
    )
    (line,) = lines(Complaint.objects.get(), FRIDAY)
    assert (line.remark, line.points) == ("No clock: an old case", "")


def test_in_review_the_clock_of_support_stands_in_front_and_may_be_provisional():
    complaint = file_at(FRIDAY)
    handle_at("2026-03-09T09:00+08:00", complaint, "shipped")
    review, handle = lines(complaint, "2026-03-09T10:00+08:00")
    # Handled on Monday the ninth: three working days later, the end of Thursday the twelfth.
    assert (review.kind, str(review.words), review.points) == ("review", "Review", "")
    assert review.due_at.date() == moment("2026-03-12T15:59:59Z").date()
    assert handle.kind == "handle"
