"""The guarantee plan through the API: who may use it, what it holds, its statement, and topping it up."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.factories import make_program, member_actor, moment
from complaints_portal.tests.test_openapi import assert_true_to_description
from merchants.models import Grant, MiniProgram
from refunds import asking, services
from refunds.models import FundTransfer, GuaranteeAccount, Refund, TopUp
from refunds.tests.checking import everything
from refunds.tests.fakes import FakeGateway
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = pytest.mark.django_db

PLAN = "/api/v1/guarantee/"
ENROL, ENTRIES, TOP_UPS = f"{PLAN}enrol/", f"{PLAN}entries/", f"{PLAN}top-ups/"
JOINED, NEXT_DAY = "2026-11-26T02:00:00Z", "2026-11-27T03:00:00Z"


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def shop(program: MiniProgram) -> Caller:
    return merchant_caller(program.merchant, Grant.FUND)


@pytest.fixture
def online(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """A payment system with which top-ups can be paid online."""
    monkeypatch.setattr("refunds.plan_api.payment_gateway", lambda: gateway)
    return gateway


def start(caller: Caller, given: dict[str, Any], *, key: str = "K-1") -> Any:
    with freeze_time(NEXT_DAY):
        return caller.post(TOP_UPS, given, key=key)


def assert_refused(answer: Any, status: int, code: str, before: Any, pointer: str = "") -> None:
    """A refusal has its status, its code and its place, and changed nothing."""
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert_true_to_description(document, "Problem")
    if pointer:
        assert [place["pointer"] for place in document["errors"]] == [pointer]
    assert everything() == before


class TestAccount:
    def test_who_has_not_joined_has_none_and_is_told_so(self, shop):
        before = everything()
        for path in (PLAN, ENTRIES, TOP_UPS, f"{TOP_UPS}1/"):
            answer = shop.get(path)
            assert_refused(answer, 404, "not_enrolled", before)
            assert answer.json()["detail"] == "This merchant has not joined the guarantee plan."

    def test_one_joins_once(self, program, shop):
        with freeze_time(JOINED):
            answer = shop.post(ENROL, key="K-1")
            again = shop.post(ENROL, key="K-1")
            document = answer.json()
            assert_true_to_description(document, "GuaranteeAccount")
            assert (answer.status_code, answer["Location"], again["Idempotent-Replayed"]) == (201, PLAN, "true")
            before = everything()
            assert_refused(shop.post(ENROL, key="K-2"), 409, "enrolled_already", before)
            assert_refused(shop.post(ENROL), 409, "enrolled_already", before)
            assert shop.get(PLAN).json() == document
        assert GuaranteeAccount.objects.get().merchant == program.merchant
        assert document == {
            "enrolled_at": JOINED,
            "enrolled_by": "shop backend",
            "deposit": "0.00",
            "bonus": "0.00",
            "bonus_granted": "0.00",
            "bonus_left": "10000.00",
            "bonus_percent": 30,
            "bonus_share": 3,
        }

    def test_it_tells_what_the_fund_holds(self, program, shop):
        fund_at(JOINED, program.merchant, "200.00")
        refund_at(NEXT_DAY, case_at(JOINED, program=program), "100.00")
        document = shop.get(PLAN).json()
        amounts = [document[name] for name in ("deposit", "bonus", "bonus_granted", "bonus_left")]
        assert amounts == ["133.33", "26.67", "60.00", "9940.00"]


class TestStatement:
    def test_each_transfer_stands_with_what_it_moved_and_what_was_held_after_it(self, program, shop):
        fund_at(JOINED, program.merchant, "200.00")
        case = case_at(JOINED, program=program)
        made = refund_at(NEXT_DAY, case, "100.00")
        services.reverse_refund(made.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-28T03:00Z"))
        answer = shop.get(ENTRIES)
        page = answer.json()
        assert_true_to_description(page, "StatementPage")
        rows = page["results"]
        names = ("kind", "deposit", "bonus", "deposit_after", "bonus_after")
        assert [tuple(row[name] for name in names) for row in rows] == [
            ("reversal", "66.67", "33.33", "200.00", "60.00"),
            ("refund", "-66.67", "-33.33", "133.33", "26.67"),
            ("bonus", "0.00", "60.00", "200.00", "60.00"),
            ("top_up", "200.00", "0.00", "200.00", "0.00"),
        ]
        assert rows[0]["reverses"] == rows[1]["id"]
        assert [row["by"] for row in rows] == ["", "Li Lei", "", ""]
        assert (rows[1]["refund_no"], rows[1]["case_no"]) == (made.refund_no, case.case_no)
        assert rows[1]["complaint_no"] == case.complaint.complaint_no
        assert {rows[2]["top_up_number"], rows[3]["top_up_number"]} == {TopUp.objects.get().number}
        assert "Xiao Er" not in answer.content.decode()

    def test_the_balance_is_right_across_pages_and_in_some_days(self, program, shop):
        for day in (26, 27, 28):
            fund_at(f"2026-11-{day}T02:00Z", program.merchant, "100.00")
        seen: list[tuple[str, str]] = []
        address: str | None = f"{ENTRIES}?page_size=4"
        while address:
            page = shop.get(address).json()
            seen += [(row["deposit_after"], row["bonus_after"]) for row in page["results"]]
            address = page["next"]
        assert seen == [
            ("300.00", "90.00"),
            ("300.00", "60.00"),
            ("200.00", "60.00"),
            ("200.00", "30.00"),
            ("100.00", "30.00"),
            ("100.00", "0.00"),
        ]
        rows = shop.get(f"{ENTRIES}?first_day=2026-11-27&last_day=2026-11-27").json()["results"]
        assert [row["deposit_after"] for row in rows] == ["200.00", "200.00"]
        assert shop.get(f"{ENTRIES}?first_day=2026-11-29").json()["results"] == []

    @pytest.mark.parametrize("query", ["first_day=yesterday", "last_day=2026-02-30", "cursor=x", "page_size=0"])
    def test_a_bad_parameter_is_named(self, program, shop, query):
        fund_at(JOINED, program.merchant, "1.00")
        answer = shop.get(f"{ENTRIES}?{query}")
        assert answer.status_code == 400
        assert [place["parameter"] for place in answer.json()["errors"]] == [query.split("=")[0]]


class TestTopUp:
    def test_one_is_started_once_and_leads_to_its_page(self, program, shop, online):
        services.enrol(program.merchant.pk, actor=member_actor(program.merchant), now=moment(JOINED))
        first, again = (start(shop, {"amount": "1000.00"}) for _ in range(2))
        document = first.json()
        assert_true_to_description(document, "TopUpToPay")
        assert (first.status_code, first["Location"]) == (201, f"{TOP_UPS}{document['number']}/")
        assert (again["Idempotent-Replayed"], again.content) == ("true", first.content)
        assert document["pay_address"] == f"http://pay.invalid/{document['number']}"
        assert (document["status"], document["channel"], document["bonus"]) == ("pending", "online", "0.00")
        assert (document["requested_at"], document["requested_by"]) == (NEXT_DAY, "shop backend")
        assert TopUp.objects.get().amount == Decimal("1000.00")
        assert shop.get(first["Location"]).json() == document
        before = everything()
        assert_refused(start(shop, {"amount": "2.00"}), 422, "idempotency_key_reused", before)

    def test_the_payer_is_sent_where_the_program_says_or_to_the_portal(self, program, shop, online, monkeypatch):
        monkeypatch.setattr(online, "pay_address", lambda **about: about["return_to"])
        fund_at(JOINED, program.merchant, "1.00")
        mine = start(shop, {"amount": "1.00", "return_to": "https://shop.example/paid?id=7"})
        default = start(shop, {"amount": "1.00"}, key="K-2")
        assert (mine.status_code, default.status_code) == (201, 201)
        assert mine.json()["pay_address"] == "https://shop.example/paid?id=7"
        own = f"/guarantee/top-ups/{default.json()['number']}/?returned=1"
        assert default.json()["pay_address"] == f"http://testserver{own}"

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            ({"amount": "0"}, "#/amount"),
            ({"amount": "-1"}, "#/amount"),
            ({"amount": "1.001"}, "#/amount"),
            ({"amount": "NaN"}, "#/amount"),
            ({"amount": "10000000.01"}, "#/amount"),
            ({}, "#/amount"),
            ({"amount": "1", "return_to": "javascript:alert(1)"}, "#/return_to"),
            ({"amount": "1", "return_to": "ftp://shop.example/"}, "#/return_to"),
            ({"amount": "1", "return_to": "/paid"}, "#/return_to"),
        ],
    )
    def test_what_cannot_be_taken_is_named_and_changes_nothing(self, program, shop, online, given, pointer):
        fund_at(JOINED, program.merchant, "1.00")
        before = everything()
        assert_refused(start(shop, given), 400, "bad_input", before, pointer)

    def test_who_has_not_joined_is_refused(self, shop, online):
        before = everything()
        assert_refused(start(shop, {"amount": "1.00"}), 409, "not_enrolled", before)

    def test_where_nothing_is_paid_online_it_is_refused(self, program, shop):
        fund_at(JOINED, program.merchant, "1.00")
        before = everything()
        assert_refused(start(shop, {"amount": "1.00"}), 409, "no_gateway", before)

    def test_paid_at_a_real_payment_system_it_is_credited_with_its_bonus(self, program, shop, sandbox):
        services.enrol(program.merchant.pk, actor=member_actor(program.merchant), now=moment(JOINED))
        started = start(shop, {"amount": "1000.00", "return_to": "https://shop.example/paid"}).json()
        with freeze_time("2026-11-27T03:05:00Z"):  # within the time that there is for paying
            assert sandbox.press(started["pay_address"]).startswith("https://shop.example/paid")
        assert asking.ask_about_payments(lambda: moment("2026-11-27T03:10Z")) == 1
        document = shop.get(started["url"]).json()
        assert (document["status"], document["bonus"], document["pay_address"]) == ("credited", "300.00", None)
        assert document["ended_at"] == "2026-11-27T03:10:00Z"
        assert shop.get(PLAN).json()["deposit"] == "1000.00"

    def test_a_list_is_narrowed_and_paged_the_newest_first(self, program, shop, online):
        fund_at(JOINED, program.merchant, "10.00")
        started = start(shop, {"amount": "20.00"}).json()
        with freeze_time("2026-11-27T04:00:00Z"):
            shop.post(TOP_UPS, {"amount": "30.00"})

        def found(query: str) -> list[str]:
            return [row["amount"] for row in shop.get(f"{TOP_UPS}?{query}").json()["results"]]

        assert found("") == ["30.00", "20.00", "10.00"]
        assert found("status=pending") == ["30.00", "20.00"]
        assert found("status=pending&status=credited&channel=bank_transfer") == ["10.00"]
        page = shop.get(f"{TOP_UPS}?page_size=1").json()
        assert_true_to_description(page, "TopUpPage")
        assert shop.get(page["next"]).json()["results"][0]["number"] == started["number"]
        assert shop.get(f"{TOP_UPS}?status=lost").status_code == 400

    def test_a_bank_transfer_is_told_without_the_names_of_staff(self, program, shop):
        fund_at(JOINED, program.merchant, "10.00")
        top_up = TopUp.objects.get()
        document = shop.get(f"{TOP_UPS}{top_up.number}/").json()
        assert_true_to_description(document, "TopUpToPay")
        assert (document["requested_by"], document["bank_reference"]) == ("", top_up.bank_reference)
        assert (document["status"], document["bonus"], document["pay_address"]) == ("credited", "3.00", None)


class TestAccess:
    def test_it_is_for_a_merchants_key_with_the_grant_alone(self, program, online):
        fund_at(JOINED, program.merchant, "10.00")
        number = TopUp.objects.get().number
        before = everything()
        for caller in (
            platform_caller(program.platform),
            merchant_caller(program.merchant, Grant.VIEW, Grant.HANDLE, Grant.REFUND, Grant.APPEAL),
        ):
            answers = [caller.get(path) for path in (PLAN, ENTRIES, TOP_UPS, f"{TOP_UPS}{number}/")]
            answers += [start(caller, {"amount": "1.00"}), caller.post(ENROL)]
            assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "not_allowed")}
        assert everything() == before

    def test_what_is_anothers_is_not_there(self, program, online):
        fund_at(JOINED, program.merchant, "10.00")
        number = TopUp.objects.get().number
        other = make_program()
        stranger = merchant_caller(other.merchant, *Grant)
        assert stranger.get(PLAN).status_code == 404
        fund_at(JOINED, other.merchant, "7.00")
        assert stranger.get(f"{TOP_UPS}{number}/").status_code == 404
        assert [row["amount"] for row in stranger.get(TOP_UPS).json()["results"]] == ["7.00"]
        assert {row["deposit_after"] for row in stranger.get(ENTRIES).json()["results"]} == {"7.00"}


def test_ten_rows_cost_as_many_queries_as_one(program, shop):
    fund_at(JOINED, program.merchant, "200.00")
    refund_at(JOINED, case_at(JOINED, program=program), "1.00")
    shop.get(PLAN)
    before = [queries_of(shop, path) for path in (ENTRIES, TOP_UPS)]
    for _ in range(5):
        fund_at(NEXT_DAY, program.merchant, "10.00")
        refund_at(NEXT_DAY, case_at(JOINED, program=program), "1.00")
    assert [queries_of(shop, path) for path in (ENTRIES, TOP_UPS)] == before
    assert FundTransfer.objects.count() == 18
    assert Refund.objects.count() == 6


def queries_of(caller: Caller, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert caller.get(path).status_code == 200
    return len(queries)


@pytest.mark.django_db(transaction=True)
def test_the_events_of_a_fund_are_told_to_those_alone_who_may_use_it(program):
    fund_at(JOINED, program.merchant, "200.00")
    case = case_at(JOINED, program=program)
    refund_at(NEXT_DAY, case, "128.00")
    merchant = program.merchant

    def told(caller: Caller) -> set[str]:
        answer = caller.get("/api/v1/events/")
        assert_true_to_description(answer.json(), "Events")
        return {event["name"] for event in answer.json()["events"]}

    of_the_fund = {"fund.enrolled", "fund.topped_up"}
    others = told(platform_caller(program.platform))
    assert {"refund_case.opened", "refund_case.refunded", "refund.succeeded", "no_refund_claim.overruled"} <= others
    assert not {name for name in others if name.startswith("fund.")}
    assert told(merchant_caller(merchant, Grant.VIEW, Grant.REFUND)) == others
    assert told(merchant_caller(merchant, Grant.VIEW, Grant.FUND)) == others | of_the_fund
    assert told(merchant_caller(merchant, Grant.FUND)) == set()
