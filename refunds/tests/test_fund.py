"""The guarantee fund: enrolment, the bonus and its cap, how a refund is split, and what the database refuses."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from common.errors import IllegalMove, NotAllowed
from common.policy import Policy
from complaints.tests.factories import make_merchant, member_actor, moment
from merchants.models import Grant
from refunds import services
from refunds.fund import Balance, Split, balance_of, bonus_on, split
from refunds.models import FundEntry, FundTransfer, GuaranteeAccount
from refunds.tests.checking import events, refused
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

AT = "2026-11-20T05:00Z"


def yuan(*amounts: str) -> list[Decimal]:
    return [Decimal(amount) for amount in amounts]


def held(deposit: str, bonus: str, granted: str = "0.00") -> Balance:
    return Balance(*yuan(deposit, bonus, granted))


# Enrolled.


def test_a_merchant_joins_once():
    merchant = make_merchant()
    account = services.enrol(merchant.pk, actor=member_actor(merchant), now=moment(AT))
    assert (account.merchant, account.enrolled_at, account.enrolled_by) == (merchant, moment(AT), "Li Lei")
    assert balance_of(account) == Balance()
    assert events(AT) == ["fund.enrolled"]
    again = refused(IllegalMove, services.enrol, merchant.pk, actor=member_actor(merchant), now=moment(AT))
    assert again.code == "enrolled_already"


def test_only_who_was_granted_it_joins():
    merchant = make_merchant()
    for actor in (
        member_actor(merchant, Grant.VIEW, Grant.REFUND),
        member_actor(make_merchant()),
        staff(),
    ):
        refused(NotAllowed, services.enrol, merchant.pk, actor=actor, now=moment(AT))


# The bonus.


@pytest.mark.parametrize(
    ("amount", "granted", "bonus"),
    [
        ("100.00", "0.00", "30.00"),
        ("0.03", "0.00", "0.00"),  # 0.009
        ("0.04", "0.00", "0.01"),  # 0.012
        ("33333.33", "0.00", "9999.99"),
        ("33333.34", "0.00", "10000.00"),
        ("33333.37", "0.00", "10000.00"),  # 10000.011
        ("1000000.00", "0.00", "10000.00"),
        ("100.00", "9970.00", "30.00"),
        ("100.00", "9970.01", "29.99"),
        ("100.00", "9999.99", "0.01"),
        ("100.00", "10000.00", "0.00"),
        ("100.00", "12000.00", "0.00"),  # the cap was lowered
    ],
)
def test_the_bonus_is_thirty_percent_up_to_ten_thousand(amount, granted, bonus):
    assert bonus_on(Decimal(amount), granted=Decimal(granted), policy=Policy()) == Decimal(bonus)


def test_no_more_bonus_once_the_account_got_it_all():
    account = fund_at(AT, make_merchant(), "30000.00")
    assert balance_of(account) == held("30000.00", "9000.00", "9000.00")
    fund_at(AT, account.merchant, "10000.00")
    assert balance_of(account) == held("40000.00", "10000.00", "10000.00")
    fund_at(AT, account.merchant, "10000.00")
    assert balance_of(account) == held("50000.00", "10000.00", "10000.00")
    assert list(FundTransfer.objects.order_by("pk").values_list("kind", flat=True)) == [
        "top_up",
        "bonus",
        "top_up",
        "bonus",
        "top_up",
    ]


def test_the_bonus_is_what_the_policy_of_its_moment_says(policy_file):
    policy_file(
        "[[policy]]\nsince = 2026-11-21T00:00:00Z\nbonus_percent = 50\n"
        '[[policy]]\nsince = 2026-11-22T00:00:00Z\nbonus_cap = "70.00"\n'
    )
    account = fund_at("2026-11-20T23:59:59.999999Z", make_merchant(), "100.00")
    assert balance_of(account).granted == Decimal("30.00")
    fund_at("2026-11-21T00:00Z", account.merchant, "50.00")
    assert balance_of(account).granted == Decimal("55.00")
    fund_at("2026-11-22T00:00Z", account.merchant, "100.00")
    assert balance_of(account).granted == Decimal("70.00")


# The split.


@pytest.mark.parametrize(
    ("amount", "balance", "bonus", "deposit", "missing", "least_top_up"),
    [
        ("100.00", held("200.00", "60.00"), "33.33", "66.67", "0.00", "0.00"),
        ("99.99", held("200.00", "60.00"), "33.33", "66.66", "0.00", "0.00"),
        ("0.02", held("1.00", "1.00"), "0.00", "0.02", "0.00", "0.00"),
        ("0.03", held("1.00", "1.00"), "0.01", "0.02", "0.00", "0.00"),
        # The bonus falls short: the deposit pays the difference.
        ("100.00", held("100.00", "0.00"), "0.00", "100.00", "0.00", "0.00"),
        ("100.00", held("90.00", "10.00"), "10.00", "90.00", "0.00", "0.00"),
        ("100.00", held("66.67", "33.33"), "33.33", "66.67", "0.00", "0.00"),
        # Both fall short. The bonus never pays more than a third, however much of it there is.
        ("100.00", held("66.66", "33.33"), "33.33", "66.67", "0.01", "0.01"),
        ("100.00", held("66.66", "5000.00"), "33.33", "66.67", "0.01", "0.01"),
        ("100.00", held("89.99", "10.00"), "10.00", "90.00", "0.01", "0.01"),
        ("100.00", held("0.00", "0.00"), "0.00", "100.00", "100.00", "76.93"),  # 76.93 + 23.07 of bonus on it
        ("130.00", held("0.00", "0.00"), "0.00", "130.00", "130.00", "100.00"),
        ("100.00", held("0.00", "0.00", "10000.00"), "0.00", "100.00", "100.00", "100.00"),
    ],
)
def test_a_third_comes_from_the_bonus_rounded_down(amount, balance, bonus, deposit, missing, least_top_up):
    parts = split(Decimal(amount), balance, policy=Policy())
    expected = yuan(bonus, deposit, missing, least_top_up)
    assert [parts.bonus, parts.deposit, parts.missing, parts.least_top_up] == expected
    assert parts.bonus + parts.deposit == Decimal(amount)
    assert parts.after.deposit == balance.deposit - Decimal(deposit)
    assert parts.after.bonus == balance.bonus - Decimal(bonus)


@pytest.mark.parametrize(("deposit", "bonus", "granted"), [("3.21", "0.10", "9.00"), ("0.00", "0.00", "9999.50")])
def test_the_least_top_up_is_the_least(deposit, bonus, granted):
    """One cent less does not do; the bonus on it is counted, as far as the cap allows."""
    amount, policy, before = Decimal("77.77"), Policy(), held(deposit, bonus, granted)

    def after(top_up: Decimal) -> Split:
        more = bonus_on(top_up, granted=before.granted, policy=policy)
        return split(
            amount, Balance(before.deposit + top_up, before.bonus + more, before.granted + more), policy=policy
        )

    least = split(amount, before, policy=policy).least_top_up
    assert after(least).missing == 0
    assert after(least - Decimal("0.01")).missing > 0


def test_a_changed_share_holds_for_refunds_after_it(policy_file):
    policy_file("[[policy]]\nsince = 2026-11-22T00:00:00Z\nbonus_share = 2\n")
    case = case_at(AT, amount="100.00")
    account = fund_at(AT, case.merchant, "200.00")
    refund_at("2026-11-21T23:59:59.999999Z", case, "50.00")
    assert balance_of(account) == held("166.66", "43.34", "60.00")
    refund_at("2026-11-22T00:00Z", case, "50.00")
    assert balance_of(account) == held("141.66", "18.34", "60.00")


# What the database holds, whatever the code does.


def in_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def check_now() -> None:
    """Let the database look now at what it looks at when a transaction ends."""
    in_sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def account():
    return fund_at(AT, make_merchant(), "100.00")


def transfer(account: GuaranteeAccount, **entries: str) -> FundTransfer:
    made = FundTransfer.objects.create(
        account=account,
        kind="reversal",
        reverses=FundTransfer.objects.filter(reversal=None).exclude(kind="reversal").first(),
        at=moment(AT),
        actor_kind="system",
        actor_name="nobody",
    )
    for book, amount in entries.items():
        FundEntry.objects.create(transfer=made, account=account, book=book, amount=Decimal(amount))
    return made


def test_what_balances_and_is_covered_is_taken(account):
    transfer(account, deposit="-100.00", cash="100.00")
    check_now()
    assert balance_of(account).deposit == 0


@pytest.mark.parametrize(
    "entries",
    [
        {"deposit": "100.00"},
        {"deposit": "100.00", "cash": "-99.99"},
        {"deposit": "-100.01", "cash": "100.01"},
        {"bonus": "-30.01", "subsidy": "30.01"},
        {"deposit": "-10.00", "bonus": "-30.01", "consumers": "40.01"},
    ],
)
def test_what_does_not_balance_or_is_overdrawn_is_refused_by_the_database(account, entries):
    refusal = r"does not balance|is overdrawn"
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic():  # noqa: PT012 (looked at only at the end)
        transfer(account, **entries)
        check_now()


def test_an_entry_of_another_account_is_refused_by_the_database(account):
    other = fund_at(AT, make_merchant(), "100.00")
    with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():  # noqa: PT012 (as above)
        made = transfer(account, deposit="-1.00")
        FundEntry.objects.create(transfer=made, account=other, book="cash", amount=Decimal("1.00"))
        check_now()
    with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():  # noqa: PT012 (as above)
        made = transfer(account)
        for book, amount in (("deposit", "-1.00"), ("cash", "1.00")):
            FundEntry.objects.create(transfer=made, account=other, book=book, amount=Decimal(amount))
        check_now()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refunds_fundentry SET amount = amount + 0.01",
        "DELETE FROM refunds_fundentry",
        "UPDATE refunds_fundtransfer SET kind = kind",
        "DELETE FROM refunds_fundtransfer",
        "DELETE FROM refunds_topup",
        "DELETE FROM refunds_guaranteeaccount",
    ],
)
@pytest.mark.usefixtures("account")
def test_what_the_ledger_holds_is_only_ever_added(statement):
    with pytest.raises(DatabaseError, match=r"Cannot (update or )?delete"), transaction.atomic():
        in_sql(statement)


def test_a_refund_and_a_case_are_never_deleted():
    case = case_at(AT)
    refund_at(AT, case, "1.00", channel="elsewhere", reference="R-1")
    for table in ("refunds_refund", "refunds_refundcase"):
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            in_sql(f"DELETE FROM {table}")


def test_one_more_cent_than_the_trade_is_refused_by_the_database():
    refund_at(AT, case_at(AT), "128.00", channel="elsewhere", reference="R-1")
    with pytest.raises(IntegrityError, match="never_refunded_above_the_trade"), transaction.atomic():
        in_sql("UPDATE refunds_refundedtrade SET refunded = refunded + 0.01")
