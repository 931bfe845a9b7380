"""Pending refunds through the API: the same verbs, permissions and refusals as on the pages."""

import base64
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time
from pytest_django import Settings

from common.actors import ActorKind
from complaints.models import Complaint
from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.factories import file_at, handle_at, make_platform, make_program, moment
from complaints_portal.tests.test_openapi import assert_true_to_description
from evidence.models import Evidence
from evidence.tests.making import png
from merchants.models import Grant, IdempotentRequest, MiniProgram
from refunds import asking
from refunds.fund import balance_of
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.tests.checking import everything
from refunds.tests.fakes import FAILED, FakeGateway
from refunds.tests.making import case_at, claim_at, fund_at, refund_at, rule_at

pytestmark = pytest.mark.django_db

CASES, REFUNDS, CLAIMS = "/api/v1/refund-cases/", "/api/v1/refunds/", "/api/v1/no-refund-claims/"
RULED, NEXT_DAY, NEXT_DAY_TOO = "2026-11-26T02:00:00Z", "2026-11-27T03:00:00Z", "2026-11-27T04:00:00Z"
TWO_DAYS_LATER = "2026-11-28T03:00:01Z"
PICTURE = {"name": "record.png", "content": base64.b64encode(png()).decode()}
FROM_FUND = {"channel": "fund", "amount": "100.00"}
ELSEWHERE: dict[str, Any] = {"channel": "elsewhere", "amount": "100.00", "reference": "RF-7", "pictures": [PICTURE]}
REFUSAL: dict[str, Any] = {"text": "It was delivered.", "pictures": [PICTURE]}


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def case(program: MiniProgram) -> RefundCase:
    return case_at(RULED, program=program, amount="100.00")


@pytest.fixture
def shop(program: MiniProgram) -> Caller:
    return merchant_caller(program.merchant, Grant.VIEW, Grant.REFUND)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, settings: Settings) -> Path:
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"evidence": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    return tmp_path


def path_of(case: RefundCase, verb: str = "") -> str:
    return f"{CASES}{case.case_no}/" + (f"{verb}/" if verb else "")


def refund(
    caller: Caller, case: RefundCase, given: dict[str, Any], *, key: str | None = "K-1", at: str = NEXT_DAY
) -> Any:
    with freeze_time(at):
        return caller.post(path_of(case, "refunds"), given, key=key)


def state() -> Any:
    return everything(), list(Evidence.objects.order_by("pk").values()), list(IdempotentRequest.objects.values())


def assert_refused(answer: Any, status: int, code: str, before: Any, place: str = "") -> None:
    """A refusal has its status, its code and its place, and changed nothing."""
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert_true_to_description(document, "Problem")
    if place:
        assert [found.get("pointer") or found.get("header") for found in document["errors"]] == [place]
    assert state() == before


class TestCase:
    def test_it_comes_with_all_that_belongs_to_it_and_without_the_names_of_staff(self, case, shop):
        refund_at("2026-11-26T03:00Z", case, "30.00", channel="elsewhere", reference="RF-1")
        answer = shop.get(path_of(case))
        document = answer.json()
        assert_true_to_description(document, "WholeRefundCase")
        assert (document["status"], document["round"], document["points"]) == ("due", 1, 1)
        assert (document["opened_at"], document["refund_by"]) == (RULED, "2026-12-03T02:00:00Z")
        amounts = [document[name] for name in ("amount", "refunded", "processing", "rest", "at_most", "trade_amount")]
        assert amounts == ["100.00", "30.00", "0.00", "70.00", "70.00", "100.00"]
        assert document["allowed_actions"] == ["refund", "refuse"]
        assert document["complaint_url"] == f"/api/v1/complaints/{case.complaint.complaint_no}/"
        assert document["from_fund"] is None
        assert [(each["refund_no"], each["amount"]) for each in document["refunds"]] == [("RF-1", "30.00")]
        assert [(each["about"], each["ruling"]) for each in document["claims"]] == [("handling", "overruled")]
        moves = [(line["noun"], line["verb"]) for line in document["history"]]
        assert ("refund_case", "open") in moves
        assert moves[-1] == ("refund", "record")
        staff = NoRefundClaim.objects.get().decided_by
        assert str(staff) == "Xiao Er"
        assert str(staff) not in answer.content.decode()

    def test_it_tells_how_the_fund_would_pay_the_rest(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        assert shop.get(path_of(case)).json()["from_fund"] == {
            "amount": "100.00",
            "bonus": "33.33",
            "deposit": "66.67",
            "deposit_after": "133.33",
            "bonus_after": "26.67",
            "missing": "0.00",
            "least_top_up": "0.00",
        }

    def test_it_tells_what_a_short_fund_lacks(self, program, case, shop):
        fund_at(RULED, program.merchant, "50.00")
        assert shop.get(path_of(case)).json()["from_fund"] == {
            "amount": "100.00",
            "bonus": "15.00",
            "deposit": "85.00",
            "deposit_after": None,
            "bonus_after": None,
            "missing": "35.00",
            "least_top_up": "26.93",
        }

    def test_the_fund_is_told_to_nobody_who_may_neither_refund_nor_use_it(self, program, case):
        fund_at(RULED, program.merchant, "200.00")
        told = {
            "fund": merchant_caller(program.merchant, Grant.VIEW, Grant.FUND),
            "view": merchant_caller(program.merchant, Grant.VIEW),
            "platform": platform_caller(program.platform),
        }
        assert [name for name, caller in told.items() if caller.get(path_of(case)).json()["from_fund"]] == ["fund"]

    def test_at_most_is_less_than_the_rest_where_another_complaint_got_of_the_same_trade(self, program, case, shop):
        other = file_at(RULED, program, trade_no=case.complaint.trade_no, trade_amount=Decimal("100.00"))
        handle_at(RULED, other, refund_amount=Decimal("75.00"))
        document = shop.get(path_of(case)).json()
        assert (document["rest"], document["at_most"]) == ("100.00", "25.00")

    def test_what_a_key_may_do_is_told_and_nothing_more(self, program, case):
        for caller, actions in (
            (merchant_caller(program.merchant, Grant.VIEW, Grant.REFUND), ["refund", "refuse"]),
            (merchant_caller(program.merchant, Grant.VIEW, Grant.HANDLE, Grant.FUND), []),
            (platform_caller(program.platform), []),
        ):
            assert caller.get(path_of(case)).json()["allowed_actions"] == actions


class TestRefund:
    def test_from_the_fund_money_moves_at_once_and_the_case_is_finished(self, program, case, shop):
        account = fund_at(RULED, program.merchant, "200.00")
        answer = refund(shop, case, FROM_FUND)
        document = answer.json()
        assert_true_to_description(document, "Refund")
        assert (answer.status_code, answer["Location"]) == (201, f"{REFUNDS}{document['refund_no']}/")
        assert (document["status"], document["is_verified"]) == ("succeeded", True)
        assert document["paid_from"] == {"bonus": "33.33", "deposit": "66.67"}
        assert (document["requested_at"], document["requested_by"]) == (NEXT_DAY, "shop backend")
        assert shop.get(answer["Location"]).json() == document
        assert (balance_of(account).deposit, balance_of(account).bonus) == (Decimal("133.33"), Decimal("26.67"))
        shown = shop.get(path_of(case)).json()
        assert (shown["status"], shown["rest"], shown["allowed_actions"]) == ("refunded", "0.00", [])
        assert shown["ended_at"] == NEXT_DAY
        assert Complaint.objects.get().status == "finished"

    def test_the_same_key_is_one_refund_and_another_body_is_refused(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        first, again = (refund(shop, case, FROM_FUND | {"amount": "40.00"}) for _ in range(2))
        assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
        assert (again.content, again["Location"]) == (first.content, first["Location"])
        before = state()
        assert_refused(refund(shop, case, FROM_FUND | {"amount": "30.00"}), 422, "idempotency_key_reused", before)
        assert Refund.objects.count() == 1

    def test_the_key_names_the_wish_also_after_its_day(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        given = FROM_FUND | {"amount": "40.00"}
        first = refund(shop, case, given)
        again = refund(shop, case, given, at=TWO_DAYS_LATER)
        assert (again.status_code, again.json()) == (201, first.json())
        assert "Idempotent-Replayed" not in again
        before = state()
        late = refund(shop, case, given | {"amount": "30.00"}, at="2026-11-30T03:00:00Z")
        assert_refused(late, 422, "idempotency_key_reused", before)
        assert Refund.objects.count() == 1

    def test_keys_of_two_programs_do_not_meet(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        other = merchant_caller(program.merchant, Grant.VIEW, Grant.REFUND)
        for caller in (shop, other):
            assert refund(caller, case, FROM_FUND | {"amount": "40.00"}).status_code == 201
        assert Refund.objects.count() == 2

    def test_without_a_key_nothing_is_refunded(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        before = state()
        answer = refund(shop, case, FROM_FUND, key=None)
        assert_refused(answer, 400, "idempotency_key_missing", before, "Idempotency-Key")

    def test_a_refused_refund_does_not_use_its_key_up(self, program, case, shop):
        before = state()
        assert_refused(refund(shop, case, FROM_FUND), 409, "not_enrolled", before)
        fund_at(RULED, program.merchant, "200.00")
        assert refund(shop, case, FROM_FUND).status_code == 201

    def test_parts_add_up_and_none_goes_above_the_rest(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        assert refund(shop, case, FROM_FUND | {"amount": "40.00"}, key="1").status_code == 201
        before = state()
        above = refund(shop, case, FROM_FUND | {"amount": "60.01"}, key="2")
        assert_refused(above, 400, "bad_input", before, "#/amount")
        assert refund(shop, case, FROM_FUND | {"amount": "60.00"}, key="2").status_code == 201
        assert shop.get(path_of(case)).json()["status"] == "refunded"
        before = state()
        assert_refused(refund(shop, case, FROM_FUND | {"amount": "0.01"}, key="3"), 409, "illegal_move", before)

    @pytest.mark.parametrize("amount", ["0", "0.00", "-1.00", "1.001", "NaN", "Infinity", "1e30", "", None, "ten"])
    def test_an_amount_that_is_none_is_named_and_changes_nothing(self, program, case, shop, amount):
        fund_at(RULED, program.merchant, "200.00")
        before = state()
        assert_refused(refund(shop, case, FROM_FUND | {"amount": amount}), 400, "bad_input", before, "#/amount")

    def test_a_fund_that_is_short_by_a_cent_moves_nothing(self, program, case, shop):
        fund_at(RULED, program.merchant, "76.91")  # 76.91 and 23.07 of bonus: two cents less than 100.00
        before = state()
        answer = refund(shop, case, FROM_FUND | {"amount": "99.99"})
        assert_refused(answer, 409, "fund_short", before, "#/amount")
        assert "0.01" in answer.json()["detail"]
        assert refund(shop, case, FROM_FUND | {"amount": "99.98"}).status_code == 201

    def test_a_channel_that_is_not_there_is_refused(self, case, shop):
        before = state()
        assert_refused(refund(shop, case, {"channel": "api", "amount": "1.00"}), 409, "no_gateway", before)
        assert_refused(refund(shop, case, {"channel": "cheque", "amount": "1"}), 400, "bad_input", before, "#/channel")

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"reference": " "}, "#/reference"),
            ({"reference": "x" * 65}, "#/reference"),
            ({"pictures": []}, "#/pictures"),
            ({"pictures": [PICTURE] * 10}, "#/pictures"),
            ({"pictures": [{"name": "a.png", "content": "?"}]}, "#/pictures"),
        ],
    )
    def test_a_refund_elsewhere_needs_its_number_and_a_proof(self, case, shop, changes, place):
        before = state()
        answer = refund(shop, case, ELSEWHERE | changes)
        assert_refused(answer, 400, answer.json()["code"], before, place)

    def test_a_refund_elsewhere_stands_on_the_merchants_word_where_nobody_can_be_asked(self, case, shop):
        answer = refund(shop, case, ELSEWHERE)
        document = answer.json()
        assert (answer.status_code, document["status"], document["is_verified"]) == (201, "succeeded", False)
        assert (document["refund_no"], document["paid_from"], len(document["pictures"])) == ("RF-7", None, 1)
        assert shop.get(answer["Location"]).json() == document

    def test_a_number_is_recorded_once_for_a_trade(self, case, shop):
        assert refund(shop, case, ELSEWHERE | {"amount": "40.00"}).status_code == 201
        before = state()
        answer = refund(shop, case, ELSEWHERE | {"amount": "40.00"}, key="K-2")
        assert_refused(answer, 400, "recorded_already", before, "#/reference")

    def test_what_a_payment_system_has_to_do_is_processing_until_it_answers(self, case, shop, gateway: FakeGateway):
        answer = refund(shop, case, {"channel": "api", "amount": "100.00"})
        document = answer.json()
        assert_true_to_description(document, "Refund")
        assert (answer.status_code, document["status"], document["ended_at"]) == (201, "processing", None)
        shown = shop.get(path_of(case)).json()
        assert (shown["status"], shown["processing"], shown["rest"]) == ("due", "100.00", "0.00")
        assert (shown["stopped_at"], shown["allowed_actions"]) == (NEXT_DAY, [])
        before = state()
        assert_refused(refund(shop, case, ELSEWHERE, key="K-2"), 409, "nothing_left", before)
        with freeze_time(NEXT_DAY_TOO):
            assert_refused(shop.post(path_of(case, "refuse"), REFUSAL), 409, "refund_processing", before)

        asking.ask_about_refunds(lambda: moment(NEXT_DAY_TOO))
        document = shop.get(answer["Location"]).json()
        assert (document["status"], document["is_verified"]) == ("succeeded", True)
        assert (document["ended_at"], document["reference"]) == (NEXT_DAY_TOO, "2026112022001")

    def test_a_refund_that_failed_says_why_and_its_amount_is_due_again(self, case, shop, gateway: FakeGateway):
        gateway.will_answer(FAILED)
        answer = refund(shop, case, {"channel": "api", "amount": "100.00"})
        asking.ask_about_refunds(lambda: moment(NEXT_DAY_TOO))
        document = shop.get(answer["Location"]).json()
        assert (document["status"], document["failure_code"]) == ("failed", "ACQ.TRADE_HAS_CLOSE")
        assert document["failure"] == "The trade is closed: the payment system refunds it no more."
        shown = shop.get(path_of(case)).json()
        assert (shown["rest"], shown["allowed_actions"]) == ("100.00", ["refund", "refuse"])
        assert (shown["stopped_at"], shown["refund_by"]) == (None, "2026-12-03T03:00:00Z")

    def test_through_a_real_payment_system(self, case, shop, sandbox):
        sandbox.trade(case.complaint.trade_no, "100.00")
        answer = refund(shop, case, {"channel": "api", "amount": "100.00"})
        assert answer.json()["status"] == "processing"
        asking.ask_about_refunds(lambda: moment(NEXT_DAY_TOO))
        assert shop.get(answer["Location"]).json()["status"] == "succeeded"
        assert sandbox.numbers(case.complaint.trade_no) == [answer.json()["refund_no"]]


class TestRefusal:
    def test_the_clock_stops_and_staff_rule(self, case, shop):
        with freeze_time(NEXT_DAY):
            answer = shop.post(path_of(case, "refuse"), REFUSAL, key="K-1")
            again = shop.post(path_of(case, "refuse"), REFUSAL, key="K-1")
        document = answer.json()
        assert_true_to_description(document, "NoRefundClaim")
        assert (answer.status_code, again["Idempotent-Replayed"]) == (201, "true")
        assert (document["about"], document["status"], document["ruling"]) == ("refusal", "submitted", "")
        assert (document["case_no"], document["submitted_at"]) == (case.case_no, NEXT_DAY)
        assert (document["text"], len(document["pictures"])) == ("It was delivered.", 1)
        assert shop.get(answer["Location"]).json() == document
        shown = shop.get(path_of(case)).json()
        assert (shown["status"], shown["allowed_actions"]) == ("refused", [])
        before = state()
        with freeze_time(NEXT_DAY):
            assert_refused(shop.post(path_of(case, "refuse"), REFUSAL), 409, "illegal_move", before)

    def test_overruled_it_is_due_again_and_cannot_be_refused_twice(self, case, shop):
        with freeze_time(NEXT_DAY):
            claim = shop.post(path_of(case, "refuse"), REFUSAL).json()
        rule_at("2026-11-28T02:00Z", NoRefundClaim.objects.get(pk=claim["id"]))
        shown = shop.get(path_of(case)).json()
        assert (shown["status"], shown["round"], shown["refund_by"]) == ("due", 2, "2026-12-05T02:00:00Z")
        assert shown["allowed_actions"] == ["refund"]
        before = state()
        with freeze_time("2026-11-28T03:00:00Z"):
            assert_refused(shop.post(path_of(case, "refuse"), REFUSAL), 409, "refused_before", before)

    @pytest.mark.parametrize(
        ("changes", "place"),
        [({"text": " "}, "#/text"), ({"text": "x" * 1001}, "#/text"), ({"pictures": []}, "#/pictures")],
    )
    def test_it_needs_a_text_and_a_picture(self, case, shop, changes, place):
        before = state()
        with freeze_time(NEXT_DAY):
            answer = shop.post(path_of(case, "refuse"), REFUSAL | changes)
        assert_refused(answer, 400, "bad_input", before, place)


class TestAccess:
    def test_only_a_merchants_key_with_the_grant_moves_and_others_find_nothing(self, program, case):
        fund_at(RULED, program.merchant, "200.00")
        callers = (
            (merchant_caller(program.merchant, Grant.VIEW, Grant.HANDLE, Grant.FUND), 403),
            (merchant_caller(program.merchant, Grant.REFUND), 403),
            (platform_caller(program.platform), 403),
            (merchant_caller(make_program().merchant, Grant.VIEW, Grant.REFUND), 404),
            (platform_caller(make_platform()), 404),
        )
        before = state()
        for path, given in ((path_of(case, "refunds"), FROM_FUND), (path_of(case, "refuse"), REFUSAL)):
            for caller, status in callers:
                with freeze_time(NEXT_DAY):
                    assert caller.post(path, given, key="K-1").status_code == status, path
        assert state() == before

    def test_a_platform_reads_those_of_its_merchants_and_strangers_find_nothing(self, program, case, shop):
        refund_at(NEXT_DAY, case, "30.00", channel="elsewhere", reference="RF-1")
        claim, made = NoRefundClaim.objects.get(), Refund.objects.get()
        places = {
            CASES: path_of(case),
            REFUNDS: f"{REFUNDS}elsewhere-{made.pk}/",
            CLAIMS: f"{CLAIMS}{claim.pk}/",
        }
        strangers = merchant_caller(make_program().merchant), platform_caller(make_platform())
        blind = merchant_caller(program.merchant, Grant.REFUND, Grant.FUND)
        for listed, one in places.items():
            for caller in (shop, platform_caller(program.platform)):
                assert caller.get(one).status_code == 200
                assert len(caller.get(listed).json()["results"]) == 1
            for caller in strangers:
                assert caller.get(one).status_code == 404
                assert caller.get(listed).json()["results"] == []
            for path in (one, listed):
                answer = blind.get(path)
                assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


class TestOneRefund:
    def test_its_address_leads_to_that_very_one_also_where_its_number_stands_twice(self, program, case, shop):
        first = refund(shop, case, ELSEWHERE | {"amount": "40.00"})
        second = refund(
            shop, case_at(RULED, program=program), ELSEWHERE | {"amount": "9.00"}, key="K-2", at=NEXT_DAY_TOO
        )
        for answer in (first, second):
            assert shop.get(answer.json()["url"]).json() == answer.json()
        assert shop.get(f"{REFUNDS}RF-7/").json() == second.json()
        both = shop.get(f"{REFUNDS}?refund_no=RF-7").json()["results"]
        assert both == [second.json(), first.json()]

    @pytest.mark.parametrize(
        "number", ["0", "elsewhere-", "elsewhere-x", "elsewhere-9", "elsewhere-" + "9" * 30, "RF-8", "%00"]
    )
    def test_one_that_is_not_there_is_not_found(self, shop, case, number):
        assert shop.get(f"{REFUNDS}{number}/").status_code == 404

    def test_a_number_with_signs_of_addresses_in_it_has_an_address(self, case, shop):
        answer = refund(shop, case, ELSEWHERE | {"reference": "RF/7 ?#退款"})
        assert shop.get(answer["Location"]).json()["refund_no"] == "RF/7 ?#退款"

    def test_one_that_handled_a_complaint_has_no_pending_refund(self, program, shop):
        complaint = file_at(RULED, program)
        handle_at(RULED, complaint, refund_amount=Decimal("9.00"))
        (document,) = shop.get(f"{REFUNDS}?complaint_no={complaint.complaint_no}").json()["results"]
        assert_true_to_description(document, "Refund")
        assert (document["case_no"], document["case_url"], document["amount"]) == (None, None, "9.00")


class TestClaim:
    def test_a_handling_without_a_refund_opens_one_that_staff_rule_on(self, program):
        shop = merchant_caller(program.merchant)
        complaint = file_at(RULED, program)
        with freeze_time(NEXT_DAY):
            given = {"method": "not_liable", "note": "It came on Monday.", "pictures": [PICTURE]}
            assert shop.post(f"/api/v1/complaints/{complaint.complaint_no}/handle/", given).status_code == 200
        (document,) = shop.get(f"{CLAIMS}?complaint_no={complaint.complaint_no}").json()["results"]
        assert_true_to_description(document, "NoRefundClaim")
        assert (document["about"], document["text"], document["status"]) == (
            "handling",
            "It came on Monday.",
            "submitted",
        )
        assert (document["submitted_at"], document["submitted_by"]) == (NEXT_DAY, "shop backend")
        assert len(document["pictures"]) == 1
        rule_at("2026-11-28T02:00Z", NoRefundClaim.objects.get(), "accept")
        document = shop.get(document["url"]).json()
        assert (document["ruling"], document["reason_code"], document["message"]) == (
            "accepted",
            "delivered",
            "We looked at it.",
        )
        assert document["decided_at"] == "2026-11-28T02:00:00Z"

    def test_what_the_consumer_said_against_a_handling_is_told(self, program, shop):
        complaint = file_at(RULED, program)
        handle_at(RULED, complaint)
        with freeze_time(NEXT_DAY):
            contest = f"/api/v1/complaints/{complaint.complaint_no}/contest/"
            assert platform_caller(program.platform).post(contest, {"reason": "No money came."}).status_code == 200
        (document,) = shop.get(CLAIMS).json()["results"]
        assert (document["about"], document["contested"]) == ("contest", "No money came.")
        assert_true_to_description(document, "NoRefundClaim")


class TestHandlingFromTheFund:
    @pytest.fixture
    def complaint(self, program: MiniProgram) -> Complaint:
        return file_at(RULED, program, trade_amount=Decimal("100.00"))

    def handle(self, complaint: Complaint, amount: str, caller: Caller | None = None) -> Any:
        caller = caller or merchant_caller(complaint.merchant)
        given = {"method": "fund_refund", "refund_amount": amount}
        with freeze_time(NEXT_DAY):
            return caller.post(f"/api/v1/complaints/{complaint.complaint_no}/handle/", given, key="K-1")

    def test_it_refunds_once(self, program, complaint, shop):
        account = fund_at(RULED, program.merchant, "200.00")
        caller = merchant_caller(program.merchant)
        first, again = (self.handle(complaint, "100.00", caller) for _ in range(2))
        assert (first.status_code, first.json()["status"], again["Idempotent-Replayed"]) == (200, "handled", "true")
        assert balance_of(account).deposit == Decimal("133.33")
        (document,) = shop.get(REFUNDS).json()["results"]
        assert (document["channel"], document["status"]) == ("fund", "succeeded")
        assert document["paid_from"] == {"bonus": "33.33", "deposit": "66.67"}

    def test_a_fund_that_is_short_is_said_and_nothing_moves(self, program, complaint):
        fund_at(RULED, program.merchant, "76.92")
        before = state()
        assert_refused(self.handle(complaint, "100.00"), 409, "fund_short", before, "#/refund_amount")
        assert Complaint.objects.get().status == "pending"

    def test_outside_the_plan_it_cannot_be_chosen(self, complaint):
        before = state()
        assert_refused(self.handle(complaint, "100.00"), 409, "illegal_move", before, "#/method")


class TestLists:
    def test_cases_are_narrowed_and_paged_the_newest_first(self, program, case, shop):
        other = make_program("2021002", merchant=program.merchant)
        second = case_at("2026-11-26T03:00Z", program=other)
        third = case_at("2026-11-26T04:00Z", program=program)
        refund_at("2026-11-26T05:00Z", third, "128.00", channel="elsewhere", reference="RF-1")

        def found(query: str) -> list[str]:
            return [row["case_no"] for row in shop.get(f"{CASES}?{query}").json()["results"]]

        for query, expected in {
            "": [third, second, case],
            "status=due": [second, case],
            "status=due&status=refunded": [third, second, case],
            "app_id=2021002": [second],
            f"complaint_no={case.complaint.complaint_no}": [case],
            f"trade_no={second.complaint.trade_no}": [second],
            "opened_after=2026-11-26T03:00:00Z": [third, second],
            "opened_before=2026-11-26T03:00:00Z": [case],
            "refund_by_before=2026-12-03T03:00:00Z&status=due": [case],
        }.items():
            assert found(query) == [each.case_no for each in expected], query
        page = shop.get(f"{CASES}?page_size=2").json()
        assert_true_to_description(page, "RefundCasePage")
        assert [row["case_no"] for row in shop.get(page["next"]).json()["results"]] == [case.case_no]

    def test_refunds_are_narrowed_and_paged_the_newest_first(self, program, case, shop):
        fund_at(RULED, program.merchant, "200.00")
        first = refund_at("2026-11-26T03:00Z", case, "30.00")
        second = refund_at("2026-11-26T04:00Z", case, "30.00", channel="elsewhere", reference="RF-1")
        handled = file_at("2026-11-26T05:00Z", program)
        handle_at("2026-11-26T05:00Z", handled, refund_reference="RF-2")
        third = Refund.objects.get(refund_no="RF-2")

        def found(query: str) -> list[int]:
            return [row["id"] for row in shop.get(f"{REFUNDS}?{query}").json()["results"]]

        for query, expected in {
            "": [third, second, first],
            "status=succeeded": [third, second, first],
            "status=failed": [],
            "channel=fund": [first],
            "channel=fund&channel=elsewhere": [third, second, first],
            "refund_no=RF-1": [second],
            f"case_no={case.case_no}": [second, first],
            f"complaint_no={handled.complaint_no}": [third],
            "requested_after=2026-11-26T04:00:00Z": [third, second],
            "requested_before=2026-11-26T04:00:00Z": [first],
        }.items():
            assert found(query) == [each.pk for each in expected], query
        page = shop.get(f"{REFUNDS}?page_size=2").json()
        assert_true_to_description(page, "RefundPage")
        assert [row["id"] for row in shop.get(page["next"]).json()["results"]] == [first.pk]

    def test_claims_are_narrowed_and_paged_the_newest_first(self, program, case, shop):
        with freeze_time(NEXT_DAY):
            assert shop.post(path_of(case, "refuse"), REFUSAL).status_code == 201
        first, second = NoRefundClaim.objects.order_by("submitted_at")
        third = claim_at("2026-11-27T05:00Z", file_at("2026-11-27T05:00Z", program))

        def found(query: str) -> list[int]:
            return [row["id"] for row in shop.get(f"{CLAIMS}?{query}").json()["results"]]

        for query, expected in {
            "": [third, second, first],
            "status=submitted": [third, second],
            "status=submitted&status=overruled": [third, second, first],
            f"case_no={case.case_no}": [second],
            f"complaint_no={case.complaint.complaint_no}": [second, first],
            "submitted_after=2026-11-27T03:00:00Z": [third, second],
            "submitted_before=2026-11-27T03:00:00Z": [first],
        }.items():
            assert found(query) == [each.pk for each in expected], query
        page = shop.get(f"{CLAIMS}?page_size=2").json()
        assert_true_to_description(page, "NoRefundClaimPage")
        assert [row["id"] for row in shop.get(page["next"]).json()["results"]] == [first.pk]

    @pytest.mark.parametrize(
        ("path", "query"),
        [
            (CASES, "status=gone"),
            (CASES, "opened_after=yesterday"),
            (CASES, "cursor=x"),
            (REFUNDS, "channel=cheque"),
            (REFUNDS, "page_size=101"),
            (CLAIMS, "status=approved"),
        ],
    )
    def test_a_bad_parameter_is_named(self, shop, path, query):
        answer = shop.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert [place["parameter"].split(".")[0] for place in answer.json()["errors"]] == [query.split("=")[0]]

    def test_ten_rows_cost_as_many_queries_as_one(self, program, case, shop):
        fund_at(RULED, program.merchant, "2000.00")
        refund_at("2026-11-26T03:00Z", case, "1.00")
        paths = (CASES, REFUNDS, CLAIMS, path_of(case))
        shop.get(CASES)
        before = [queries_of(shop, path) for path in paths]
        for number in range(9):
            refund_at("2026-11-26T03:00Z", case_at(RULED, program=program), "1.00")
            refund_at("2026-11-26T03:00Z", case, f"1.{number}0")
        assert [queries_of(shop, path) for path in paths] == before
        assert len(shop.get(CASES).json()["results"]) == 10


def queries_of(caller: Caller, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert caller.get(path).status_code == 200
    return len(queries)


def test_a_key_is_a_merchants_program_in_the_records(program, case, shop):
    fund_at(RULED, program.merchant, "200.00")
    refund(shop, case, FROM_FUND)
    made = Refund.objects.get()
    assert (made.actor_kind, made.actor_name) == (ActorKind.MERCHANT, "shop backend")
