"""What a stretch of days would have been under other numbers, beside a count by hand."""

from dataclasses import replace
from datetime import date

import pytest

from common.policy import Policy
from complaints import extending
from complaints.tests.factories import file_at, handle_at, moment
from deadlines.tests.ops import ops
from penalties.what_if import Compared, what_if
from refunds.tests.making import case_at, fund_at, refund_at

pytestmark = pytest.mark.django_db

NOW = moment("2026-11-30T00:00Z")
DAY = date(2026, 11, 20)


def asked(last=DAY, **numbers):
    found = what_if(replace(Policy(), **numbers), first=DAY, last=last, now=NOW, as_it_was=Policy())
    return {each.noun: each for each in found}


def test_it_equals_a_count_by_hand():
    handle_at("2026-11-22T02:00Z", file_at("2026-11-20T02:00Z"))  # after 48 h exactly
    handle_at("2026-11-22T02:00:00.000001Z", file_at("2026-11-20T02:00Z"))  # a microsecond more
    handle_at("2026-11-24T02:00Z", file_at("2026-11-20T02:00Z"))  # after 96 h exactly
    handle_at("2026-11-24T02:00:00.000001Z", file_at("2026-11-20T02:00Z"))  # a microsecond more
    file_at("2026-11-20T02:00Z")  # never
    file_at("2026-11-19T15:59:59Z")  # on the 19th in Beijing
    file_at("2026-11-20T16:00Z")  # on the 21st in Beijing
    assert asked(handle_hours=48, handle_points=3)["complaint"] == Compared(
        "complaint", obligations=5, missed=2, would_miss=4, points=2, would_cost=12
    )
    assert asked()["complaint"] == Compared("complaint", 5, 2, 2, 2, 2)
    assert asked(handle_hours=1000)["complaint"].would_miss == 0


def test_what_an_extension_gave_back_is_given_under_other_numbers_too():
    handle_at("2026-11-24T04:00Z", file_at("2026-11-20T02:00Z"))
    wang = ops()
    began, ended = moment("2026-11-24T02:00Z"), moment("2026-11-24T05:00Z")
    made = extending.propose(began, ended, ["handle"], reason="Power.", actor=wang, now=ended)
    extending.carry_out(made.pk, actor=wang, now=ended)
    found = asked()["complaint"]
    assert (found.missed, found.would_miss) == (0, 0)


def test_pending_refunds_are_counted_in_their_first_round():
    for paid in ("2026-11-23T02:00Z", "2026-11-23T02:00:00.000001Z", "2026-11-28T02:00Z"):
        case = case_at("2026-11-20T02:00Z")
        fund_at("2026-11-20T03:00Z", case.merchant, "1000.00")
        refund_at(paid, case, "128.00")
    assert asked(refund_hours=72, refund_points=2)["refund_case"] == Compared(
        "refund_case", obligations=3, missed=1, would_miss=2, points=1, would_cost=4
    )
    assert asked()["refund_case"] == Compared("refund_case", 3, 1, 1, 1, 1)


def test_nothing_is_nothing():
    assert [(each.obligations, each.missed, each.would_cost) for each in asked().values()] == [(0, 0, 0), (0, 0, 0)]
