"""Refunds: the three channels, what each refuses, one wish one refund, and never more than the trade."""

from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.errors import BadInput, Conflict, IllegalMove, NotAllowed, PortalError
from complaints.models import HistoryLine
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_picture,
    make_program,
    member_actor,
    moment,
)
from merchants.models import Grant
from refunds import services
from refunds.fund import Balance, balance_of
from refunds.gateways import Answer, Outcome
from refunds.models import FundTransfer, Refund, RefundCase, RefundedTrade
from refunds.tests.checking import events, everything, lines, refused
from refunds.tests.fakes import ABSENT, FAILED, SUCCEEDED, UNKNOWN
from refunds.tests.making import case_at, fund_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

RULED = "2026-11-20T05:00Z"
AT = "2026-11-21T05:00Z"
LATER = "2026-11-21T05:01Z"


@pytest.fixture
def case():
    made = case_at(RULED, amount="100.00")
    fund_at(RULED, made.merchant, "1000.00")
    return made


def given(case: RefundCase, **fields) -> services.RefundInput:
    whole: dict[str, Any] = {"channel": "fund", "amount": Decimal("100.00"), "request_key": "wish-1"}
    if fields.get("channel") == "elsewhere":
        whole |= {"reference": "R-1", "evidence": (make_picture(case.merchant),)}
    return services.RefundInput(**whole | fields)


def refunding(case: RefundCase, at: str = AT, **fields) -> Refund:
    return services.refund(case.pk, given(case, **fields), actor=member_actor(case.merchant), now=moment(at))


def refusal(error: type[PortalError], case: RefundCase, at: str = AT, **fields) -> PortalError:
    wish, member = given(case, **fields), member_actor(case.merchant)
    return refused(error, services.refund, case.pk, wish, actor=member, now=moment(at))


# The channels.


def test_from_the_fund_the_money_moves_at_once(case):
    made = refunding(case)
    assert (made.status, made.channel, made.gateway, made.is_verified) == ("succeeded", "fund", "ledger", True)
    assert (made.requested_at, made.ended_at, made.ask_at) == (moment(AT), moment(AT), None)
    assert balance_of(case.merchant.guarantee_account) == Balance(
        Decimal("933.33"), Decimal("266.67"), Decimal("300.00")
    )
    line = HistoryLine.objects.get(noun="refund")
    assert (line.verb, line.from_state, line.to_state) == ("pay", "", "succeeded")
    assert (line.detail["bonus"], line.detail["deposit"]) == ("33.33", "66.67")
    assert line.actor_name == "Li Lei"


def test_through_the_api_it_is_processing_until_the_system_answers(case, gateway):
    made = refunding(case, channel="api")
    assert (made.status, made.gateway, made.is_verified) == ("processing", "fake", False)
    assert (made.ask_at, made.ended_at, made.asked) == (moment(AT), None, 0)
    assert RefundedTrade.objects.get().refunded == Decimal("100.00")
    assert gateway.calls == []
    services.learn(made.pk, SUCCEEDED, now=moment(LATER))
    made.refresh_from_db()
    assert (made.status, made.ended_at, made.ask_at, made.is_verified) == ("succeeded", moment(LATER), None, True)
    assert made.reference == "2026112022001"
    assert lines("refund", made) == [("request", "", "processing"), ("succeed", "processing", "succeeded")]
    assert (events(AT), events(LATER)) == (
        ["refund.requested"],
        ["refund.succeeded", "refund_case.refunded", "complaint.settled"],
    )


def test_refunded_elsewhere_stands_on_the_merchants_word_where_nobody_can_be_asked(case):
    made = refunding(case, channel="elsewhere")
    assert (made.status, made.refund_no, made.gateway, made.is_verified) == ("succeeded", "R-1", "", False)
    assert made.evidence.count() == 1
    assert lines("refund", made) == [("record", "", "succeeded")]


def test_refunded_elsewhere_is_checked_where_the_system_can_be_asked(case, gateway):
    made = refunding(case, channel="elsewhere")
    assert (made.status, made.gateway) == ("processing", "fake")
    services.learn(made.pk, SUCCEEDED, now=moment(LATER))
    made.refresh_from_db()
    assert (made.status, made.is_verified) == ("succeeded", True)


def test_a_refund_elsewhere_that_nobody_knows_failed_and_its_number_can_be_given_again(case, gateway):
    made = refunding(case, channel="elsewhere")
    services.learn(made.pk, ABSENT, now=moment(LATER))
    made.refresh_from_db()
    assert made.status == "failed"
    assert made.failure == "The payment system does not know a refund with this number for this trade."
    assert RefundedTrade.objects.get().refunded == 0
    again = refunding(case, LATER, channel="elsewhere", request_key="wish-2")
    services.learn(again.pk, SUCCEEDED, now=moment(LATER))
    case.refresh_from_db()
    assert case.status == "refunded"


# What the payment system says.


@pytest.mark.parametrize("amount", ["99.99", "100.01"])
def test_a_refund_elsewhere_of_another_amount_failed(case, gateway, amount):
    made = refunding(case, channel="elsewhere")
    services.learn(made.pk, Answer(Outcome.SUCCEEDED, amount=Decimal(amount)), now=moment(LATER))
    made.refresh_from_db()
    assert (made.status, made.failure_code) == ("failed", "amount_differs")
    assert f"¥{amount}" in made.failure


@pytest.mark.parametrize("channel", ["api", "elsewhere"])
def test_the_same_amount_succeeded(case, gateway, channel):
    made = refunding(case, channel=channel)
    services.learn(made.pk, Answer(Outcome.SUCCEEDED, amount=Decimal("100.00")), now=moment(LATER))
    made.refresh_from_db()
    assert made.status == "succeeded"


def test_another_amount_under_a_number_of_ours_stays_in_doubt(case, gateway):
    """Money moved: the promise must stand, or it would be paid a second time."""
    made = refunding(case, channel="api")
    services.learn(made.pk, Answer(Outcome.SUCCEEDED, amount=Decimal("60.00")), now=moment(LATER))
    made.refresh_from_db()
    assert (made.status, RefundedTrade.objects.get().refunded) == ("processing", Decimal("100.00"))
    assert made.ask_at == moment("2026-11-21T05:01:30Z")


def test_no_answer_is_asked_for_again_ever_less_often(case, gateway):
    made = refunding(case, channel="api")
    waits = []
    for asked in (0, 1, 2, 3, 4, 5, 6, 100):
        Refund.objects.filter(pk=made.pk).update(asked=asked)
        made = services.learn(made.pk, UNKNOWN, now=moment(LATER))
        assert made.ask_at is not None
        waits.append((made.ask_at - moment(LATER)).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]
    assert (made.status, made.ended_at) == ("processing", None)


def test_a_refusal_of_the_system_gives_the_promise_back(case, gateway):
    made = refunding(case, channel="api")
    services.learn(made.pk, FAILED, now=moment(LATER))
    made.refresh_from_db()
    assert (made.status, made.failure_code, made.failure) == (
        "failed",
        "ACQ.TRADE_HAS_CLOSE",
        "The trade is closed.",
    )
    assert RefundedTrade.objects.get().refunded == 0
    assert events(LATER) == ["refund.failed"]
    assert refunding(case, LATER, request_key="wish-2").status == "succeeded"


@pytest.mark.parametrize("first", [SUCCEEDED, FAILED])
@pytest.mark.parametrize("second", [SUCCEEDED, FAILED, UNKNOWN, ABSENT])
def test_the_first_answer_that_says_how_it_ended_counts(case, gateway, first, second):
    made = refunding(case, channel="api")
    services.learn(made.pk, first, now=moment(LATER))
    before = everything()
    services.learn(made.pk, second, now=moment("2026-11-21T05:02Z"))
    assert everything() == before


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [(FAILED, SUCCEEDED, 1), (FAILED, FAILED, 0), (FAILED, ABSENT, 0), (SUCCEEDED, SUCCEEDED, 0)],
)
def test_money_that_moved_for_a_refund_that_failed_is_an_error_in_the_log(case, gateway, first, second, told):
    made = refunding(case, channel="api")
    services.learn(made.pk, first, now=moment(LATER))
    with capture_logs() as logs:
        services.learn(made.pk, second, now=moment("2026-11-21T05:02Z"))
    found = [entry for entry in logs if entry["event"] == "refund_succeeded_after_it_failed"]
    assert [(entry["log_level"], entry["refund"]) for entry in found] == [("error", made.refund_no)] * told


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
def test_an_answer_of_any_length_is_taken_in(case, gateway, outcome):
    made = refunding(case, channel="api")
    services.learn(made.pk, Answer(outcome, "C" * 200, "M" * 5000, "R" * 500), now=moment(LATER))
    made.refresh_from_db()
    assert made.status == outcome.value


# What is refused.


@pytest.mark.parametrize("amount", ["0", "-0.01", "-100", "0.001", "33.333", "NaN", "sNaN", "Infinity", "1E+30"])
@pytest.mark.parametrize("channel", ["fund", "api", "elsewhere"])
def test_an_amount_that_is_none_is_refused(case, gateway, channel, amount):
    assert refusal(BadInput, case, channel=channel, amount=Decimal(amount)).field == "amount"


@pytest.mark.parametrize("channel", ["fund", "api", "elsewhere"])
def test_above_the_rest_is_refused_and_the_rest_itself_is_not(case, gateway, channel):
    refunding(case, amount=Decimal("40.00"), request_key="wish-0")
    above = refusal(BadInput, case, channel=channel, amount=Decimal("60.01"))
    assert (above.field, str(above)) == ("amount", "Refund at most ¥60.00: that is what is still due.")
    assert refunding(case, channel=channel, amount=Decimal("60.00")).pk


def test_what_is_being_processed_counts_as_refunded(case, gateway):
    refunding(case, channel="api", amount=Decimal("40.00"), request_key="wish-0")
    refusal(BadInput, case, amount=Decimal("60.01"))
    refunding(case, amount=Decimal("60.00"))
    assert refusal(IllegalMove, case, amount=Decimal("0.01"), request_key="wish-2").code == "nothing_left"


def test_what_is_not_due_is_not_refunded(case):
    refunding(case)
    refusal(IllegalMove, case, request_key="wish-2")
    waived = case_at(RULED)
    picture = make_picture(waived.merchant)
    claim = services.refuse(
        waived.pk, "It came.", evidence=[picture], actor=member_actor(waived.merchant), now=moment(AT)
    )
    refusal(IllegalMove, waived, channel="elsewhere")  # under review
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(AT))
    services.accept(claim.pk, services.Ruling(reason_code="delivered", message="So."), actor=by, now=moment(AT))
    refusal(IllegalMove, waived, channel="elsewhere")  # waived


def test_a_fund_that_is_short_by_a_cent_moves_nothing_and_says_what_is_missing():
    case = case_at(RULED, amount="100.00")
    account = fund_at(RULED, case.merchant, "69.99")  # with 20.99 of bonus; 100.00 need 79.01 of deposit
    short = refusal(IllegalMove, case)
    assert (short.code, short.field) == ("fund_short", "amount")
    assert "short by ¥9.02" in str(short)
    assert "at least ¥6.94" in str(short)  # with 2.08 of bonus on it
    fund_at(AT, case.merchant, "6.93")
    assert "short by ¥0.02" in str(refusal(IllegalMove, case))
    fund_at(AT, case.merchant, "0.01")
    assert "short by ¥0.01" in str(refusal(IllegalMove, case))  # each bonus is rounded down for itself
    fund_at(AT, case.merchant, "0.01")
    refunding(case)
    assert balance_of(account) == Balance(Decimal("0.00"), Decimal("0.00"), Decimal("23.06"))


def test_without_the_plan_nothing_is_paid_from_the_fund():
    assert refusal(IllegalMove, case_at(RULED, amount="100.00")).code == "not_enrolled"


def test_without_a_payment_system_nothing_is_refunded_through_it(case):
    assert refusal(IllegalMove, case, channel="api").code == "no_gateway"


@pytest.mark.parametrize("channel", ["", "cash", "FUND"])
def test_an_unknown_channel_is_refused(case, channel):
    assert refusal(BadInput, case, channel=channel).field == "channel"


def test_refunded_elsewhere_needs_a_number_and_a_proof_of_ones_own(case):
    own, foreign = make_picture(case.merchant), make_picture(make_program().merchant)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"reference": ""}, "reference"),
        ({"reference": "  "}, "reference"),
        ({"reference": "R" * 65}, "reference"),
        ({"evidence": ()}, "pictures"),
        ({"evidence": (foreign,)}, "pictures"),
        ({"evidence": (own, foreign)}, "pictures"),
        ({"evidence": (own,) * 10}, "pictures"),
    ]
    for fields, field in wrong:
        assert refusal(BadInput, case, channel="elsewhere", **fields).field == field
    assert refunding(case, channel="elsewhere", reference=" " + "R" * 64).refund_no == "R" * 64


def test_the_same_number_is_recorded_once(case):
    refunding(case, channel="elsewhere", amount=Decimal("40.00"))
    again = refusal(BadInput, case, channel="elsewhere", amount=Decimal("40.00"), request_key="wish-2")
    assert (again.code, again.field) == ("recorded_already", "reference")


def test_a_number_that_handled_another_complaint_about_the_trade_is_not_recorded_again():
    program = make_program()
    case = case_at(RULED, program=program, amount="100.00")
    other = file_at(RULED, program, trade_no=case.complaint.trade_no)
    handle_at(AT, other, refund_amount=Decimal("10.00"), refund_reference="R-1")
    again = refusal(BadInput, case, channel="elsewhere", amount=Decimal("10.00"))
    assert again.code == "recorded_already"


def test_the_number_of_our_own_refund_is_not_recorded_as_one_made_elsewhere(case, gateway):
    made = refunding(case, channel="api", amount=Decimal("40.00"))
    services.learn(made.pk, SUCCEEDED, now=moment(LATER))
    fields = {"channel": "elsewhere", "amount": Decimal("40.00"), "request_key": "wish-2", "reference": made.refund_no}
    assert refusal(BadInput, case, LATER, **fields).code == "recorded_already"


def test_never_above_the_trade():
    program = make_program()
    case = case_at(RULED, program=program, amount="100.00")
    fund_at(RULED, case.merchant, "1000.00")
    other = file_at(RULED, program, trade_no=case.complaint.trade_no, trade_amount=Decimal("100.00"))
    handle_at(AT, other, refund_amount=Decimal("70.00"))
    above = refusal(BadInput, case, amount=Decimal("30.01"))
    assert (above.code, above.field) == ("above_the_trade", "amount")
    assert "¥30.00" in str(above)
    refunding(case, amount=Decimal("30.00"))
    assert RefundedTrade.objects.get().refunded == Decimal("100.00")
    assert "¥0.00" in str(refusal(BadInput, case, amount=Decimal("0.01"), request_key="wish-2"))


def test_the_smaller_amount_bounds_a_trade_that_two_complaints_name_differently():
    program = make_program()
    small = file_at(RULED, program, trade_no="T-1", trade_amount=Decimal("50.00"))
    large = case_at(RULED, program=program, amount="100.00")
    type(small).objects.filter(pk=large.complaint_id).update(trade_no="T-1")
    handle_at(AT, small, refund_amount=Decimal("20.00"), refund_reference="R-0")
    refusal(BadInput, large, channel="elsewhere", amount=Decimal("30.01"))
    assert refunding(large, channel="elsewhere", amount=Decimal("30.00")).pk


def test_only_who_was_granted_it_refunds(case):
    other = make_program().merchant
    for actor in (
        member_actor(case.merchant, Grant.VIEW, Grant.HANDLE, Grant.FUND),
        member_actor(other),
        consumer_actor(case.complaint),
        staff(),
    ):
        refused(NotAllowed, services.refund, case.pk, given(case), actor=actor, now=moment(AT))
    only = member_actor(case.merchant, Grant.REFUND)
    assert services.refund(case.pk, given(case), actor=only, now=moment(AT)).status == "succeeded"


# One wish, one refund.


@pytest.mark.parametrize("channel", ["fund", "api", "elsewhere"])
def test_the_same_request_twice_is_one_refund(case, gateway, channel):
    wish = given(case, channel=channel, amount=Decimal("40.00"))
    member = member_actor(case.merchant)
    first = services.refund(case.pk, wish, actor=member, now=moment(AT))
    before = everything()
    assert services.refund(case.pk, wish, actor=member, now=moment(LATER)) == first
    assert everything() == before


def test_the_same_request_is_answered_also_when_the_case_is_over(case):
    first = refunding(case)
    assert refunding(case, LATER) == first
    assert FundTransfer.objects.filter(kind="refund").count() == 1


def test_the_same_key_for_another_wish_is_refused(case):
    refunding(case, channel="elsewhere", amount=Decimal("40.00"))
    other = case_at(RULED, program=case.mini_program, amount="100.00")
    for target, fields in [
        (case, {"channel": "elsewhere", "amount": Decimal("40.01")}),
        (case, {"channel": "elsewhere", "amount": Decimal("40.00"), "reference": "R-2"}),
        (case, {"channel": "fund", "amount": Decimal("40.00")}),
        (other, {"channel": "elsewhere", "amount": Decimal("40.00")}),
    ]:
        assert refusal(Conflict, target, LATER, **fields).code == "request_key_used"


def test_another_merchant_may_use_the_same_key(case):
    refunding(case)
    other = case_at(RULED, amount="100.00")
    assert refunding(other, channel="elsewhere").status == "succeeded"


@pytest.mark.parametrize("key", ["", "k" * 65])
def test_a_request_without_a_key_is_refused(case, key):
    assert refusal(BadInput, case, request_key=key).field == "request_key"


# Reversed.


def test_a_reversal_puts_the_money_back_where_it_came_from(case):
    made = refunding(case)
    account = case.merchant.guarantee_account
    services.reverse_refund(made.pk, reason=" It bounced. ", actor=staff(), now=moment(LATER))
    made.refresh_from_db()
    assert (made.status, made.failure, made.ended_at) == ("reversed", "It bounced.", moment(LATER))
    assert balance_of(account) == Balance(Decimal("1000.00"), Decimal("300.00"), Decimal("300.00"))
    assert RefundedTrade.objects.get().refunded == 0
    paid, back = FundTransfer.objects.filter(refund=made).order_by("pk")
    assert (back.kind, back.reverses) == ("reversal", paid)
    entries = [dict(each.entries.values_list("book", "amount")) for each in (paid, back)]
    assert entries[0] == {"deposit": Decimal("-66.67"), "bonus": Decimal("-33.33"), "consumers": Decimal("100.00")}
    assert entries[1] == {book: -amount for book, amount in entries[0].items()}


def test_a_reversal_needs_a_reason_a_person_and_a_refund_that_succeeded(case, gateway):
    made = refunding(case)
    reverse = services.reverse_refund
    now = moment(LATER)
    assert refused(BadInput, reverse, made.pk, reason=" ", actor=staff(), now=now).field == "reason"
    refused(NotAllowed, reverse, made.pk, reason="So.", actor=member_actor(case.merchant), now=now)
    reverse(made.pk, reason="So.", actor=staff(), now=now)
    refused(IllegalMove, reverse, made.pk, reason="So.", actor=staff(), now=now)
    processing = refunding(case, LATER, channel="api", request_key="wish-2")
    refused(IllegalMove, reverse, processing.pk, reason="So.", actor=staff(), now=now)
    services.learn(processing.pk, FAILED, now=now)
    refused(IllegalMove, reverse, processing.pk, reason="So.", actor=staff(), now=now)


def test_what_was_refunded_and_came_back_can_be_refunded_again(case):
    for number in range(5):
        made = refunding(case, request_key=f"wish-{number}")
        services.reverse_refund(made.pk, reason="It bounced.", actor=staff(), now=moment(LATER))
    refunding(case, request_key="wish-5")
    assert RefundedTrade.objects.get().refunded == Decimal("100.00")
