"""Asking the payment system: one at a time, sent once and asked about afterwards, never at another system."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from common.errors import IllegalMove, NotAllowed
from complaints.tests.factories import make_merchant, member_actor, moment
from refunds import asking, queries, services
from refunds.gateways import Answer, Outcome
from refunds.models import Refund, TopUp
from refunds.tasks import ask_payment_system
from refunds.tests.checking import everything, refused
from refunds.tests.fakes import ABSENT, FAILED, UNKNOWN
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

RULED = "2026-11-20T05:00Z"
AT = moment("2026-11-21T05:00Z")


def ask(at=AT) -> int:
    return asking.ask_about_refunds(lambda: at)


def requested(channel: str = "api", amount: str = "128.00") -> Refund:
    return refund_at("2026-11-21T05:00Z", case_at(RULED), amount, channel=channel, reference="R-1")


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def test_a_refund_is_sent_once_and_what_is_over_is_asked_about_no_more(gateway):
    made = requested()
    assert ask(AT - timedelta(microseconds=1)) == 0
    assert ask() == 1
    assert gateway.calls == [("refund", made.refund_no)]
    assert fresh(made).status == "succeeded"
    assert ask(AT + timedelta(days=1)) == 0


def test_a_lost_answer_is_asked_about_and_never_sent_again(gateway):
    made = requested()
    gateway.will_answer(UNKNOWN, UNKNOWN)
    assert ask() == 1
    assert fresh(made).ask_at == AT + timedelta(seconds=60)
    assert ask(AT + timedelta(seconds=59)) == 0
    assert ask(AT + timedelta(seconds=60)) == 1
    assert ask(AT + timedelta(hours=1)) == 1
    assert [what for what, _number in gateway.calls] == ["refund", "query", "query"]
    assert {number for _what, number in gateway.calls} == {made.refund_no}
    assert fresh(made).status == "succeeded"


def test_what_never_arrived_is_sent_again_under_its_number(gateway):
    made = requested()
    gateway.will_answer(UNKNOWN, ABSENT, FAILED)
    ask()
    ask(AT + timedelta(hours=1))
    assert gateway.calls == [(what, made.refund_no) for what in ("refund", "query", "refund")]
    assert (fresh(made).status, fresh(made).failure_code) == ("failed", "ACQ.TRADE_HAS_CLOSE")


def test_a_worker_that_dies_leaves_the_refund_to_be_asked_about(gateway):
    made = requested()
    assert asking._take("refunds_refund", asking.THERE, AT, gateway="fake") == (made.pk, 1)  # and it dies here
    assert ask(AT + timedelta(seconds=59)) == 0
    assert ask(AT + timedelta(seconds=60)) == 1
    assert gateway.calls[0] == ("query", made.refund_no)


def test_a_refund_made_elsewhere_is_only_asked_about(gateway):
    made = requested("elsewhere")
    gateway.will_answer(ABSENT)
    ask()
    assert gateway.calls == [("query", "R-1")]
    assert fresh(made).status == "failed"


def test_each_has_its_turn_the_longest_waiting_first_up_to_the_limit(gateway):
    made = [requested() for _ in range(3)]
    Refund.objects.filter(pk=made[2].pk).update(ask_at=AT - timedelta(hours=1))
    assert asking.ask_about_refunds(lambda: AT, limit=2) == 2
    assert [number for _what, number in gateway.calls] == [made[2].refund_no, made[0].refund_no]
    assert ask() == 1


def test_one_is_taken_at_a_time_also_where_the_planner_expects_a_single_row(gateway):
    """With such statistics a subquery behind `IN` runs once for each row, and takes one more each time."""
    requested()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE refunds_refund")
    for _ in range(4):
        requested()
    assert asking.ask_about_refunds(lambda: AT, limit=1) == 1
    assert sorted(Refund.objects.values_list("asked", flat=True)) == [0, 0, 0, 0, 1]


def test_without_a_payment_system_nothing_is_asked():
    assert ask() == 0
    assert asking.ask_about_payments(lambda: AT) == 0


def test_what_one_payment_system_was_asked_for_is_never_sent_to_another(gateway, monkeypatch):
    """The other one does not know the number, so it would be refunded a second time there."""
    made = requested()
    gateway.will_answer(UNKNOWN)
    ask()
    monkeypatch.setattr(gateway, "name", "other")
    before = everything()
    assert ask(AT + timedelta(hours=2)) == 0
    assert everything() == before
    assert len(gateway.calls) == 1
    assert list(queries.in_doubt(AT + timedelta(hours=1))) == [made]


@pytest.mark.parametrize(("minutes", "seen"), [(59, 0), (60, 1), (61, 1)])
def test_staff_see_what_is_in_doubt_for_an_hour(gateway, minutes, seen):
    requested()
    assert queries.in_doubt(AT + timedelta(minutes=minutes)).count() == seen


def test_however_often_it_was_asked_it_is_asked_again(gateway):
    made = requested()
    Refund.objects.filter(pk=made.pk).update(asked=32767)
    gateway.will_answer(UNKNOWN)
    assert ask() == 1
    assert fresh(made).asked == 32767


# Before its turn.


def test_staff_ask_before_its_turn(gateway):
    made = requested()
    gateway.will_answer(UNKNOWN)
    ask()
    services.ask_now(made.pk, actor=staff(), clock=lambda: AT)
    assert [what for what, _number in gateway.calls] == ["refund", "query"]
    assert fresh(made).status == "succeeded"
    refusal = refused(IllegalMove, services.ask_now, made.pk, actor=staff(), clock=lambda: AT)
    assert refusal.code == "not_processing"


def test_only_staff_who_may_ask_and_only_the_system_that_knows(gateway, monkeypatch):
    made = requested()
    merchant = member_actor(made.merchant)
    refused(NotAllowed, services.ask_now, made.pk, actor=merchant, clock=lambda: AT)
    monkeypatch.setattr(gateway, "name", "other")
    assert refused(IllegalMove, services.ask_now, made.pk, actor=staff(), clock=lambda: AT).code == "no_gateway"
    assert gateway.calls == []


# Payments.


@pytest.fixture
def top_up(gateway):
    account = fund_at(RULED, make_merchant(), "1.00")
    member = member_actor(account.merchant)
    return services.start_online_top_up(account.merchant_id, Decimal("100.00"), actor=member, now=AT)


def ask_about_payments(seconds: int) -> int:
    return asking.ask_about_payments(lambda: AT + timedelta(seconds=seconds))


def test_a_payment_is_asked_about_until_it_is_known(gateway, top_up):
    gateway.will_answer(ABSENT, UNKNOWN, Answer(Outcome.SUCCEEDED, amount=Decimal("100.00")))
    assert [ask_about_payments(seconds) for seconds in (29, 30, 89, 90, 209, 210)] == [0, 1, 0, 1, 0, 1]
    assert gateway.calls == [("query_payment", top_up.number)] * 3
    assert fresh(top_up).status == "credited"
    assert ask_about_payments(100_000) == 0


def test_a_payment_of_another_amount_is_asked_about_no_more(gateway, top_up):
    gateway.will_answer(Answer(Outcome.SUCCEEDED, amount=Decimal("1.00")))
    assert ask_about_payments(30) == 1
    assert ask_about_payments(100_000) == 0
    assert TopUp.objects.get(pk=top_up.pk).status == "pending"


def test_a_machine_whose_clock_runs_ahead_gives_up_no_payment_that_can_still_be_made(gateway, top_up, monkeypatch):
    begun, a_day_ahead = timezone.now(), timezone.now() + timedelta(days=1, hours=1)
    TopUp.objects.filter(pk=top_up.pk).update(requested_at=begun, ask_at=begun)
    monkeypatch.setattr("refunds.tasks.timezone.now", lambda: a_day_ahead)
    gateway.will_answer(ABSENT)
    assert ask_payment_system()["payments"] == 1
    assert TopUp.objects.get(pk=top_up.pk).status == "pending"
