"""Refunds and payments through the real gateway, against the sandbox on loopback, with real signatures."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from refunds.failures import SENTENCES
from refunds.gateways import Outcome, RefundOrder, payment_gateway, refund_gateway
from refunds.gateways.alipay import AlipayGateway
from refunds.sandbox.control import PAYMENT_QUERY, REFUND, REFUND_QUERY
from refunds.sandbox.testing import forget_gateways

TRADE = "2026111022001400001234567890"
YESTERDAY, TOMORROW = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
BACK = "http://127.0.0.1:8000/guarantee/"


def refunding():
    """Return the gateway of refunds that is set up."""
    gateway = refund_gateway()
    assert gateway is not None
    return gateway


def paying():
    """Return the gateway of payments that is set up."""
    gateway = payment_gateway()
    assert gateway is not None
    return gateway


def wait_until(holds, what):
    """Look until it holds: the sandbox may still be at work when an impatient client has gone."""
    pause = threading.Event()
    for _ in range(6000):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError(f"it never came true that {what}")


def order(number="R-1", amount="33.33", trade_no=TRADE, reason=""):
    return RefundOrder(trade_no=trade_no, request_no=number, amount=Decimal(amount), reason=reason)


def pay_address(number="T-1", amount="500.00", return_to=BACK, subject="体验保障金充值", until=TOMORROW):
    wish = {"number": number, "amount": Decimal(amount), "subject": subject, "return_to": return_to, "until": until}
    return paying().pay_address(**wish)


# What goes well.


def test_a_refund_succeeds_and_is_found(sandbox):
    answer = refunding().refund(order(reason="待退款 RC-1 & {更多"))
    assert (answer.outcome, answer.reference, answer.amount) == (Outcome.SUCCEEDED, TRADE, Decimal("33.33"))
    found = refunding().query(order())
    assert (found.outcome, found.reference, found.amount) == (Outcome.SUCCEEDED, TRADE, Decimal("33.33"))
    assert sandbox.refunds()["refunds"][0]["reason"] == "待退款 RC-1 & {更多"


def test_the_gateway_is_named_as_it_is_configured(sandbox, settings):
    assert refunding().name == paying().name == "sandbox"
    assert AlipayGateway().name == "alipay"
    settings.REFUND_GATEWAY = settings.PAYMENT_GATEWAY = ""
    forget_gateways()
    assert (refund_gateway(), payment_gateway()) == (None, None)


def test_the_same_number_again_is_a_success_and_moves_nothing(sandbox):
    first, second = (refunding().refund(order()) for _ in range(2))
    assert first == second
    counted = sandbox.refunds()
    assert (counted["count"], counted["cents"], counted["requests"]) == (1, 3333, 2)


def test_the_same_number_of_two_trades_is_two_refunds(sandbox):
    for trade_no in (TRADE, "2026111022001400009999999999"):
        assert refunding().refund(order(trade_no=trade_no)).outcome == Outcome.SUCCEEDED
    assert sandbox.refunds()["count"] == 2


def test_parts_add_up_to_the_trade_and_not_a_cent_further(sandbox):
    sandbox.trade(TRADE, "100.00")
    assert refunding().refund(order("R-1", "33.33")).outcome == Outcome.SUCCEEDED
    refused = refunding().refund(order("R-2", "66.68"))
    assert (refused.outcome, refused.code) == (Outcome.FAILED, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
    assert refunding().query(order("R-2", "66.68")).outcome == Outcome.ABSENT
    assert refunding().refund(order("R-3", "66.67")).outcome == Outcome.SUCCEEDED
    assert (sandbox.refunds()["cents"], sandbox.numbers()) == (10000, ["R-1", "R-3"])


def test_parallel_requests_of_one_number_move_money_once(sandbox):
    together, gateway = threading.Barrier(8), refunding()

    def send(_):
        together.wait(timeout=60)
        return gateway.refund(order()).outcome

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(send, range(8)))
    assert outcomes == [Outcome.SUCCEEDED] * 8
    counted = sandbox.refunds()
    assert (counted["count"], counted["cents"], counted["requests"]) == (1, 3333, 8)


def test_parallel_requests_of_many_numbers_stop_at_the_trade(sandbox):
    sandbox.trade(TRADE, "100.00")
    together, gateway = threading.Barrier(8), refunding()

    def send(number):
        together.wait(timeout=60)
        return gateway.refund(order(f"R-{number}", "30.00")).outcome

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(send, range(8)))
    assert (outcomes.count(Outcome.SUCCEEDED), outcomes.count(Outcome.FAILED)) == (3, 5)
    assert sandbox.refunds()["cents"] == 9000


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "33.335", "NaN", "Infinity"])
def test_an_amount_that_is_none_is_never_sent(sandbox, amount):
    with pytest.raises(ValueError, match="is not an amount to the cent"):
        refunding().refund(order(amount=amount))
    assert sandbox.refunds()["requests"] == 0


@pytest.mark.parametrize(("given", "cents"), [("0.01", 1), ("1E+2", 10000), ("33.3", 3330), ("123456.78", 12345678)])
def test_amounts_arrive_to_the_cent(sandbox, given, cents):
    answer = refunding().refund(order(amount=given))
    assert (answer.outcome, sandbox.refunds()["cents"]) == (Outcome.SUCCEEDED, cents)
    assert refunding().query(order(amount=given)).amount == Decimal(given)


# Asking.


def test_what_never_arrived_is_absent(sandbox):
    assert refunding().query(order()).outcome == Outcome.ABSENT  # nor is the trade known
    sandbox.trade(TRADE, "100.00")
    assert refunding().query(order()).outcome == Outcome.ABSENT


def test_a_question_is_answered_with_what_was_really_refunded(sandbox):
    refunding().refund(order(amount="20.00"))
    found = refunding().query(order(amount="33.33"))
    assert (found.outcome, found.amount) == (Outcome.SUCCEEDED, Decimal("20.00"))


def test_a_number_used_for_another_amount_moves_nothing_more_and_is_left_to_staff(sandbox):
    refunding().refund(order(amount="20.00"))
    answer = refunding().refund(order(amount="33.33"))
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "ACQ.DISCORDANT_REPEAT_REQUEST")
    assert sandbox.refunds()["cents"] == 2000


# Every fault. `done` says whether the money moved behind it.

FAULTS = [
    ("lost", True),
    ("timeout", True),
    ("garbage", True),
    ("wrong_signature", True),
    ("unsigned", True),
    ("http:500", True),
    ("http:502", True),
    ("http:404", True),
    ("http:302", True),
    ("refused", False),
    ("busy", False),
    ("fail:ACQ.SYSTEM_ERROR", False),
    ("fail:isp.unknow-error", False),
    ("fail:aop.ACQ.SYSTEM_ERROR", False),
]


@contextmanager
def impatience(gateway, fault):
    """Wait only a moment where nothing is going to come; a busy machine may take its time over everything else."""
    patience, config = gateway.client._config.timeout, gateway.client._config
    config.timeout = 0.5 if fault == "timeout" else patience
    yield
    config.timeout = patience


@pytest.mark.parametrize(("fault", "done"), FAULTS)
def test_a_fault_says_nothing_and_asking_tells(sandbox, fault, done):
    sandbox.trade(TRADE, "100.00")
    sandbox.fault(fault)
    with impatience(refunding(), fault):
        answer = refunding().refund(order())
    wait_until(lambda: not sandbox.faults(), "the fault has landed")
    wait_until(lambda: sandbox.refunds()["count"] == done, "what was done is in the books")
    assert answer.outcome == Outcome.UNKNOWN
    assert answer.amount is None
    assert answer.code
    assert answer.message
    found = refunding().query(order())
    assert found.outcome == (Outcome.SUCCEEDED if done else Outcome.ABSENT)
    again = refunding().refund(order())
    assert (again.outcome, sandbox.refunds()["cents"]) == (Outcome.SUCCEEDED, 3333)


@pytest.mark.parametrize(("fault", "_done"), FAULTS)
def test_a_fault_in_a_question_says_nothing_either(sandbox, fault, _done):
    refunding().refund(order())
    sandbox.fault(fault, REFUND_QUERY)
    with impatience(refunding(), fault):
        assert refunding().query(order()).outcome == Outcome.UNKNOWN
    wait_until(lambda: not sandbox.faults(), "the fault has landed")
    assert refunding().query(order()).outcome == Outcome.SUCCEEDED


def test_a_late_answer_in_time_counts(sandbox):
    sandbox.fault("timeout", seconds=0.01)
    assert refunding().refund(order()).outcome == Outcome.SUCCEEDED


def test_done_twice_and_answered_twice_counts_once(sandbox):
    sandbox.fault("twice")
    assert refunding().refund(order()).outcome == Outcome.SUCCEEDED
    assert sandbox.faults() == []
    counted = sandbox.refunds()
    assert (counted["count"], counted["cents"], counted["requests"]) == (1, 3333, 2)


def test_what_a_repeated_number_did_is_asked_and_not_guessed(sandbox):
    refunding().refund(order())
    sandbox.fault("lost", REFUND_QUERY)
    assert refunding().refund(order()).outcome == Outcome.UNKNOWN
    assert refunding().refund(order()).outcome == Outcome.SUCCEEDED


def test_nobody_there(sandbox, settings):
    settings.ALIPAY_GATEWAY_URL = "http://127.0.0.1:9/gateway.do"  # the port of the discard service
    forget_gateways()
    assert refunding().refund(order()).outcome == Outcome.UNKNOWN
    assert refunding().query(order()).outcome == Outcome.UNKNOWN
    assert paying().query_payment("T-1").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_refusal_is_a_sentence_and_final(sandbox, code):
    sandbox.fault(f"fail:{code}")
    answer = refunding().refund(order())
    assert (answer.outcome, answer.code) == (Outcome.FAILED, code)
    assert answer.message == str(SENTENCES[code])
    assert "ACQ" not in answer.message
    assert sandbox.refunds()["count"] == 0


def test_a_refusal_without_a_sentence_keeps_its_own_words(sandbox):
    sandbox.fault("fail:ACQ.SOMETHING_NEW")
    answer = refunding().refund(order())
    assert (answer.outcome, answer.code, answer.message) == (
        Outcome.FAILED,
        "ACQ.SOMETHING_NEW",
        "ACQ.SOMETHING_NEW",
    )


def test_a_question_that_is_refused_refuses_no_refund(sandbox):
    refunding().refund(order())
    sandbox.fault("fail:ACQ.INVALID_PARAMETER", REFUND_QUERY)
    assert refunding().query(order()).outcome == Outcome.UNKNOWN


# Keys.


def other_key():
    from Cryptodome.PublicKey import RSA

    return RSA.generate(2048)


def test_a_request_signed_with_another_key_is_refused_and_told_why(sandbox, settings):
    settings.ALIPAY_APP_PRIVATE_KEY = other_key().export_key().decode()
    forget_gateways()
    answer = refunding().refund(order())
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "isv.invalid-signature")
    assert f"app_id={settings.ALIPAY_APP_ID}&biz_content=" in answer.message
    assert sandbox.refunds()["count"] == 0


def test_an_answer_signed_with_another_key_is_not_believed(sandbox, settings):
    settings.ALIPAY_PUBLIC_KEY = other_key().public_key().export_key().decode()
    forget_gateways()
    answer = refunding().refund(order())
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "wrong_signature")
    assert sandbox.refunds()["count"] == 1


def test_another_app_is_refused(sandbox, settings):
    settings.ALIPAY_APP_ID = "2021999999999999"
    forget_gateways()
    answer = refunding().refund(order())
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "isv.invalid-app-id")


def test_keys_may_be_one_line_of_base64_as_alipays_tools_write_them(sandbox, settings):
    for name in ("ALIPAY_APP_PRIVATE_KEY", "ALIPAY_PUBLIC_KEY"):
        lines = getattr(settings, name).strip().splitlines()
        setattr(settings, name, "".join(lines[1:-1]))
    forget_gateways()
    assert refunding().refund(order()).outcome == Outcome.SUCCEEDED


def test_keys_may_have_their_line_breaks_written_out(sandbox, settings):
    settings.ALIPAY_APP_PRIVATE_KEY = settings.ALIPAY_APP_PRIVATE_KEY.replace("\n", "\\n")
    forget_gateways()
    assert refunding().refund(order()).outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize("key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_makes_no_gateway(sandbox, settings, key):
    settings.ALIPAY_APP_PRIVATE_KEY = key
    forget_gateways()
    with pytest.raises(ImproperlyConfigured, match="it is not an RSA key"):
        refunding()


# Payments.


def test_a_payment_that_was_made_arrives_with_its_amount(sandbox):
    assert paying().query_payment("T-1").outcome == Outcome.ABSENT
    back = sandbox.press(pay_address())
    assert back.startswith(f"{BACK}?method=alipay.trade.page.pay.return&trade_no=")
    answer = paying().query_payment("T-1")
    assert (answer.outcome, answer.amount) == (Outcome.SUCCEEDED, Decimal("500.00"))
    assert f"trade_no={answer.reference}&out_trade_no=T-1" in back


def test_a_payment_that_was_only_begun_is_unknown(sandbox):
    with sandbox._opener.open(pay_address(), timeout=60):
        pass
    answer = paying().query_payment("T-1")
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "WAIT_BUYER_PAY")


def test_a_cancelled_payment_has_failed_and_leads_back_too(sandbox):
    assert sandbox.press(pay_address(), "cancel") == BACK
    answer = paying().query_payment("T-1")
    assert (answer.outcome, answer.amount) == (Outcome.FAILED, None)


def test_a_payment_is_not_taken_when_its_time_is_over(sandbox):
    assert sandbox.press(pay_address(until=YESTERDAY)) == BACK
    answer = paying().query_payment("T-1")
    assert (answer.outcome, answer.code) == (Outcome.FAILED, "TRADE_CLOSED")


def test_paying_twice_pays_once_and_cancelling_afterwards_changes_nothing(sandbox):
    address = pay_address()
    with sandbox._opener.open(address, timeout=60) as page:
        stale = page.read().decode()
    sandbox.press(address)
    first = paying().query_payment("T-1")
    assert "token" in stale
    with pytest.raises(AssertionError, match=r"已支付。"):
        sandbox.press(address, "cancel")
    assert paying().query_payment("T-1") == first


@pytest.mark.parametrize("fault", ["lost", "garbage", "wrong_signature", "unsigned", "busy", "http:503", "timeout"])
def test_a_fault_in_a_question_about_a_payment_says_nothing(sandbox, fault):
    sandbox.press(pay_address())
    sandbox.fault(fault, PAYMENT_QUERY)
    with impatience(paying(), fault):
        assert paying().query_payment("T-1").outcome == Outcome.UNKNOWN
    wait_until(lambda: not sandbox.faults(), "the fault has landed")
    assert paying().query_payment("T-1").outcome == Outcome.SUCCEEDED


def test_the_address_of_a_payment_cannot_be_changed(sandbox):
    changed = pay_address().replace("500.00", "0.01")
    assert "0.01" in changed
    with pytest.raises(AssertionError, match=r"isv\.invalid-signature"):
        sandbox.press(changed)
    assert paying().query_payment("T-1").outcome == Outcome.ABSENT


def test_faults_are_counted(sandbox):
    sandbox.fault("busy", REFUND, times=2)
    outcomes = [refunding().refund(order()).outcome for _ in range(3)]
    assert outcomes == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.SUCCEEDED]
