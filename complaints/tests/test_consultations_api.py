"""Consultations through the API: who sees what, who may do what, and that a refusal changes nothing."""

import base64
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from pytest_django import DjangoAssertNumQueries, Settings

from complaints.consultations import services
from complaints.models import Complaint, Consultation, ConsultationLine
from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.consumers import actor_of, answer_at, asked_at
from complaints.tests.factories import file_at, make_merchant, make_platform, make_program, moment
from complaints_portal.tests.test_openapi import assert_true_to_description
from deadlines.models import Deadline
from evidence.models import Evidence
from evidence.tests.making import png
from merchants.models import Grant, MiniProgram
from notifications.models import Event

pytestmark = pytest.mark.django_db

CONSULTATIONS = "/api/v1/consultations/"
ASKED = "2026-11-20T02:00Z"
NOON = "2026-11-20T04:00:00Z"
PICTURE = {"name": "parcel.png", "content": base64.b64encode(png()).decode()}
COMPLAINT = {
    "trade_no": "T-1",
    "trade_amount": "128.00",
    "dispute_type": "not delivered",
    "description": "Nothing came.",
}
MOVES: dict[str, dict[str, Any]] = {
    "reply": {"text": "Tomorrow."},
    "messages": {"text": "And now?"},
    "close": {},
    "complain": COMPLAINT,
}


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def platform(program) -> Caller:
    return platform_caller(program.platform)


@pytest.fixture
def shop(program) -> Caller:
    return merchant_caller(program.merchant)


@pytest.fixture
def asked(program) -> Consultation:
    return asked_at(ASKED, program, consumer_name="Han Meimei", consumer_phone="13800001234", trade_no="T-0")


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, settings: Settings) -> Path:
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"evidence": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    return tmp_path


@pytest.fixture(autouse=True)
def _at_noon():
    with freeze_time(NOON):
        yield


def path_of(consultation: Consultation, move: str = "") -> str:
    return f"{CONSULTATIONS}{consultation.consultation_no}/" + (f"{move}/" if move else "")


def everything() -> dict[str, list[Any]]:
    """All rows that a request could change."""
    models = (Consultation, ConsultationLine, Complaint, Deadline, Event, Evidence)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["detail"].endswith(".")
    return problem


# Asking


def test_a_question_with_a_picture_is_asked(platform, program):
    question = {
        "app_id": program.app_id,
        "text": "When will it be sent?",
        "trade_no": "T-0",
        "consumer": {"name": "Han Meimei", "phone": "13800001234", "reference": "2088"},
        "upstream_id": "ask-1",
        "pictures": [PICTURE],
    }
    answer = platform.post(CONSULTATIONS, question)
    consultation = Consultation.objects.get()
    assert answer.status_code == 201
    assert answer["Location"] == path_of(consultation)
    document = answer.json()
    assert_true_to_description(document, "Consultation")
    assert document == {
        "consultation_no": consultation.consultation_no,
        "url": path_of(consultation),
        "status": "open",
        "allowed_actions": ["ask", "close", "complain"],
        "app_id": program.app_id,
        "upstream_id": "ask-1",
        "trade_no": "T-0",
        "asked_at": NOON,
        "waiting_since": NOON,
        "answered_at": None,
        "closed_at": None,
        "complaint_no": None,
    }
    assert (consultation.consumer_name, consultation.consumer_reference) == ("Han Meimei", "2088")
    assert consultation.pictures.count() == 1


def test_the_same_upstream_id_twice_is_the_same_consultation(platform, program):
    question = {"app_id": program.app_id, "text": "When?", "upstream_id": "ask-1", "pictures": [PICTURE]}
    first = platform.post(CONSULTATIONS, question)
    before = everything()
    again = platform.post(CONSULTATIONS, question | {"text": "Another?"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert everything() == before


def test_an_idempotency_key_asks_once(platform, program):
    question = {"app_id": program.app_id, "text": "When?"}
    first = platform.post(CONSULTATIONS, question, key="k-1")
    again = platform.post(CONSULTATIONS, question, key="k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert Consultation.objects.count() == 1
    refused(platform.post(CONSULTATIONS, question | {"text": "Other?"}, key="k-1"), 422)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"app_id": "nobody's"}, "app_id"),
        ({"text": " "}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"pictures": [{"name": "x.png", "content": "bm90aGluZw=="}]}, "pictures"),
        ({"pictures": [PICTURE] * 40}, "pictures"),
        ({"upstream_id": "u" * 65}, "upstream_id"),
        ({"consumer": {"name": "x" * 101}}, "consumer"),
    ],
)
def test_a_question_that_cannot_be_asked_leaves_nothing(platform, program, change, field):
    before = everything()
    problem = refused(platform.post(CONSULTATIONS, {"app_id": program.app_id, "text": "When?", **change}), 400)
    assert field in str(problem)
    assert everything() == before


def test_only_the_platform_asks(shop, program):
    refused(shop.post(CONSULTATIONS, {"app_id": program.app_id, "text": "When?"}), 403)
    foreign = platform_caller(make_platform())
    refused(foreign.post(CONSULTATIONS, {"app_id": program.app_id, "text": "When?"}), 400)
    assert not Consultation.objects.exists()


# Looking


def test_everything_that_was_said_is_shown_to_both_sides(platform, shop, asked):
    shop.post(path_of(asked, "reply"), {"text": "Tomorrow.", "pictures": [PICTURE]})
    platform.post(path_of(asked, "messages"), {"text": "By whom?"})
    for caller, actions in ((platform, ["ask", "close", "complain"]), (shop, ["reply", "close"])):
        document = caller.get(path_of(asked)).json()
        assert_true_to_description(document, "WholeConsultation")
        assert document["allowed_actions"] == actions
        assert document["consumer"]["phone"] == "13800001234"
        assert [(line["verb"], line["role"], line["by"], line["text"]) for line in document["lines"]] == [
            ("reply", "merchant", "shop backend", "Tomorrow."),
            ("ask", "consumer", "intake", "By whom?"),
        ]
        (picture,) = document["lines"][0]["pictures"]
        assert caller.get(picture["url"]).getvalue().startswith(b"\x89PNG")


def test_the_list_is_newest_first_narrowed_and_paged(platform, shop, program):
    made = [asked_at(f"2026-11-20T0{hour}:00Z", program) for hour in range(4)]
    other = asked_at("2026-11-20T03:30Z", make_program(merchant=make_merchant(platform=program.platform)))
    answer_at("2026-11-20T03:45Z", made[1])
    newest_first = [each.consultation_no for each in (made[3], made[2], made[1], made[0])]

    def numbers(caller: Caller, query: str = "") -> list[str]:
        answer = caller.get(CONSULTATIONS + query)
        assert answer.status_code == 200, answer.content
        assert_true_to_description(answer.json(), "ConsultationPage")
        return [row["consultation_no"] for row in answer.json()["results"]]

    assert numbers(shop) == newest_first
    assert numbers(platform) == [other.consultation_no, *newest_first]
    assert numbers(shop, "?status=answered") == [made[1].consultation_no]
    assert numbers(shop, "?status=answered&status=closed") == [made[1].consultation_no]
    assert numbers(platform, f"?app_id={other.mini_program.app_id}") == [other.consultation_no]
    moments = "?asked_after=2026-11-20T01:00:00Z&asked_before=2026-11-20T03:00:00Z"
    assert numbers(shop, moments) == newest_first[1:3]
    first = shop.get(CONSULTATIONS + "?page_size=3").json()
    second = shop.get(first["next"]).json()
    assert [row["consultation_no"] for row in first["results"] + second["results"]] == newest_first
    refused(shop.get(CONSULTATIONS + "?cursor=nonsense"), 400)
    refused(shop.get(CONSULTATIONS + "?status=nothing"), 400)


@pytest.mark.parametrize("move", ["", *MOVES])
def test_what_belongs_to_others_does_not_exist(asked, program, move):
    neighbour = merchant_caller(make_merchant(platform=program.platform))
    before = everything()
    for caller in (neighbour, platform_caller(make_platform())):
        refused(caller.post(path_of(asked, move), MOVES[move]) if move else caller.get(path_of(asked)), 404)
    assert everything() == before


@pytest.mark.parametrize("move", ["", *MOVES])
def test_a_key_that_may_not_look_is_told_which_grant_it_lacks(asked, program, move):
    blind = merchant_caller(program.merchant, Grant.HANDLE)
    problem = refused(blind.post(path_of(asked, move), MOVES[move]) if move else blind.get(path_of(asked)), 403)
    assert "view" in problem["detail"]


def test_lists_and_cases_take_a_fixed_number_of_queries(
    shop, program, asked, django_assert_max_num_queries: DjangoAssertNumQueries
):
    for number in range(12):
        answer_at(ASKED, asked, f"{number}")
        asked_at(ASKED, program)
    with django_assert_max_num_queries(3):
        assert len(shop.get(CONSULTATIONS).json()["results"]) == 13
    with django_assert_max_num_queries(7):
        assert len(shop.get(path_of(asked)).json()["lines"]) == 12


# Moves


def test_the_merchant_replies_the_consumer_asks_again_and_the_platform_closes(platform, shop, asked):
    assert shop.post(path_of(asked, "reply"), {"text": "Tomorrow."}).json()["status"] == "answered"
    again = platform.post(path_of(asked, "messages"), {"pictures": [PICTURE]}).json()
    assert (again["status"], again["waiting_since"], again["answered_at"]) == ("open", NOON, NOON)
    closed = platform.post(path_of(asked, "close"))
    assert closed.status_code == 200
    assert (closed.json()["status"], closed.json()["closed_at"], closed.json()["allowed_actions"]) == (
        "closed",
        NOON,
        [],
    )


def test_it_becomes_a_complaint_of_the_same_consumer(platform, asked):
    answer = platform.post(path_of(asked, "complain"), COMPLAINT | {"consumer": {"phone": "13900009999"}})
    complaint = Complaint.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "complaint_no": complaint.complaint_no,
        "url": f"/api/v1/complaints/{complaint.complaint_no}/",
    }
    assert answer["Location"] == answer.json()["url"]
    assert_true_to_description(answer.json(), "Became")
    assert (complaint.consumer_name, complaint.consumer_phone) == ("Han Meimei", "13900009999")
    assert (complaint.filed_at, complaint.handle_by) == (moment(NOON), moment("2026-11-24T04:00Z"))
    assert platform.get(path_of(asked)).json()["complaint_no"] == complaint.complaint_no


def test_a_moment_of_filing_and_another_program_are_not_taken(platform, asked):
    other = make_program(merchant=asked.merchant)
    given = COMPLAINT | {"app_id": other.app_id, "filed_at": "2026-11-01T00:00:00Z"}
    assert platform.post(path_of(asked, "complain"), given).status_code == 201
    complaint = Complaint.objects.get()
    assert (complaint.filed_at, complaint.mini_program) == (moment(NOON), asked.mini_program)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"trade_amount": "-1"}, "trade_amount"),
        ({"trade_no": ""}, "trade_no"),
        ({"requested_refund_amount": "999.00"}, "requested_refund_amount"),
        ({"paid_at": "2027-01-01T00:00:00Z"}, "paid_at"),
        ({"upstream_id": "up-1"}, "upstream_id"),
    ],
)
def test_a_complaint_that_cannot_be_filed_leaves_the_question_open(platform, program, asked, change, field):
    file_at(ASKED, program, upstream_id="up-1")
    before = everything()
    problem = refused(platform.post(path_of(asked, "complain"), COMPLAINT | change), 400)
    assert field in str(problem)
    assert everything() == before


@pytest.mark.parametrize("move", MOVES)
def test_once_it_is_closed_each_move_is_a_conflict(platform, shop, asked, move):
    services.close(asked.pk, actor=actor_of(asked), now=moment(NOON))
    before = everything()
    caller = shop if move == "reply" else platform
    given = MOVES[move] | ({"pictures": [PICTURE]} if move in ("reply", "messages") else {})
    refused(caller.post(path_of(asked, move), given), 409)
    assert everything() == before


@pytest.mark.parametrize("move", MOVES)
def test_the_wrong_side_is_refused(platform, program, asked, move):
    viewer = merchant_caller(program.merchant, Grant.VIEW)
    before = everything()
    given = MOVES[move] | ({"pictures": [PICTURE]} if move in ("reply", "messages") else {})
    for caller in (viewer, platform) if move == "reply" else (viewer,):
        refused(caller.post(path_of(asked, move), given), 403)
    assert everything() == before


@pytest.mark.parametrize("move", ["reply", "messages"])
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "text"),
        ({"text": " "}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"pictures": [{"name": "x"}]}, "pictures"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused(platform, shop, asked, move, given, field):
    before = everything()
    problem = refused((shop if move == "reply" else platform).post(path_of(asked, move), given), 400)
    assert field in str(problem)
    assert everything() == before


def test_a_repeated_reply_is_sent_once(shop, asked):
    for _time in range(2):
        assert shop.post(path_of(asked, "reply"), {"text": "Tomorrow."}, key="r-1").status_code == 200
    assert asked.lines.count() == 1


def test_each_move_through_the_api_is_an_event(platform, shop, asked):
    shop.post(path_of(asked, "reply"), {"text": "Tomorrow."})
    platform.post(path_of(asked, "messages"), {"text": "When?"})
    platform.post(path_of(asked, "complain"), COMPLAINT)
    events = Event.objects.filter(name__startswith="consultation.", merchant=asked.merchant).order_by("pk")
    assert [(each.name, each.payload["status"]) for each in events] == [
        ("consultation.asked", "open"),
        ("consultation.replied", "answered"),
        ("consultation.asked_again", "open"),
        ("consultation.became_complaint", "closed"),
    ]
    assert {each.payload["consultation_no"] for each in events} == {asked.consultation_no}
