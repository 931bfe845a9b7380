"""Many complaints in one request: what is filed, what is listed, what is refused as a whole."""

import json
from typing import Any

import pytest

from complaints import bulk_api
from complaints.models import Complaint
from complaints.tests.calling import Caller, merchant_caller, platform_caller, sent
from complaints.tests.factories import make_platform, make_program
from merchants.models import MiniProgram

pytestmark = pytest.mark.django_db

BULK = "/api/v1/complaints/bulk/"
FILED_AT = "2026-01-05T02:00:00Z"


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021000000000001")


@pytest.fixture
def caller(program: MiniProgram) -> Caller:
    return platform_caller(program.platform)


def rows(program: MiniProgram, count: int, **fields: Any) -> list[dict[str, Any]]:
    """Return good rows, each with an upstream id of its own."""
    return [sent(program, upstream_id=f"U{number}", filed_at=FILED_AT, **fields) for number in range(count)]


def counts(response: Any) -> tuple[int, int, int]:
    """New, known, bad."""
    assert response.status_code == 200, response.content
    answer = response.json()
    assert answer["rows"] == answer["new"] + answer["known"] + answer["bad"]
    return answer["new"], answer["known"], answer["bad"]


def lines(documents: list[Any]) -> bytes:
    return "\n".join(json.dumps(each) for each in documents).encode()


def csv_of(documents: list[dict[str, Any]]) -> bytes:
    table = [list(documents[0]), *(list(each.values()) for each in documents)]
    return "".join(",".join(str(cell) for cell in line) + "\n" for line in table).encode()


def test_an_array_is_filed_and_sent_again_is_known(caller, program):
    assert counts(caller.post(BULK, rows(program, 3))) == (3, 0, 0)
    assert counts(caller.post(BULK, {"complaints": rows(program, 4)})) == (1, 3, 0)
    assert Complaint.objects.count() == 4


def test_json_lines_and_csv_are_taken_too(caller, program):
    body = lines(rows(program, 2))
    assert counts(caller.post(BULK, body, content_type="application/x-ndjson")) == (2, 0, 0)
    body = csv_of(rows(program, 3))
    assert counts(caller.post(BULK, body, content_type="text/csv; charset=utf-8")) == (1, 2, 0)


def test_csv_may_be_gb18030_whether_it_says_so_or_not(caller, program):
    table = csv_of(rows(program, 1, demand="退款，商家一直没有发货")).decode()
    assert counts(caller.post(BULK, table.encode("gb18030"), content_type="text/csv")) == (1, 0, 0)
    table = table.replace("U0", "U1")
    assert counts(caller.post(BULK, table.encode("gb18030"), content_type="text/csv; charset=gb18030")) == (1, 0, 0)
    assert set(Complaint.objects.values_list("demand", flat=True)) == {"退款，商家一直没有发货"}


def test_bad_rows_are_listed_as_problems_and_hold_nobody_up(caller, program):
    bad = [
        sent(program, trade_amount="-1"),
        sent(program, app_id="nowhere"),
        sent(program, consumer={"phone": "1" * 40}),
    ]
    response = caller.post(BULK, [*rows(program, 1), *bad, sent(program, trade_no="T-9")])
    assert counts(response) == (2, 0, 3)
    problems = response.json()["problems"]
    assert [problem["line"] for problem in problems] == [2, 3, 4]
    assert [problem["errors"][0]["pointer"] for problem in problems] == [
        "#/trade_amount",
        "#/app_id",
        "#/consumer/phone",
    ]
    assert problems[1]["errors"][0]["code"] == "unknown_app_id"
    assert all(problem["status"] == 400 and problem["detail"] for problem in problems)


def test_half_a_sign_and_a_moment_that_there_never_was_hold_nobody_up(caller, program):
    bad = [
        sent(program, handling_method="\ud800"),
        sent(program, paid_at="0001-01-01T00:00:00"),
        sent(program, filed_at="0001-01-01T00:00:00Z"),
        sent(program, filed_at="1969-12-31 23:59:59"),
    ]
    response = caller.post(BULK, json.dumps([*bad, *rows(program, 1, **{"colour\ud800": "red"})]).encode())
    assert counts(response) == (1, 0, 4)
    assert response.json()["unused_fields"] == ["colour\ud800"]
    codes = [problem["errors"][0]["code"] for problem in response.json()["problems"]]
    assert codes == ["invalid_choice", "overflow", "too_long_ago", "too_long_ago"]


def test_a_line_that_is_not_json_is_one_bad_row(caller, program):
    body = b"{oops\n" + lines(rows(program, 1))
    response = caller.post(BULK, body, content_type="application/x-ndjson")
    assert counts(response) == (1, 0, 1)
    assert response.json()["problems"][0]["code"] == "unreadable"


def test_fields_that_nobody_knows_are_named(caller, program):
    response = caller.post(BULK, rows(program, 1, colour="red"))
    assert response.json()["unused_fields"] == ["colour"]


def test_an_app_id_of_another_platform_does_not_exist(program):
    stranger = platform_caller(make_platform("other"))
    assert counts(stranger.post(BULK, rows(program, 1))) == (0, 0, 1)
    assert not Complaint.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b" ", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'[{"app_id": 1}, ', "application/json", 400),
        (b"\xff\xfe[", "application/json", 400),
        (b"\n", "text/csv", 400),
        (b"name,age\nLi,3\n", "text/csv", 400),
        (b"app_id\n", "text/csv; charset=klingon", 400),
        (b"<a/>", "application/xml", 415),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(caller, body, content_type, status):
    response = caller.post(BULK, body, content_type=content_type)
    assert response.status_code == status
    assert response.json()["detail"]
    assert response.headers["Content-Type"] == "application/problem+json"


def test_broken_json_files_nothing_although_good_rows_stand_before_the_break(caller, program):
    body = json.dumps(rows(program, 3)).encode()[:-1] + b", {"
    response = caller.post(BULK, body)
    assert (response.status_code, response.json()["code"]) == (400, "not_json")
    assert not Complaint.objects.exists()


def test_too_many_rows_are_refused_before_one_is_filed(caller, program, monkeypatch):
    monkeypatch.setattr(bulk_api, "ROW_LIMIT", 3)
    assert counts(caller.post(BULK, rows(program, 3))) == (3, 0, 0)
    response = caller.post(BULK, rows(program, 4, trade_no="T-new"))
    assert response.status_code == 413
    assert "at most 3" in response.json()["detail"]
    assert Complaint.objects.count() == 3


def test_a_body_above_the_limit_is_refused(caller, program, monkeypatch):
    monkeypatch.setattr(bulk_api, "BODY_LIMIT", 1024 * 1024)
    body = json.dumps(rows(program, 1)).encode() + b" " * 1024 * 1024
    assert caller.post(BULK, body).status_code == 413
    assert not Complaint.objects.exists()


def test_only_platform_keys_may_file(program):
    assert merchant_caller(program.merchant).post(BULK, rows(program, 1)).status_code == 403
    assert Caller("cpk_0_0").post(BULK, rows(program, 1)).status_code == 401
    assert not Complaint.objects.exists()


def test_the_same_idempotency_key_gives_the_first_answer_again(caller, program):
    assert counts(caller.post(BULK, rows(program, 2), key="one")) == (2, 0, 0)
    again = caller.post(BULK, rows(program, 2), key="one")
    assert counts(again) == (2, 0, 0)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert caller.post(BULK, rows(program, 3), key="one").status_code == 422
    assert Complaint.objects.count() == 2


def test_rows_without_an_upstream_id_are_filed_once(caller, program):
    documents = [sent(program, trade_no="T-1"), sent(program, trade_no="T-2")]
    assert counts(caller.post(BULK, documents)) == (2, 0, 0)
    assert counts(caller.post(BULK, list(reversed(documents)))) == (0, 2, 0)
