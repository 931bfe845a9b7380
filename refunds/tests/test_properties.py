"""Random histories: top-ups, bonus, refunds through every channel, failures and reversals, across accounts and trades.

Beside the product runs a model in whole cents that knows nothing of it. After each step the two agree: on what was
refused, on what every account holds, on what every trade counts as refunded.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, assume, currently_in_test_context, event, given, settings
from hypothesis import strategies as st

from common.errors import PortalError
from complaints.models import Complaint
from complaints.tests.factories import file_at, handle_at, make_picture, make_program, member_actor, moment
from refunds import services
from refunds.fund import Balance, balance_of
from refunds.ledger import verify_ledger
from refunds.models import Refund, RefundCase, RefundedTrade, TopUp
from refunds.tests.fakes import FAILED, SUCCEEDED, UNKNOWN
from refunds.tests.making import case_at, staff
from refunds.tests.test_ledger import in_sql, undone

pytestmark = pytest.mark.django_db

RULED = "2026-11-20T05:00Z"
START = moment("2026-11-20T06:00Z")
CAP, PERCENT, SHARE = 5_000, 30, 3
LATER_PERCENT, LATER_SHARE = 50, 2
CHANGED_AFTER = timedelta(minutes=12)
RULES = f"""
[[policy]]
since = 2026-11-01T00:00:00Z
bonus_cap = "50.00"
[[policy]]
since = 2026-11-20T06:12:00Z
bonus_percent = {LATER_PERCENT}
bonus_share = {LATER_SHARE}
"""
DUE, TRADE = 10_000, 12_800
"""In cents: 100.00 are due of a trade of 128.00; another complaint is about the same trade."""

AMOUNTS = st.one_of(st.sampled_from([1, 2, 3, 100, 3_333, DUE - 1, DUE, DUE + 1, TRADE]), st.integers(1, 6_000))
TRADES = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("top_up"), st.integers(0, 1), st.one_of(AMOUNTS, st.integers(1, 40_000))),
    st.tuples(st.just("take_back"), st.integers(0, 20)),
    st.tuples(st.just("refund"), TRADES, st.sampled_from(["fund", "fund", "api", "elsewhere"]), AMOUNTS),
    st.tuples(st.just("handle"), TRADES, st.sampled_from(["fund_refund", "other_refund"]), AMOUNTS),
    st.tuples(st.just("answer"), st.integers(0, 20), st.sampled_from(["succeeded", "failed", "unknown"])),
    st.tuples(st.just("reverse"), st.integers(0, 20)),
)


def yuan(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


@dataclass
class Account:
    deposit: int = 0
    bonus: int = 0
    granted: int = 0


@dataclass
class Paid:
    """A refund in the model: of which trade, how much, how much of it from deposit and bonus, and how it stands."""

    trade: int
    amount: int
    status: str
    of_case: bool
    deposit: int = 0
    bonus: int = 0


@dataclass
class Model:
    """What should be, in whole cents. Trades 0 and 1 are of account 0, the others of account 1."""

    accounts: list[Account] = field(default_factory=lambda: [Account(), Account()])
    top_ups: list[tuple[int, int, int] | None] = field(default_factory=list)
    paid: list[Paid] = field(default_factory=list)
    handled: set[int] = field(default_factory=set)
    is_later: bool = False

    def counts(self, trade: int, *, of_case: bool = False, only: tuple[str, ...] = ("processing", "succeeded")) -> int:
        return sum(
            each.amount
            for each in self.paid
            if each.trade == trade and each.status in only and (each.of_case or not of_case)
        )

    def is_refunded(self, trade: int) -> bool:
        return self.counts(trade, of_case=True, only=("succeeded",)) == DUE

    def top_up(self, number: int, amount: int) -> bool:
        account = self.accounts[number]
        percent = LATER_PERCENT if self.is_later else PERCENT
        bonus = max(0, min(amount * percent // 100, CAP - account.granted))
        account.deposit += amount
        account.bonus += bonus
        account.granted += bonus
        self.top_ups.append((number, amount, bonus))
        return True

    def take_back(self, index: int) -> bool:
        if not self.top_ups or (found := self.top_ups[index % len(self.top_ups)]) is None:
            return False
        number, amount, bonus = found
        account = self.accounts[number]
        if account.deposit < amount or account.bonus < bonus:
            return False
        account.deposit -= amount
        account.bonus -= bonus
        account.granted -= bonus
        self.top_ups[index % len(self.top_ups)] = None
        return True

    def refund(self, trade: int, channel: str, amount: int) -> bool:
        if self.is_refunded(trade) or amount > DUE - self.counts(trade, of_case=True):
            return False
        return self._pay(Paid(trade, amount, "succeeded" if channel == "fund" else "processing", True), channel)

    def handle(self, trade: int, method: str, amount: int) -> bool:
        if trade in self.handled:
            return False
        channel = "fund" if method == "fund_refund" else "elsewhere"
        if not self._pay(Paid(trade, amount, "succeeded", False), channel):
            return False
        self.handled.add(trade)
        return True

    def _pay(self, paid: Paid, channel: str) -> bool:
        if paid.amount > TRADE - self.counts(paid.trade):
            return False
        if channel == "fund":
            account = self.accounts[paid.trade // 2]
            share = LATER_SHARE if self.is_later else SHARE
            paid.bonus = min(paid.amount // share, account.bonus)
            paid.deposit = paid.amount - paid.bonus
            if paid.deposit > account.deposit:
                return False
            account.deposit -= paid.deposit
            account.bonus -= paid.bonus
        self.paid.append(paid)
        return True

    def answer(self, index: int, outcome: str) -> bool:
        if not self.paid:
            return False
        paid = self.paid[index % len(self.paid)]
        if paid.status == "processing" and outcome != "unknown":
            paid.status = outcome
        return True

    def reverse(self, index: int) -> bool:
        if not self.paid or self.paid[index % len(self.paid)].status != "succeeded":
            return False
        paid = self.paid[index % len(self.paid)]
        paid.status = "reversed"
        account = self.accounts[paid.trade // 2]
        account.deposit += paid.deposit
        account.bonus += paid.bonus
        return True


class World:
    """The product: two merchants in the plan, two trades of each, one refund due and one open complaint about each."""

    def __init__(self) -> None:
        programs = [make_program(), make_program()]
        self.merchants = [program.merchant for program in programs]
        self.members = [member_actor(merchant) for merchant in self.merchants]
        self.accounts = [
            services.enrol(merchant.pk, actor=member, now=START)
            for merchant, member in zip(self.merchants, self.members, strict=True)
        ]
        self.cases: list[RefundCase] = []
        self.others: list[Complaint] = []
        for trade in range(4):
            program = programs[trade // 2]
            case = case_at(RULED, program=program, amount="100.00")
            Complaint.objects.filter(pk=case.complaint_id).update(trade_amount=yuan(TRADE))
            self.cases.append(case)
            other = file_at(RULED, program, trade_no=case.complaint.trade_no, trade_amount=yuan(TRADE))
            self.others.append(other)
        RefundedTrade.objects.update(trade_amount=yuan(TRADE))
        self.pictures = [make_picture(merchant) for merchant in self.merchants]
        self.li, self.wang = staff("Li"), staff("Wang")

    def begin(self) -> None:
        self.top_ups: list[TopUp] = []
        self.paid: list[Refund] = []

    def top_up(self, number: int, amount: int, *, now: datetime) -> None:
        reference = f"B-{len(self.top_ups)}"
        self.top_ups.append(
            services.record_top_up(
                self.accounts[number].pk, yuan(amount), bank_reference=reference, actor=self.li, now=now
            )
        )

    def take_back(self, index: int, *, now: datetime) -> None:
        top_up = self.top_ups[index % len(self.top_ups)]
        services.reverse_top_up(top_up.pk, reason="It bounced.", actor=self.wang, now=now)

    def refund(self, trade: int, channel: str, amount: int, *, now: datetime) -> None:
        wish = services.RefundInput(
            channel=channel,
            amount=yuan(amount),
            request_key=f"wish-{len(self.paid)}",
            reference=f"R-{len(self.paid)}",
            evidence=[self.pictures[trade // 2]],
        )
        case, actor = self.cases[trade], self.members[trade // 2]
        self.paid.append(services.refund(case.pk, wish, actor=actor, now=now))

    def handle(self, trade: int, method: str, amount: int, *, now: datetime) -> None:
        handle_at(now, self.others[trade], method, refund_amount=yuan(amount), refund_reference="H-1")
        self.paid.append(Refund.objects.get(complaint=self.others[trade]))

    def answer(self, index: int, outcome: str, *, now: datetime) -> None:
        answers = {"succeeded": SUCCEEDED, "failed": FAILED, "unknown": UNKNOWN}
        services.learn(self.paid[index % len(self.paid)].pk, answers[outcome], now=now)

    def reverse(self, index: int, *, now: datetime) -> None:
        services.reverse_refund(self.paid[index % len(self.paid)].pk, reason="So.", actor=self.wang, now=now)


@pytest.fixture
def world(policy_file, gateway) -> World:
    policy_file(RULES)
    return World()


def database_checks_now() -> None:
    """Let the database's own guards look now at what they look at when a transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def take(step: tuple[Any, ...], model: Model, world: World, *, now: datetime) -> bool:
    """Take a step in both, compare whether it was refused, and say whether it was done."""
    verb, *arguments = step
    model.is_later = now >= START + CHANGED_AFTER
    wanted = getattr(model, verb)(*arguments)
    if currently_in_test_context():
        event(f"{verb} {'done' if wanted else 'refused'}")
    about = {"take_back": world.top_ups, "answer": world.paid, "reverse": world.paid}
    if verb in about and not about[verb]:
        return False  # nothing is there yet
    try:
        with transaction.atomic():
            getattr(world, verb)(*arguments, now=now)
            database_checks_now()
        done = True
    except PortalError:
        done = False
    assert done == wanted, f"{step}: the product {'did' if done else 'refused'} what the model would not"
    return done


def compare(model: Model, world: World) -> None:
    for account, expected in zip(world.accounts, model.accounts, strict=True):
        held = balance_of(account)
        assert (held.deposit, held.bonus, held.granted) == (
            yuan(expected.deposit),
            yuan(expected.bonus),
            yuan(expected.granted),
        )
        assert held.deposit >= 0
        assert held.bonus >= 0
        assert held.granted <= yuan(CAP)
    refunded = dict(RefundedTrade.objects.values_list("trade_no", "refunded"))
    for trade, case in enumerate(world.cases):
        assert refunded[case.complaint.trade_no] == yuan(model.counts(trade)) <= yuan(TRADE)
    statuses = dict(Refund.objects.values_list("pk", "status"))
    assert [statuses[each.pk] for each in world.paid] == [each.status for each in model.paid]
    cases = dict(RefundCase.objects.values_list("pk", "status"))
    assert [cases[case.pk] == "refunded" for case in world.cases] == [model.is_refunded(trade) for trade in range(4)]


def live(steps: list[tuple[Any, ...]], world: World) -> list[bool]:
    """Let a history happen, look at it after every step, and say of each step whether it was done."""
    model, done = Model(), []
    world.begin()
    for number, step in enumerate(steps):
        done.append(take(step, model, world, now=START + number * timedelta(minutes=1)))
        compare(model, world)
    found = verify_ledger()
    assert [(each.check.name, each.examples) for each in found.broken] == []
    assert sum(found.books.values(), Decimal(0)) == 0
    return done


HISTORIES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@HISTORIES
@given(steps=st.lists(STEPS, min_size=4, max_size=24))
def test_over_any_history_the_books_agree_with_a_model_in_cents(world, steps):
    with undone():
        live(steps, world)


GUARDS = [
    ("refunds_refundedtrade", "never_refunded_above_the_trade"),
    ("refunds_refund", "a_refund_is_above_zero"),
    ("refunds_fundentry", "an_entry_moves_something"),
]
"""They would refuse some of these cents at once; somebody who owns the tables can take them away."""


@settings(HISTORIES, max_examples=15)
@given(
    steps=st.lists(STEPS, min_size=2, max_size=10),
    which=st.integers(0, 1000),
    cent=st.sampled_from(["0.01", "-0.01"]),
    target=st.sampled_from(
        [("refunds_fundentry", "amount"), ("refunds_refundedtrade", "refunded"), ("refunds_refund", "amount")]
    ),
)
def test_over_any_history_a_cent_that_somebody_changes_is_found(world, steps, which, cent, target):
    table, column = target
    steps = [("top_up", 0, 30_000), ("refund", 0, "fund", 100), ("handle", 1, "fund_refund", 200), *steps]
    with undone():
        live(steps, world)
        states = "WHERE status IN ('processing', 'succeeded')" if table == "refunds_refund" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {table} {states} ORDER BY id")
            ids = [row[0] for row in cursor.fetchall()]
            for guarded, constraint in GUARDS:
                cursor.execute(f"ALTER TABLE {guarded} DROP CONSTRAINT {constraint}")
        assume(ids)  # every refund may have come back
        in_sql(f"UPDATE {table} SET {column} = {column} + {cent} WHERE id = {ids[which % len(ids)]}")
        assert verify_ledger().broken


def test_the_model_and_the_product_meet_every_kind_of_step(world):
    """A history by hand, so that the random ones are known to be able to find something."""
    steps = [
        ("refund", 0, "fund", 100),  # refused: nothing is there
        ("top_up", 0, 10_000),
        ("top_up", 0, 10_000),  # the cap is reached: 20.00 instead of 30.00
        ("refund", 0, "fund", 6_667),
        ("refund", 0, "api", 3_333),
        ("handle", 0, "other_refund", 2_801),  # refused: a cent above the trade
        ("handle", 0, "other_refund", 2_800),
        ("answer", 1, "unknown"),
        ("answer", 1, "failed"),
        ("take_back", 0),  # refused: part of the bonus is spent
        ("reverse", 0),
        ("take_back", 0),
        ("top_up", 0, 10_000),  # under the later policy
        ("refund", 1, "fund", 10_000),
        ("handle", 1, "fund_refund", 2_801),
    ]
    refused = [index for index, done in enumerate(live(steps, world)) if not done]
    assert refused == [0, 5, 9, 14]
    assert balance_of(world.accounts[0]) == Balance(Decimal("150.00"), Decimal("0.00"), Decimal("50.00"))


def test_a_model_that_forgot_the_cap_would_be_caught(world, monkeypatch):
    monkeypatch.setitem(Model.top_up.__globals__, "CAP", 10**9)
    with pytest.raises(AssertionError):
        live([("top_up", 0, 40_000)], world)
