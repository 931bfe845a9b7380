"""Handling by a refund: from the fund, or named as made elsewhere; what it refuses leaves the complaint pending."""

from decimal import Decimal

import pytest

from common.errors import BadInput, IllegalMove
from complaints import services as complaints
from complaints.methods import HandlingInput
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import consumer_actor, file_at, make_picture, make_program, member_actor, moment
from deadlines.models import Deadline
from refunds.fund import Balance, balance_of
from refunds.models import NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.tests.checking import events, refused, sweep
from refunds.tests.making import fund_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

FILED = "2026-11-20T02:00Z"
HANDLED = "2026-11-20T03:00Z"
BAD_AMOUNTS = [None, "0", "-1", "0.001", "99.999", "NaN", "sNaN", "Infinity", "1E+30", "128.01"]


@pytest.fixture
def complaint():
    return file_at(FILED)


def given(method: str, amount: str | None = "100.00", **fields) -> HandlingInput:
    wanted = None if amount is None else Decimal(amount)
    return HandlingInput(**{"method": method, "refund_amount": wanted, "refund_reference": "", **fields})


def handling(complaint: Complaint, handling_input: HandlingInput):
    member = member_actor(complaint.merchant)
    return complaints.handle(complaint.pk, handling_input, actor=member, now=moment(HANDLED))


def refusal(error, complaint: Complaint, handling_input: HandlingInput):
    member = member_actor(complaint.merchant)
    return refused(error, complaints.handle, complaint.pk, handling_input, actor=member, now=moment(HANDLED))


def test_from_the_fund(complaint):
    account = fund_at(FILED, complaint.merchant, "100.00")
    made = handling(complaint, given("fund_refund"))
    refund = Refund.objects.get()
    assert (refund.channel, refund.status, refund.amount, refund.refund_case) == (
        "fund",
        "succeeded",
        Decimal("100.00"),
        None,
    )
    assert (refund.complaint, refund.request_key, refund.is_verified) == (complaint, f"handling-{made.pk}", True)
    assert balance_of(account) == Balance(Decimal("30.00"), Decimal("0.00"), Decimal("30.00"))
    assert RefundedTrade.objects.get().refunded == Decimal("100.00")
    assert not RefundCase.objects.exists()
    assert events(HANDLED) == ["complaint.handled", "refund.succeeded"]
    assert set(Deadline.objects.values_list("kind", flat=True)) == {"finish"}


def test_a_fund_that_is_short_by_a_cent_leaves_the_complaint_as_it_was(complaint):
    fund_at(FILED, complaint.merchant, "76.92")  # and 23.07 of bonus
    short = refusal(IllegalMove, complaint, given("fund_refund"))
    assert (short.code, short.field) == ("fund_short", "refund_amount")
    assert "short by ¥0.01" in str(short)
    fund_at(FILED, complaint.merchant, "0.01")
    handling(complaint, given("fund_refund"))


def test_without_the_plan_it_cannot_be_chosen(complaint):
    refused_way = refusal(IllegalMove, complaint, given("fund_refund"))
    assert (refused_way.field, "guarantee plan" in str(refused_way)) == ("method", True)


@pytest.mark.parametrize("method", ["fund_refund", "other_refund"])
@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_an_amount_that_is_none_or_above_the_trade_is_refused(complaint, method, amount):
    fund_at(FILED, complaint.merchant, "1000.00")
    assert refusal(BadInput, complaint, given(method, amount, refund_reference="R-1")).field == "refund_amount"


def test_handled_twice_the_money_moves_once(complaint):
    account = fund_at(FILED, complaint.merchant, "1000.00")
    handling(complaint, given("fund_refund"))
    refusal(IllegalMove, complaint, given("fund_refund"))
    assert balance_of(account).deposit == Decimal("933.33")


def test_named_with_its_number_it_stands_on_the_merchants_word(complaint):
    handling(complaint, given("other_refund", refund_reference=" R-1 "))
    refund = Refund.objects.get()
    assert (refund.channel, refund.status, refund.refund_no, refund.is_verified) == (
        "elsewhere",
        "succeeded",
        "R-1",
        False,
    )
    assert HistoryLine.objects.get(noun="refund").verb == "record"


def test_named_with_a_picture_alone_it_gets_a_number_of_ours(complaint):
    picture = make_picture(complaint.merchant)
    handling(complaint, given("other_refund", evidence=(picture,)))
    refund = Refund.objects.get()
    assert len(refund.refund_no) == 28
    assert list(refund.evidence.all()) == [picture]


def test_the_same_number_handles_one_complaint_about_a_trade():
    program = make_program()
    first, second = (file_at(FILED, program, trade_no="T-1") for _ in range(2))
    elsewhere = file_at(FILED, program, trade_no="T-2")
    handling(first, given("other_refund", "10.00", refund_reference="R-1"))
    again = refusal(BadInput, second, given("other_refund", "10.00", refund_reference="R-1"))
    assert (again.code, again.field) == ("recorded_already", "refund_reference")
    handling(elsewhere, given("other_refund", "10.00", refund_reference="R-1"))
    handling(second, given("other_refund", "10.00", refund_reference="R-2"))


@pytest.mark.parametrize("method", ["fund_refund", "other_refund"])
def test_two_complaints_about_a_trade_never_refund_more_than_it_cost(method):
    program = make_program()
    fund_at(FILED, program.merchant, "1000.00")
    first, second = (file_at(FILED, program, trade_no="T-1") for _ in range(2))
    handling(first, given("other_refund", refund_reference="R-1"))
    above = refusal(BadInput, second, given(method, "28.01", refund_reference="R-2"))
    assert (above.code, above.field) == ("above_the_trade", "refund_amount")
    handling(second, given(method, "28.00", refund_reference="R-2"))
    assert RefundedTrade.objects.get().refunded == Decimal("128.00")


def test_confirmed_or_left_alone_no_review_begins(complaint):
    handling(complaint, given("other_refund", refund_reference="R-1"))
    other = file_at(FILED)
    handling(other, given("other_refund", refund_reference="R-1"))
    complaints.confirm(other.pk, actor=consumer_actor(other), now=moment("2026-11-20T04:00Z"))
    sweep("finish", "2026-11-28T03:00Z")
    assert set(Complaint.objects.values_list("status", flat=True)) == {"finished"}
    assert not NoRefundClaim.objects.exists()
    assert set(Refund.objects.values_list("status", flat=True)) == {"succeeded"}


@pytest.mark.parametrize("method", ["fund_refund", "other_refund"])
def test_a_complaint_withdrawn_after_its_refund_keeps_the_refund(complaint, method):
    fund_at(FILED, complaint.merchant, "1000.00")
    handling(complaint, given(method, refund_reference="R-1"))
    complaints.cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment("2026-11-20T04:00Z"))
    assert Refund.objects.get().status == "succeeded"
    assert RefundedTrade.objects.get().refunded == Decimal("100.00")
