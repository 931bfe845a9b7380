"""Two programs refund at the same moment through the API, on two real connections; beside it, what the key is for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from complaints.tests.calling import Caller, merchant_caller
from complaints.tests.factories import make_program
from merchants.models import Grant
from refunds.fund import balance_of
from refunds.models import Refund, RefundCase
from refunds.tests.making import case_at, fund_at

pytestmark = pytest.mark.django_db(transaction=True)

RULED = "2026-11-26T02:00Z"
ROUNDS = 5


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make these calls at the same moment, each on a connection of its own."""
    together = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        together.wait(timeout=30)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def twice(case: RefundCase, *keys: str) -> list[Any]:
    """Refund 40.00 of a case twice at once, with these idempotency keys."""
    text = merchant_caller(case.merchant, Grant.VIEW, Grant.REFUND).text
    given = {"channel": "fund", "amount": "40.00"}
    path = f"/api/v1/refund-cases/{case.case_no}/refunds/"

    def call(key: str) -> Callable[[], Any]:
        caller = Caller(text, client=Client())
        return lambda: caller.post(path, given, key=key)

    return at_once(*(call(key) for key in keys))


@pytest.fixture
def funded() -> Callable[[], RefundCase]:
    program = make_program()

    def make() -> RefundCase:
        fund_at(RULED, program.merchant, "100.00")
        return case_at(RULED, program=program, amount="100.00")

    return make


def test_the_same_request_twice_at_once_is_one_refund_with_one_answer(funded):
    for _ in range(ROUNDS):
        case = funded()
        answers = twice(case, "K-1", "K-1")
        assert [answer.status_code for answer in answers] == [201, 201], [answer.content for answer in answers]
        assert len([answer for answer in answers if "Idempotent-Replayed" in answer]) == 1
        assert answers[0].content == answers[1].content
        (made,) = Refund.objects.filter(refund_case=case)
        assert made.transfers.count() == 1


def test_without_one_key_for_both_they_are_two_refunds(funded):
    """The control: it is the key that makes two requests one."""
    for _ in range(ROUNDS):
        case = funded()
        assert [answer.status_code for answer in twice(case, "K-1", "K-2")] == [201, 201]
        assert Refund.objects.filter(refund_case=case).count() == 2


def test_two_wishes_at_once_never_go_above_what_is_due(funded):
    for _ in range(ROUNDS):
        case = funded()
        answers = twice(case, "K-1", "K-2", "K-3")
        assert sorted(answer.status_code for answer in answers) == [201, 201, 400]
        assert sum(Refund.objects.filter(refund_case=case).values_list("amount", flat=True)) == Decimal("80.00")


def test_the_key_holds_also_when_the_answer_is_not_kept(funded, monkeypatch):
    """The refund itself knows its key: were kept answers lost, the same request still moves money once."""
    monkeypatch.setattr("merchants.api.answer_once", lambda act, **about: act())
    case = funded()
    before = balance_of(case.merchant.guarantee_account)
    answers = twice(case, "K-1", "K-1")
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    after = balance_of(case.merchant.guarantee_account)
    assert (before.deposit + before.bonus) - (after.deposit + after.bonus) == Decimal("40.00")
    assert Refund.objects.filter(refund_case=case).count() == 1
