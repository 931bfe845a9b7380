"""Working days in China: the published table against two independent sources, and deadlines written by hand."""

import warnings
from datetime import date, timedelta

import chinese_calendar
import holidays
import pytest

from common.numbers import BEIJING
from complaints.tests.factories import moment
from deadlines.calendar import end_of_working_day, published_through, reach
from deadlines.models import WorkDay
from deadlines.tests.publishing import publish_the_known_years

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calendar(db):
    publish_the_known_years()


def days_of(*years: int) -> list[date]:
    first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_the_calendar_holds_every_day_of_the_published_years():
    assert list(WorkDay.objects.order_by("day").values_list("day", flat=True)) == days_of(2024, 2026)
    assert len(days_of(2024, 2026)) == 1096
    assert published_through() == date(2026, 12, 31)


def test_the_calendar_equals_both_sources_on_every_day():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        china = holidays.country_holidays("CN", years=range(2024, 2027))
    ours = dict(WorkDay.objects.values_list("day", "is_working"))
    different = [
        (day, ours[day], china.is_working_day(day), chinese_calendar.is_workday(day))
        for day in days_of(2024, 2026)
        if not ours[day] == china.is_working_day(day) == chinese_calendar.is_workday(day)
    ]
    assert different == []


def test_every_day_names_its_notice():
    sources = WorkDay.objects.order_by().values_list("day__year", "source").distinct()
    assert sorted(sources) == [
        (2024, "国办发明电〔2023〕7号"),
        (2025, "国办发明电〔2024〕12号"),
        (2026, "国办发明电〔2025〕7号"),
    ]


def test_the_make_up_days_of_2026():
    weekends = WorkDay.objects.filter(day__year=2026, is_working=True, day__week_day__in=(1, 7))
    assert [day.isoformat() for day in weekends.order_by("day").values_list("day", flat=True)] == [
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-05-09",
        "2026-09-20",
        "2026-10-10",
    ]


@pytest.mark.parametrize(
    ("submitted", "third_working_day"),
    [
        # National Day 2025, with the make-up days 09-28 and 10-11.
        ("2025-09-26", "2025-09-30"),
        ("2025-09-30", "2025-10-11"),
        # Spring Festival 2026: 02-15 to 02-23, with the make-up days 02-14 and 02-28.
        ("2026-02-11", "2026-02-14"),
        ("2026-02-12", "2026-02-24"),
        ("2026-02-13", "2026-02-25"),
        ("2026-02-14", "2026-02-26"),
        ("2026-02-16", "2026-02-26"),
        ("2026-02-23", "2026-02-26"),
        ("2026-02-24", "2026-02-27"),
        ("2026-02-25", "2026-02-28"),
        ("2026-02-26", "2026-03-02"),
        # National Day 2026: 10-01 to 10-07, with the make-up days 09-20 and 10-10.
        ("2026-09-18", "2026-09-22"),
        ("2026-09-28", "2026-10-08"),
        ("2026-09-30", "2026-10-10"),
        ("2026-10-01", "2026-10-10"),
        ("2026-10-07", "2026-10-10"),
        ("2026-10-08", "2026-10-12"),
        ("2026-10-09", "2026-10-13"),
        # An ordinary weekend.
        ("2026-11-20", "2026-11-25"),
        ("2026-11-21", "2026-11-25"),
    ],
)
def test_three_working_days(submitted, third_working_day):
    found = end_of_working_day(moment(f"{submitted}T10:00+08:00"), 3)
    assert found.due_at == moment(f"{third_working_day}T23:59:59.999999+08:00")
    assert not found.is_provisional


@pytest.mark.parametrize(
    ("submitted", "due"),
    [
        ("2026-02-13T23:59:59.999999+08:00", "2026-02-25T23:59:59.999999+08:00"),
        ("2026-02-14T00:00:00+08:00", "2026-02-26T23:59:59.999999+08:00"),
        ("2026-09-30T23:59:59.999999+08:00", "2026-10-10T23:59:59.999999+08:00"),
        # The same two moments as other places write them.
        ("2026-02-13T15:59:59.999999Z", "2026-02-25T15:59:59.999999Z"),
        ("2026-02-13T11:00:00-05:00", "2026-02-26T15:59:59.999999Z"),
    ],
)
def test_the_day_of_submission_is_the_day_in_beijing(submitted, due):
    assert end_of_working_day(moment(submitted), 3).due_at == moment(due)


def test_the_last_published_day_is_certain_and_the_first_unpublished_one_provisional():
    certain = end_of_working_day(moment("2026-12-28T10:00+08:00"), 3)
    assert (certain.due_at, certain.is_provisional) == (moment("2026-12-31T23:59:59.999999+08:00"), False)
    provisional = end_of_working_day(moment("2026-12-29T10:00+08:00"), 3)
    assert (provisional.due_at, provisional.is_provisional) == (moment("2027-01-01T23:59:59.999999+08:00"), True)


def test_days_before_the_first_published_year_are_no_gap_that_is_jumped_over():
    found = end_of_working_day(moment("2023-12-20T10:00+08:00"), 3)
    assert (found.due_at, found.is_provisional) == (moment("2023-12-25T23:59:59.999999+08:00"), True)


def test_a_hundred_working_days_are_counted_with_the_published_ones():
    """From 2026-01-05 on: 20 in January, 16 in February, 22 in March, 21 in April, 19 in May, and two in June."""
    found = end_of_working_day(moment("2026-01-04T10:00+08:00"), 100)
    assert (found.due_at.astimezone(BEIJING).date(), found.is_provisional) == (date(2026, 6, 2), False)


def test_without_any_year_monday_to_friday_count_and_all_is_provisional():
    WorkDay.objects.all().delete()
    found = end_of_working_day(moment("2026-09-30T10:00+08:00"), 3)
    assert (found.due_at, found.is_provisional) == (moment("2026-10-05T23:59:59.999999+08:00"), True)
    assert published_through() is None


@pytest.mark.parametrize(
    ("now", "days_left", "soon", "over"),
    [
        ("2026-11-01T23:59:59+08:00", 60, False, False),
        ("2026-11-02T00:00:00+08:00", 59, True, False),
        ("2026-12-31T23:59:59+08:00", 0, True, False),
        ("2027-01-01T00:00:00+08:00", -1, True, True),
    ],
)
def test_the_calendar_says_sixty_days_ahead_that_it_runs_out(now, days_left, soon, over):
    found = reach(date(2026, 12, 31), now=moment(now))
    assert (found.days_left, found.runs_out_soon, found.has_run_out) == (days_left, soon, over)
