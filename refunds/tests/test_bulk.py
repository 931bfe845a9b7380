"""Many complaints handled by refunds from the fund in one go: what the preview foresees is what happens."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from common.actors import Actor
from complaints.models import BulkRun, Complaint
from complaints.tests.factories import file_at, handle_at, make_program, moment
from complaints.workspace import bulk
from complaints.workspace.bulk import Asked, Plan
from complaints.workspace.canned import CannedInput, save_canned
from merchants.models import Grant
from merchants.tests.people import acting, make_person, make_team
from refunds.fund import balance_of
from refunds.models import GuaranteeAccount, Refund
from refunds.tests.making import fund_at

pytestmark = pytest.mark.django_db

FILED = "2026-03-09T09:00+08:00"
NOW = moment("2026-03-10T12:00+08:00")


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


class Shop:
    """A merchant in the guarantee plan, with a top-up of 100 and the bonus of 30 on it."""

    def __init__(self) -> None:
        self.merchant, _administrator = make_team()
        self.program = make_program(merchant=self.merchant)
        self.member: Actor = acting(make_person(self.merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), self.merchant)
        fund_at(FILED, self.merchant, "100.00")
        said = CannedInput(title="From the fund", text="{refund}", method="fund_refund", refund="trade")
        self.canned = save_canned(said, actor=self.member, now=NOW)

    def files(self, amount: str, **fields: str) -> Complaint:
        return file_at(FILED, self.program, trade_amount=Decimal(amount), **fields)

    def asks(self, cases: list[Complaint]) -> Asked:
        return Asked(action="handle", numbers=[case.complaint_no for case in cases], canned_id=self.canned.pk)

    def plans(self, cases: list[Complaint]) -> Plan:
        return bulk.plan(bulk.wish_of(self.asks(cases), actor=self.member), cases, actor=self.member, now=NOW)

    def does(self, cases: list[Complaint]) -> BulkRun:
        asked = self.asks(cases)
        wish = bulk.wish_of(asked, actor=self.member)
        run = bulk.begin(wish, asked, cases, key="a" * 32, actor=self.member, now=NOW)
        bulk.carry_out(run, actor=self.member, now=NOW)
        return run


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_rows_for_which_the_fund_falls_short_are_those_that_are_not_done(shop):
    # The bonus pays a third as long as it lasts: 20 of 60 first, then the 10 that are left of it for the next 60,
    # whose other 50 the deposit has; 10 of it remain, too little for 60 and enough for 10.
    cases = [shop.files(amount) for amount in ("60.00", "60.00", "60.00", "10.00")]
    plan = shop.plans(cases)
    assert [str(row.problem or "") for row in plan.rows] == [
        "",
        "",
        "With the refunds above it, the fund is short by ¥50.00.",
        "",
    ]
    assert (plan.total, plan.number) == (Decimal("130.00"), 3)
    assert not Refund.objects.exists()
    rows = list(shop.does(cases).rows.order_by("pk"))
    assert [row.done for row in rows] == [True, True, False, True]
    assert rows[2].words.startswith("The fund is short by ¥50.00.")
    balance = balance_of(GuaranteeAccount.objects.get())
    assert (balance.deposit, balance.bonus) == (Decimal("0.00"), Decimal("0.00"))


def test_one_trade_is_refunded_no_further_than_it_cost(shop):
    before = shop.files("60.00", trade_no="T-1")
    handle_at("2026-03-09T10:00+08:00", before, refund_amount=Decimal("40.00"))
    cases = [
        shop.files("60.00", trade_no="T-1"),
        shop.files("20.00", trade_no="T-2"),
        shop.files("20.00", trade_no="T-2"),
    ]
    assert [str(row.problem or "") for row in shop.plans(cases).rows] == [
        "Of this trade ¥20.00 at most can still be refunded.",
        "",
        "Of this trade ¥0.00 at most can still be refunded.",
    ]
    assert list(shop.does(cases).rows.order_by("pk").values_list("done", flat=True)) == [False, True, False]


def test_a_complaint_about_a_part_of_a_trade_is_bounded_by_that_part(shop):
    whole = shop.files("60.00", trade_no="T-1")
    handle_at("2026-03-09T10:00+08:00", whole, refund_amount=Decimal("5.00"))
    part = shop.files("20.00", trade_no="T-1")
    assert str(shop.plans([part]).rows[0].problem) == "Of this trade ¥15.00 at most can still be refunded."
    assert shop.does([part]).rows.get().done is False


def test_what_is_foreseen_for_eight_takes_as_many_statements_as_for_two(shop):
    cases = [shop.files("1.00") for _ in range(8)]

    def statements(number: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert shop.plans(cases[:number]).number == number
        return len(queries)

    assert statements(8) == statements(2)
