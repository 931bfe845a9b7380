"""Working hours, by hand: over weekends, National Day, and a Saturday that is worked."""

import pytest

from complaints.reviews.statistics import WorkingClock
from complaints.tests.factories import moment

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-18T10:00+08:00", "2026-11-18T12:30+08:00", 2.5),
        ("2026-11-18T07:00+08:00", "2026-11-18T20:00+08:00", 9),
        ("2026-11-18T19:00+08:00", "2026-11-18T23:00+08:00", 0),
        ("2026-11-18T17:00+08:00", "2026-11-19T10:00+08:00", 2),
        ("2026-11-20T17:00+08:00", "2026-11-23T10:00+08:00", 2),  # Friday to Monday
        ("2026-11-21T10:00+08:00", "2026-11-22T17:00+08:00", 0),  # a weekend
        ("2026-09-30T17:00+08:00", "2026-10-08T10:00+08:00", 2),  # National Day
        ("2026-10-09T18:00+08:00", "2026-10-10T18:00+08:00", 9),  # a Saturday that is worked
        ("2026-09-30T17:00+08:00", "2026-10-12T09:30+08:00", 1 + 9 + 9 + 9 + 0.5),
    ],
)
def test_working_hours_are_nine_to_six_in_beijing_on_working_days(start, end, hours):
    clock = WorkingClock.between(moment(start), moment(end))
    assert clock.hours(moment(start), moment(end)) == pytest.approx(hours)
