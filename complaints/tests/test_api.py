"""Lists, cases and moves through the API: who sees what, who may do what, and that a refusal changes nothing."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from pytest_django import DjangoAssertNumQueries, Settings

from complaints import examples
from complaints.models import Complaint, Handling, HistoryLine, Message
from complaints.services import contest, leave_message
from complaints.tests.calling import COMPLAINTS, Caller, merchant_caller, platform_caller, sent
from complaints.tests.factories import STAFF, consumer_actor, file_at, handle_at, make_merchant, make_program, moment
from deadlines.models import Deadline
from evidence.models import Evidence
from evidence.tests.making import png
from merchants.models import Grant, MiniProgram
from notifications.models import Event

pytestmark = pytest.mark.django_db

PICTURE = {"name": "record.png", "content": base64.b64encode(png()).decode()}
PAID = "2026-11-20T00:00+08:00"
REFUND = {"method": "other_refund", "refund_amount": "128.00", "refund_reference": "R-1"}
MOVES = {
    "handle": REFUND,
    "messages": {"text": "hello"},
    "confirm": {},
    "contest": {"reason": "still nothing"},
    "cancel": {"reason": "mistake"},
    "close": {"reason": "duplicate"},
}


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def platform(program: MiniProgram) -> Caller:
    return platform_caller(program.platform)


@pytest.fixture
def shop(program: MiniProgram) -> Caller:
    """The merchant's own program."""
    return merchant_caller(program.merchant)


@pytest.fixture
def complaint(program: MiniProgram) -> Complaint:
    return file_at("2026-11-20T02:00Z", program)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, settings: Settings) -> Path:
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"evidence": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    return tmp_path


def path_of(complaint: Complaint, move: str = "") -> str:
    return f"{COMPLAINTS}{complaint.complaint_no}/" + (f"{move}/" if move else "")


def numbers(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["complaint_no"] for row in answer.json()["results"]]


def everything() -> dict[str, list[Any]]:
    """Return all rows that a move could change."""
    models = (Complaint, Handling, HistoryLine, Message, Deadline, Event, Evidence)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


class TestList:
    def test_it_shows_the_newest_first(self, platform, program):
        filed = [file_at(f"2026-11-2{day}T02:00Z", program) for day in (1, 0, 2)]

        assert numbers(platform.get(COMPLAINTS)) == [filed[i].complaint_no for i in (2, 0, 1)]

    def test_following_next_gives_each_complaint_once_also_those_of_the_same_moment(self, platform, program):
        moments = ["2026-11-20T02:00Z"] * 5 + ["2026-11-21T02:00Z"] * 2
        filed = {file_at(moment, program).complaint_no for moment in moments}
        seen: list[str] = []
        address: str | None = f"{COMPLAINTS}?page_size=2&status=pending"
        while address:
            answer = platform.get(address)
            seen += numbers(answer)
            address = answer.json()["next"]
            assert address is None or "page_size=2" in address

        assert len(seen) == 7
        assert set(seen) == filed

    def test_previous_leads_back(self, platform, program):
        for day in range(1, 4):
            file_at(f"2026-11-0{day}T02:00Z", program)
        first = platform.get(f"{COMPLAINTS}?page_size=2")
        second = platform.get(first.json()["next"])

        assert numbers(platform.get(second.json()["previous"])) == numbers(first)
        assert second.json()["next"] is None

    def test_it_narrows_by_status_several_at_once(self, platform, program, complaint):
        handled = file_at("2026-11-20T03:00Z", program)
        handle_at("2026-11-20T04:00Z", handled)
        reviewed = file_at("2026-11-20T04:00Z", program)
        handle_at("2026-11-20T05:00Z", reviewed, "not_liable")

        assert numbers(platform.get(f"{COMPLAINTS}?status=handled")) == [handled.complaint_no]
        assert numbers(platform.get(f"{COMPLAINTS}?status=pending&status=in_review")) == [
            reviewed.complaint_no,
            complaint.complaint_no,
        ]

    def test_filed_after_includes_its_moment_and_filed_before_does_not(self, platform, complaint):
        def found(**wanted: str) -> bool:
            return bool(numbers(platform.get(COMPLAINTS, data=wanted)))

        assert found(filed_after="2026-11-20T02:00:00Z")
        assert not found(filed_after="2026-11-20T02:00:00.000001Z")
        assert found(filed_before="2026-11-20T10:00:00.000001+08:00")
        assert not found(filed_before="2026-11-20T10:00:00+08:00")

    def test_it_narrows_by_mini_program_and_trade(self, platform, program, complaint):
        other = make_program("2021002", merchant=program.merchant)
        second = file_at("2026-11-20T03:00Z", other, trade_no="T-2")

        assert numbers(platform.get(f"{COMPLAINTS}?app_id=2021002")) == [second.complaint_no]
        assert numbers(platform.get(f"{COMPLAINTS}?trade_no={complaint.trade_no}")) == [complaint.complaint_no]
        assert numbers(platform.get(f"{COMPLAINTS}?trade_no=T-2&app_id=2021001")) == []

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("status=lost", "status"),
            ("page_size=101", "page_size"),
            ("page_size=0", "page_size"),
            ("filed_after=now", "filed_after"),
            ("cursor=AAAA", "cursor"),
            ("cursor=%00", "cursor"),
            ("cursor=" + "9" * 501, "cursor"),
            ("app_id=" + "9" * 65, "app_id"),
        ],
    )
    def test_what_it_cannot_narrow_by_is_refused(self, platform, query, parameter):
        answer = platform.get(f"{COMPLAINTS}?{query}")

        assert answer.status_code == 400
        assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]

    def test_a_document_in_the_list_is_the_beginning_of_the_case(self, platform, program, complaint):
        whole = file_at("2026-11-20T03:00:00.000001Z", program, upstream_id="U", demand="refund", paid_at=moment(PAID))
        handle_at("2026-11-20T04:00Z", whole)
        whole.refresh_from_db()

        listed = platform.get(COMPLAINTS).json()["results"]
        cases = [platform.get(path_of(each)).json() for each in (whole, complaint)]
        assert [list(row) for row in listed] == [list(case)[: len(listed[0])] for case in cases]
        assert listed == [{name: case[name] for name in listed[0]} for case in cases]
        assert listed[0]["filed_at"] == "2026-11-20T03:00:00.000001Z"
        assert listed[0]["paid_at"] == "2026-11-19T16:00:00Z"
        assert listed[1]["paid_at"] is None

    def test_who_asks_after_another_still_sees_only_their_own(self, platform, shop, program, complaint):
        neighbour = make_program("2021002", merchant=make_merchant(platform=program.platform))
        beside = file_at("2026-11-20T01:00Z", neighbour)
        elsewhere = file_at("2026-11-20T02:00Z")
        seen_by = [
            (platform, [complaint, beside]),
            (platform_caller(elsewhere.platform), [elsewhere]),
            (shop, [complaint]),
            (merchant_caller(neighbour.merchant), [beside]),
        ]
        for caller, seen in seen_by * 2:
            assert numbers(caller.get(COMPLAINTS)) == [each.complaint_no for each in seen]

    @pytest.mark.parametrize("rows", [1, 20])
    def test_it_asks_the_database_twice_however_many_rows_there_are(
        self, platform, program, rows, django_assert_num_queries: DjangoAssertNumQueries
    ):
        for _ in range(rows):
            file_at("2026-11-20T02:00Z", program)

        with django_assert_num_queries(2):  # the key, the page
            assert len(numbers(platform.get(COMPLAINTS))) == rows


class TestWhoSeesWhat:
    def test_a_merchant_sees_its_own_and_no_other(self, program, shop, complaint):
        neighbour = make_program("2021002", merchant=make_merchant(platform=program.platform))
        foreign = file_at("2026-11-20T02:00Z", neighbour)

        assert numbers(shop.get(COMPLAINTS)) == [complaint.complaint_no]
        assert shop.get(path_of(complaint)).status_code == 200
        assert shop.get(path_of(foreign)).status_code == 404

    def test_a_platform_sees_its_merchants_and_no_other_platform(self, platform, complaint):
        foreign = file_at("2026-11-20T02:00Z")

        assert numbers(platform.get(COMPLAINTS)) == [complaint.complaint_no]
        assert platform.get(path_of(foreign)).status_code == 404

    @pytest.mark.parametrize("move", MOVES)
    def test_what_belongs_to_others_does_not_exist_and_does_not_change(self, move, complaint):
        callers = [
            merchant_caller(make_merchant(platform=complaint.merchant.platform)),
            platform_caller(make_program().platform),
        ]
        before = everything()

        for caller in callers:
            foreign = caller.post(path_of(complaint, move), MOVES[move])
            nothing = caller.post(f"{COMPLAINTS}2026/{move}/", MOVES[move])
            assert foreign.status_code == nothing.status_code == 404
            assert foreign.json() == nothing.json()
        assert everything() == before

    def test_a_merchants_key_without_the_grant_to_look_sees_nothing(self, program, complaint):
        caller = merchant_caller(program.merchant, Grant.HANDLE)

        for answer in (
            caller.get(COMPLAINTS),
            caller.get(path_of(complaint)),
            caller.post(path_of(complaint, "handle"), REFUND),
        ):
            assert answer.status_code == 403
            assert complaint.complaint_no not in answer.content.decode()

    @pytest.mark.parametrize(
        ("grants", "move"),
        [([Grant.VIEW], "handle"), ([Grant.VIEW], "messages")]
        + [([Grant.VIEW, Grant.HANDLE], move) for move in ("confirm", "contest", "cancel", "close")],
    )
    def test_a_merchants_key_may_only_do_what_it_was_granted(self, program, complaint, grants, move):
        before = everything()

        answer = merchant_caller(program.merchant, *grants).post(path_of(complaint, move), MOVES[move])

        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert everything() == before

    def test_a_platforms_key_does_not_handle(self, platform, complaint):
        before = everything()

        assert platform.post(path_of(complaint, "handle"), REFUND).status_code == 403
        assert everything() == before


class TestCase:
    def test_it_shows_all_that_belongs_to_it_and_no_name_of_staff(self, platform, shop, program):
        with freeze_time("2026-11-20T02:00:00Z"):
            number = platform.file(sent(program, pictures=[PICTURE], consumer={"phone": "13800001234"})).json()
            complaint = Complaint.objects.get(complaint_no=number["complaint_no"])
        with freeze_time("2026-11-20T03:00:00Z"):
            shop.post(path_of(complaint, "messages"), {"text": "sorry", "pictures": [PICTURE]})
            shop.post(path_of(complaint, "handle"), REFUND | {"pictures": [PICTURE]})
        contest(complaint.pk, reason="no", actor=consumer_actor(complaint), now=moment("2026-11-20T04:00Z"))
        leave_message(complaint.pk, "We look.", actor=STAFF, now=moment("2026-11-20T05:00Z"))

        case = platform.get(path_of(complaint)).json()

        assert set(case) == set(examples.CASE.value)
        assert case["consumer"]["phone"] == "13800001234"
        assert len(case["pictures"]) == len(case["handling"]["pictures"]) == 1
        assert case["handling"]["handled_at"] == "2026-11-20T03:00:00Z"
        assert case["handling"]["in_time"] is True
        assert [(each["role"], each["by"], each["text"]) for each in case["messages"]] == [
            ("platform", "", "We look."),
            ("merchant", "shop backend", "sorry"),
        ]
        assert [(line["noun"], line["verb"]) for line in case["history"]] == [
            ("complaint", "file"),
            ("complaint", "handle"),
            ("refund", "record"),
            ("complaint", "contest"),
            ("no_refund_claim", "submit"),
        ]
        assert set(case["history"][0]) == set(examples.CASE.value["history"][0])
        assert set(case["handling"]) == set(examples.CASE.value["handling"])
        assert STAFF.name not in json.dumps(case)

    def test_it_asks_the_database_a_fixed_number_of_times(
        self, platform, complaint, django_assert_max_num_queries: DjangoAssertNumQueries
    ):
        handle_at("2026-11-20T03:00Z", complaint, "not_liable")
        for minute in range(10):
            leave_message(complaint.pk, "hello", actor=STAFF, now=moment(f"2026-11-20T04:1{minute}Z"))

        with django_assert_max_num_queries(7):
            assert len(platform.get(path_of(complaint)).json()["messages"]) == 10

    def test_it_lists_what_this_key_may_do_now(self, platform, shop, complaint):
        def actions(caller: Caller) -> list[str]:
            allowed: list[str] = caller.get(path_of(complaint)).json()["allowed_actions"]
            return allowed

        assert actions(shop) == ["handle", "leave_message"]
        assert actions(platform) == ["cancel", "close", "leave_message"]
        handle_at("2026-11-20T03:00Z", complaint)
        assert actions(shop) == ["leave_message"]
        assert actions(platform) == ["confirm", "contest", "cancel", "close", "leave_message"]
        platform.post(path_of(complaint, "confirm"))
        assert actions(shop) == actions(platform) == []


class TestMoves:
    @pytest.mark.parametrize(
        ("at", "in_time"),
        [
            ("2026-11-24T01:59:59.999999Z", True),
            ("2026-11-24T02:00:00Z", True),
            ("2026-11-24T02:00:00.000001Z", False),
        ],
    )
    def test_handling_counts_from_when_the_request_arrived(self, shop, complaint, at, in_time):
        with freeze_time(at):
            answer = shop.post(path_of(complaint, "handle"), REFUND)

        assert answer.status_code == 200
        assert answer.json()["status"] == "handled"
        assert answer.json()["handling"]["in_time"] is in_time
        assert Deadline.objects.filter(kind=Deadline.Kind.HANDLE).exists() is not in_time

    def test_a_handling_that_does_not_refund_goes_to_staff_with_its_proof(self, shop, complaint):
        answer = shop.post(
            path_of(complaint, "handle"),
            {"method": "not_liable", "note": "Delivered on Monday.", "pictures": [PICTURE]},
        )

        assert answer.json()["status"] == "in_review"
        assert len(answer.json()["handling"]["pictures"]) == 1
        assert Evidence.objects.get().merchant_id == complaint.merchant_id

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"method": "magic"}, "#/method"),
            ({"refund_amount": "128.01"}, "#/refund_amount"),
            ({"refund_amount": "-1"}, "#/refund_amount"),
            ({"refund_amount": "1.001"}, "#/refund_amount"),
            ({"refund_amount": None}, "#/refund_amount"),
            ({"refund_reference": ""}, "#/refund_reference"),
            ({"method": "not_liable", "refund_amount": None, "note": "No."}, "#/pictures"),
            ({"method": "not_liable", "refund_amount": None, "note": "", "pictures": [PICTURE]}, "#/note"),
            ({"method": "shipped", "refund_amount": None, "note": "Sent.", "pictures": [PICTURE]}, "#/tracking"),
            ({"pictures": [{"name": "x.png", "content": "AAAA"}]}, "#/pictures"),
            ({"root_cause": "the weather"}, "#/root_cause"),
        ],
    )
    def test_a_handling_that_lacks_something_changes_nothing(self, shop, complaint, pictures, wrong, pointer):
        before = everything()

        answer = shop.post(path_of(complaint, "handle"), REFUND | wrong, key="K-1")

        assert answer.status_code == 400, answer.content
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert everything() == before
        assert [path for path in pictures.rglob("*") if path.is_file()] == []

    @pytest.mark.parametrize(("given", "kept"), [({"root_cause": "delivery"}, "delivery"), ({}, "")])
    def test_the_root_cause_may_be_said(self, shop, complaint, given, kept):
        answer = shop.post(path_of(complaint, "handle"), REFUND | given)

        assert answer.json()["handling"]["root_cause"] == kept

    def test_a_complaint_is_handled_once(self, shop, complaint):
        handle_at("2026-11-20T03:00Z", complaint)
        before = everything()

        answer = shop.post(path_of(complaint, "handle"), REFUND)

        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")
        assert "handled" in answer.json()["detail"]
        assert everything() == before

    def test_status_and_points_and_moments_cannot_be_sent_with_a_handling(self, shop, complaint):
        more = {
            "status": "finished",
            "in_time": True,
            "handled_at": "2026-11-20T02:00:00Z",
            "evidence": [1],
            "points": 0,
        }
        with freeze_time("2026-11-25T00:00:00Z"):
            answer = shop.post(path_of(complaint, "handle"), REFUND | more)

        assert answer.json()["status"] == "handled"
        assert answer.json()["handling"]["handled_at"] == "2026-11-25T00:00:00Z"
        assert answer.json()["handling"]["in_time"] is False

    def test_a_message_is_not_handling(self, shop, platform, complaint):
        left = shop.post(path_of(complaint, "messages"), {"text": "We send it today."})
        answered = platform.post(path_of(complaint, "messages"), {"text": "Please do."})

        assert left.status_code == answered.status_code == 201
        assert (left.json()["role"], answered.json()["role"]) == ("merchant", "consumer")
        assert set(left.json()) == set(examples.MESSAGE_LEFT.value)
        assert shop.get(path_of(complaint)).json()["status"] == "pending"
        assert Deadline.objects.count() == 1

    @pytest.mark.parametrize("empty", [{}, {"text": " \n "}, {"text": "x" * 2001}, {"text": 7, "pictures": "x"}])
    def test_an_empty_or_endless_message_is_refused(self, shop, complaint, empty):
        assert shop.post(path_of(complaint, "messages"), empty).status_code == 400
        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        ("move", "status"),
        [("confirm", "finished"), ("contest", "in_review"), ("cancel", "cancelled"), ("close", "closed")],
    )
    def test_the_platform_moves_for_the_consumer(self, platform, complaint, move, status):
        handle_at("2026-11-20T03:00Z", complaint)

        answer = platform.post(path_of(complaint, move), MOVES[move])

        assert answer.status_code == 200
        assert answer.json()["status"] == status
        of_complaint = [line for line in answer.json()["history"] if line["noun"] == "complaint"]
        assert of_complaint[-1]["verb"] == move
        assert of_complaint[-1]["detail"] == MOVES[move]
        again = platform.post(path_of(complaint, move), MOVES[move])
        assert (again.status_code, again.json()["code"]) == (409, "illegal_move")

    @pytest.mark.parametrize("move", ["contest", "close"])
    def test_contesting_and_closing_need_a_reason(self, platform, complaint, move):
        handle_at("2026-11-20T03:00Z", complaint)
        before = everything()

        answer = platform.post(path_of(complaint, move), {"reason": " "})

        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == ["#/reason"]
        assert everything() == before

    def test_confirming_needs_no_body_at_all(self, platform, complaint):
        handle_at("2026-11-20T03:00Z", complaint)

        assert platform.post(path_of(complaint, "confirm"), b"", content_type="").status_code == 200
