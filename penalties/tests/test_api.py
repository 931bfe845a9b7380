"""Penalties through the API: who sees what, and what a list is narrowed to."""

from typing import Any

import pytest
from freezegun import freeze_time

from appeals.tests.cases import ISSUED, TICK_LATER, WINDOW_ENDS, appealed, penalised
from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.factories import STAFF, file_at, make_platform, make_program, moment
from complaints_portal.tests.test_openapi import assert_true_to_description
from deadlines.sweeping import run_sweep
from merchants.models import Grant, MiniProgram
from penalties.models import Penalty
from penalties.services import lock, revoke_locked

pytestmark = pytest.mark.django_db

PENALTIES = "/api/v1/penalties/"


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def penalty(program: MiniProgram) -> Penalty:
    return penalised(program)


@pytest.fixture
def shop(program: MiniProgram) -> Caller:
    return merchant_caller(program.merchant)


def path_of(penalty: Penalty) -> str:
    return f"{PENALTIES}{penalty.penalty_no}/"


def numbers(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["penalty_no"] for row in answer.json()["results"]]


def test_a_merchant_sees_its_own_and_a_platform_those_of_its_merchants(program, penalty, shop):
    other = penalised(make_program(merchant=make_program().merchant))
    assert numbers(shop.get(PENALTIES)) == [penalty.penalty_no]
    assert numbers(platform_caller(program.platform).get(PENALTIES)) == [penalty.penalty_no]
    assert numbers(platform_caller(make_platform()).get(PENALTIES)) == []
    assert shop.get(path_of(other)).status_code == 404
    assert platform_caller(other.merchant.platform).get(path_of(penalty)).status_code == 404


def test_a_key_without_the_grant_to_see_is_refused(program, penalty):
    blind = merchant_caller(program.merchant, Grant.APPEAL)
    for path in (PENALTIES, path_of(penalty)):
        answer = blind.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_one_penalty_comes_with_its_rule_and_its_case_and_without_the_names_of_staff(penalty, shop):
    revoke_locked(lock(penalty.pk), reason="Our fault.", actor=STAFF, now=moment("2026-03-11T00:00Z"))
    answer = shop.get(path_of(penalty))
    document = answer.json()
    assert_true_to_description(document, "PenaltyCase")
    assert document["rule"] == {"hours": 96, "points": 1, "appeal_window_hours": 168}
    assert (document["missed_at"], document["issued_at"]) == ("2026-03-10T01:00:00Z", "2026-03-10T01:30:00Z")
    assert (document["appeal_by"], document["revoked_reason"]) == ("2026-03-17T01:30:00Z", "Our fault.")
    assert [(line["noun"], line["verb"]) for line in document["history"]] == [
        ("complaint", "file"),
        ("penalty", "issue"),
        ("complaint", "handle"),
        ("refund", "record"),
        ("penalty", "revoke"),
    ]
    assert STAFF.name not in answer.content.decode()


@pytest.mark.parametrize(("at", "is_open"), [(WINDOW_ENDS, True), (TICK_LATER, False)])
def test_the_window_is_open_at_its_very_end_and_no_longer(penalty, shop, at, is_open):
    with freeze_time(at):
        assert shop.get(path_of(penalty)).json()["window_is_open"] is is_open
        assert bool(numbers(shop.get(f"{PENALTIES}?window_open=true"))) is is_open
        assert bool(numbers(shop.get(f"{PENALTIES}?window_open=false"))) is not is_open


def test_a_list_is_narrowed(program, penalty, shop):
    other = make_program("2021002", merchant=program.merchant)
    second = penalised(other)
    appealed(second)
    both = {penalty.penalty_no, second.penalty_no}
    for query, expected in {
        "": both,
        "status=in_effect": {penalty.penalty_no},
        "status=under_appeal&status=in_effect": both,
        "kind=refund_overdue": set(),
        "app_id=2021002": {second.penalty_no},
        f"complaint_no={penalty.complaint.complaint_no}": {penalty.penalty_no},
        "issued_after=2026-03-10T01:30:00Z": both,
        "issued_before=2026-03-10T01:30:00Z": set(),
    }.items():
        assert set(numbers(shop.get(f"{PENALTIES}?{query}"))) == expected, query


@pytest.mark.parametrize("query", ["status=gone", "kind=x", "issued_after=yesterday", "window_open=maybe", "cursor=x"])
def test_a_bad_parameter_is_named(shop, query):
    answer = shop.get(f"{PENALTIES}?{query}")
    assert answer.status_code == 400
    places = answer.json()["errors"]
    assert [place["parameter"].split("/")[0] for place in places] == [query.split("=")[0]]


def test_following_next_gives_each_once_the_newest_first_with_as_many_queries(program, shop):
    for minute in range(5):
        file_at(f"2026-03-06T09:0{minute}+08:00", program)
        run_sweep("handle", cut_off=moment(ISSUED), issued_at=moment(f"2026-03-10T09:3{minute}+08:00"), ran_by="test")
    seen: list[str] = []
    address: str | None = f"{PENALTIES}?page_size=2"
    while address:
        answer = shop.get(address)
        assert_true_to_description(answer.json(), "PenaltyPage")
        seen += numbers(answer)
        address = answer.json()["next"]
    newest_first = Penalty.objects.order_by("-issued_at", "-pk").values_list("penalty_no", flat=True)
    assert seen == list(newest_first)
