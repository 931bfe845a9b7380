"""Changes of the policy are written down: what is new, what says something else, and what is gone; each once."""

import pytest

from common.policy import policy_spans
from complaints.tests.factories import moment
from deadlines.models import PolicyChange
from deadlines.policies import record_policies

pytestmark = pytest.mark.django_db

NOW = moment("2026-11-25T02:00Z")
JULY = "[[policy]]\nsince = 2026-07-01T00:00:00+08:00\nhandle_hours = 48\n"
NEXT_YEAR = (
    '[[policy]]\nsince = 2027-01-01T00:00:00+08:00\nhandle_points = 2\nbonus_cap = "20000.00"\nreminder_hours = [24]\n'
)


def record(by="Wang"):
    return [(change.since, change.numbers) for change in record_policies(by=by, now=NOW)]


def test_the_published_policy_is_no_change():
    assert record() == []


def test_each_dated_policy_is_written_down_once_with_what_it_changes(policy_file):
    policy_file(JULY + NEXT_YEAR)
    assert record() == [
        (moment("2026-06-30T16:00Z"), {"handle_hours": [96, 48]}),
        (
            moment("2026-12-31T16:00Z"),
            {"handle_points": [1, 2], "bonus_cap": ["10000.00", "20000.00"], "reminder_hours": [[48, 24, 6, 1], [24]]},
        ),
    ]
    assert record() == []
    change = PolicyChange.objects.earliest("pk")
    assert (change.recorded_by, change.recorded_at) == ("Wang", NOW)


def test_another_number_for_the_same_moment_is_a_change(policy_file):
    policy_file(JULY)
    record()
    policy_file(JULY.replace("48", "72"))
    assert record("Li") == [(moment("2026-06-30T16:00Z"), {"handle_hours": [96, 72]})]
    policy_file(JULY)
    assert record() == [(moment("2026-06-30T16:00Z"), {"handle_hours": [96, 48]})], "and back is one more"
    assert record() == []


def test_a_table_that_is_gone_is_a_change_and_so_is_its_return(policy_file):
    policy_file(JULY + NEXT_YEAR)
    record()
    policy_file(NEXT_YEAR)
    assert record() == [(moment("2026-06-30T16:00Z"), {})]
    assert record() == [], "it is gone only once"
    policy_file(JULY + NEXT_YEAR)
    assert record() == [(moment("2026-06-30T16:00Z"), {"handle_hours": [96, 48]})]


def test_the_same_moment_on_another_clock_is_no_change(policy_file):
    policy_file(JULY)
    record()
    policy_file(JULY.replace("2026-07-01T00:00:00+08:00", "2026-06-30T16:00:00Z"))
    policy_spans()
    assert record() == []
