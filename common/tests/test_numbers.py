"""Complaint numbers: the day in Beijing, the noun, and eighteen digits that nobody can guess."""

import pytest

from common.numbers import new_complaint_no, number_prefix
from complaints.tests.factories import moment


@pytest.mark.parametrize(
    ("filed_at", "day"),
    [
        ("2026-11-20T15:59:59.999999Z", "20261120"),
        ("2026-11-20T16:00:00Z", "20261121"),
        ("2026-12-31T16:00:00Z", "20270101"),
        ("2026-11-20T23:00:00-05:00", "20261121"),
    ],
)
def test_the_day_is_that_of_beijing(filed_at, day):
    assert number_prefix(moment(filed_at), "01") == f"{day}01"
    assert new_complaint_no(moment(filed_at)).startswith(f"{day}01")


def test_a_number_is_28_digits_long_also_when_the_random_part_is_small(monkeypatch):
    monkeypatch.setattr("common.numbers.secrets.randbelow", lambda _limit: 7)
    assert new_complaint_no(moment("2026-11-20T02:00Z")) == "2026112001000000000000000007"


def test_numbers_of_the_same_moment_do_not_follow_each_other():
    numbers = [int(new_complaint_no(moment("2026-11-20T02:00Z"))[10:]) for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert numbers != sorted(numbers)
    assert all(0 <= number < 10**18 for number in numbers)
    assert max(numbers) > 10**17, "they use the whole width"
