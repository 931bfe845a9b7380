"""Filing through the API: what is taken, and what is refused with a sentence and leaves nothing."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from PIL import Image
from pytest_django import Settings

from complaints import examples
from complaints.models import Complaint, HistoryLine
from complaints.tests.calling import COMPLAINTS, Caller, merchant_caller, platform_caller, sent
from complaints.tests.factories import make_merchant, make_platform, make_program, moment
from deadlines.models import Deadline
from evidence.models import Evidence
from evidence.tests.making import png, png_bomb
from merchants.models import IdempotentRequest, MiniProgram
from notifications.models import Event

pytestmark = pytest.mark.django_db

NOON = "2026-11-20T04:00:00Z"


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def platform(program: MiniProgram) -> Caller:
    return platform_caller(program.platform)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, settings: Settings) -> Path:
    """Where this test's pictures are kept."""
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"evidence": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    return tmp_path


@pytest.fixture
def at_noon() -> Iterator[None]:
    with freeze_time(NOON):
        yield


def picture(data: bytes, name: str = "chat.png") -> dict[str, str]:
    return {"name": name, "content": base64.b64encode(data).decode()}


def assert_nothing_was_done(pictures: Path) -> None:
    for model in (Complaint, Deadline, HistoryLine, Event, Evidence, IdempotentRequest):
        assert not model.objects.exists(), f"a refused request left a {model.__name__}"
    assert [path for path in pictures.rglob("*") if path.is_file()] == []


def problem_in(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.content)
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["detail"].endswith(".")
    return document


@pytest.mark.usefixtures("at_noon")
def test_a_complaint_is_filed_and_its_clock_runs_96_hours(platform, program):
    answer = platform.file(sent(program, upstream_id="U-1", consumer={"name": "Han", "phone": "138", "reference": "r"}))

    assert answer.status_code == 201
    document = answer.json()
    assert document["status"] == "pending"
    assert document["filed_at"] == "2026-11-20T04:00:00Z"
    assert document["handle_by"] == "2026-11-24T04:00:00Z"
    assert document["trade_amount"] == "128.00"
    assert document["allowed_actions"] == ["cancel", "close", "leave_message"]
    assert answer["Location"] == document["url"] == f"/api/v1/complaints/{document['complaint_no']}/"
    complaint = Complaint.objects.get()
    assert complaint.consumer_name == "Han"
    assert Deadline.objects.get().due_at == moment("2026-11-24T04:00Z")
    assert platform.get(answer["Location"]).json()["description"] == "Nothing came."


def test_filing_takes_three_statements(platform, program, django_assert_num_queries):
    # The key, the mini program, and together the complaint, its line, its clock and its event; in a transaction, whose
    # two are here a savepoint's.
    with django_assert_num_queries(5):
        assert platform.file(sent(program, upstream_id="U-1")).status_code == 201


def test_filing_again_leaves_no_second_line_clock_or_event(platform, program):
    first = platform.file(sent(program, upstream_id="U-1"))
    again = platform.file(sent(program, upstream_id="U-1"))

    assert (first.status_code, again.status_code) == (201, 200)
    assert without_link(first) == without_link(again)
    complaint = Complaint.objects.get()
    assert HistoryLine.objects.get().complaint_id == HistoryLine.objects.get().noun_id == complaint.pk
    assert Deadline.objects.get().subject_id == Deadline.objects.get().complaint_id == complaint.pk
    assert Event.objects.get().subject_id == complaint.pk


def test_the_same_app_id_at_two_platforms_is_each_ones_own(platform, program):
    other = make_program(program.app_id)
    foreign = platform_caller(other.platform)

    for caller, own in ((platform, program), (foreign, other), (platform, program)):
        number = caller.file(sent(own)).json()["complaint_no"]
        assert Complaint.objects.get(complaint_no=number).mini_program == own


@pytest.mark.usefixtures("at_noon")
def test_what_was_filed_elsewhere_earlier_started_its_clock_then(platform, program):
    answer = platform.file(sent(program, filed_at="2026-11-19T08:00:00+08:00"))

    assert answer.json()["filed_at"] == "2026-11-19T00:00:00Z"
    assert answer.json()["handle_by"] == "2026-11-23T00:00:00Z"
    assert answer.json()["received_at"] == "2026-11-20T04:00:00Z"


def without_link(answer):
    """Return a filed complaint without the consumer's link, which is signed anew each time."""
    return {name: value for name, value in answer.json().items() if name != "consumer_url"}


def test_the_same_upstream_id_twice_is_the_first_complaint_and_keeps_its_pictures_only(platform, program, pictures):
    first = platform.file(sent(program, upstream_id="U-1", pictures=[picture(png())]))
    second = platform.file(sent(program, upstream_id="U-1", description="again", pictures=[picture(png())] * 2))

    assert (first.status_code, second.status_code) == (201, 200)
    assert without_link(second) == without_link(first)
    assert second["Location"] == first["Location"]
    assert Complaint.objects.get().description == "Nothing came."
    assert Evidence.objects.count() == Complaint.objects.get().pictures.count() == 1
    assert len([path for path in pictures.rglob("*") if path.is_file()]) == 1


def test_the_same_upstream_id_of_another_platform_is_another_complaint(platform, program):
    other = make_program("2021001")
    first = platform.file(sent(program, upstream_id="U-1"))
    second = platform_caller(other.platform).file(sent(other, upstream_id="U-1"))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["complaint_no"] != second.json()["complaint_no"]


def test_pictures_are_kept_as_our_own_encoding_and_shown_to_the_key(platform, program):
    answer = platform.file(sent(program, pictures=[picture(png(), name="聊天记录.png")]))

    (shown,) = platform.get(answer["Location"]).json()["pictures"]
    assert shown["name"] == "聊天记录.png"
    assert shown["content_type"] == "image/png"
    stored = platform.get(shown["url"])
    assert stored["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(stored.getvalue())).size == (60, 40)


@pytest.mark.usefixtures("at_noon")
def test_the_example_of_the_documentation_is_taken(platform, program):
    example = examples.FILING.value | {"app_id": program.app_id}

    answer = platform.file(example)

    assert answer.status_code == 201
    assert set(answer.json()) == set(examples.FILED.value)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"app_id": "nobody"}, "#/app_id", "unknown_app_id"),
        ({"app_id": None}, "#/app_id", "null"),
        ({"trade_amount": "-0.01"}, "#/trade_amount", "min_value"),
        ({"trade_amount": "1.005"}, "#/trade_amount", "max_decimal_places"),
        ({"trade_amount": 1.005}, "#/trade_amount", "max_decimal_places"),
        ({"trade_amount": "NaN"}, "#/trade_amount", "invalid"),
        ({"trade_amount": "Infinity"}, "#/trade_amount", "invalid"),
        ({"trade_amount": "1e300"}, "#/trade_amount", "max_digits"),
        ({"trade_amount": True}, "#/trade_amount", "invalid"),
        ({"trade_amount": {"yuan": 1}}, "#/trade_amount", "invalid"),
        ({"requested_refund_amount": "-1"}, "#/requested_refund_amount", "min_value"),
        ({"requested_refund_amount": "128.01"}, "#/requested_refund_amount", "bad_input"),
        ({"filed_at": "2026-11-20T04:00:00.000001Z"}, "#/filed_at", "in_the_future"),
        ({"filed_at": "1969-12-31T23:59:59.999999Z"}, "#/filed_at", "too_long_ago"),
        ({"filed_at": "0001-01-01"}, "#/filed_at", "overflow"),
        ({"filed_at": "yesterday"}, "#/filed_at", "invalid"),
        ({"paid_at": "2027-01-01T00:00:00Z"}, "#/paid_at", "in_the_future"),
        ({"paid_at": "0001-01-01T00:00:00Z"}, "#/paid_at", "too_long_ago"),
        ({"paid_at": "0001-01-01T00:00:00"}, "#/paid_at", "overflow"),
        ({"description": ""}, "#/description", "blank"),
        ({"description": "\ud800"}, "#/description", "surrogate_characters_not_allowed"),
        ({"description": "x" * 20_001}, "#/description", "max_length"),
        ({"trade_no": ["T-1"]}, "#/trade_no", "invalid"),
        ({"consumer": {"phone": "1" * 33}}, "#/consumer/phone", "max_length"),
        ({"consumer": "Han"}, "#/consumer", "invalid"),
        ({"pictures": {"name": "x"}}, "#/pictures", "not_a_list"),
        ({"pictures": [{"name": "x.png"}]}, "#/pictures/0/content", "required"),
        ({"pictures": [{"name": "x.png", "content": 7}]}, "#/pictures/0/content", "invalid"),
        ({"pictures": [{"name": "x.png", "content": "?"}]}, "#/pictures", "picture_unreadable"),
        ({"pictures": [picture(b"<svg onload='alert(1)'/>")]}, "#/pictures", "picture_unreadable"),
        ({"pictures": [picture(png()), picture(png()[:60])]}, "#/pictures", "picture_unreadable"),
        ({"pictures": [picture(png_bomb(10_000, 5_000))]}, "#/pictures", "picture_too_many_pixels"),
        ({"pictures": [picture(bytes(5 * 1024 * 1024 + 1))]}, "#/pictures", "picture_too_large"),
        ({"pictures": [picture(png())] * 10}, "#/pictures", "too_many_pictures"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_bad_input_is_refused_with_a_sentence_and_nothing_remains(platform, program, pictures, wrong, pointer, code):
    answer = platform.file(sent(program) | wrong, key="K-1")

    problem = problem_in(answer, 400)
    (error,) = problem["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert error["detail"]
    assert_nothing_was_done(pictures)


def test_the_very_moment_of_now_is_not_in_the_future(platform, program):
    with freeze_time(NOON):
        assert platform.file(sent(program, filed_at=NOON, paid_at=NOON)).status_code == 201


def test_every_field_that_is_wrong_is_named_at_once(platform, program):
    problem = problem_in(platform.file({"trade_amount": "-1", "consumer": {"name": []}}), 400)

    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == [
        "#/app_id",
        "#/trade_no",
        "#/trade_amount",
        "#/dispute_type",
        "#/description",
        "#/consumer/name",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"app_id=1&trade_no=2",
        b'{"app_id": NaN}',
        b"\xff\xfe{}",
        "{'app_id': '\u4e2d'}".encode("gb18030"),
        b"[" * 100_000,
        b'{"trade_amount": ' + b"9" * 5000 + b"}",
    ],
    ids=["cut", "form", "nan", "utf-16", "gb18030", "deep", "digits"],
)
def test_a_body_that_is_not_json_is_refused_in_so_many_words(platform, pictures, body):
    problem = problem_in(platform.post(COMPLAINTS, body, key="K-1"), 400)

    assert problem["code"] == "not_json"
    assert problem["detail"].startswith("The body is not JSON")
    assert_nothing_was_done(pictures)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null"])
def test_json_that_is_not_an_object_is_refused(platform, pictures, body):
    problem = problem_in(platform.post(COMPLAINTS, body, key="K-1"), 400)

    assert problem["errors"]
    assert_nothing_was_done(pictures)


def test_a_mini_program_of_another_platform_is_refused_as_one_that_does_not_exist(platform, program, pictures):
    foreign = make_program("2021999")

    unknown = problem_in(platform.file(sent(program, app_id="2021998")), 400)
    other = problem_in(platform.file(sent(foreign)), 400)

    assert other["detail"].replace("2021999", "2021998") == unknown["detail"]
    assert other["code"] == unknown["code"] == "unknown_app_id"
    assert_nothing_was_done(pictures)


def test_a_key_of_another_platform_files_nothing_here(program, pictures):
    problem = problem_in(platform_caller(make_platform()).file(sent(program)), 400)

    assert problem["code"] == "unknown_app_id"
    assert_nothing_was_done(pictures)


def test_a_merchants_key_files_nothing_whatever_it_sends(program, pictures):
    caller = merchant_caller(program.merchant)

    assert problem_in(caller.file(sent(program), key="K-1"), 403)["code"] == "not_allowed"
    assert problem_in(caller.file({}), 403)["code"] == "not_allowed"
    assert_nothing_was_done(pictures)


def test_what_is_not_asked_for_is_not_taken(platform, program):
    merchant = make_merchant(platform=program.platform)
    more = {
        "status": "finished",
        "points": 0,
        "handle_by": "2030-01-01T00:00:00Z",
        "complaint_no": "1",
        "merchant_id": merchant.pk,
        "platform_id": 1,
        "is_history": True,
        "received_at": "2020-01-01T00:00:00Z",
        "ended_at": "2020-01-01T00:00:00Z",
        "handled": {"method": "other"},
    }

    with freeze_time(NOON):
        answer = platform.file(sent(program) | more)

    assert answer.status_code == 201
    complaint, clock = Complaint.objects.get(), Deadline.objects.get()
    assert complaint.status == "pending"
    assert complaint.merchant_id == program.merchant_id
    assert complaint.handle_by == clock.due_at == moment("2026-11-24T04:00Z")
    assert complaint.received_at == moment(NOON)
    assert clock.points == 1
    assert not complaint.is_history
    assert complaint.ended_at is None
    assert len(complaint.complaint_no) == 28


def test_control_characters_do_not_get_into_the_database(platform, program):
    answer = platform.file(sent(program, description="a\x00b\x1b[31mc\nd"))

    assert answer.status_code == 201
    assert Complaint.objects.get().description == "ab[31mc\nd"


def test_a_body_above_the_limit_is_refused_before_it_is_read(platform, program, pictures, monkeypatch):
    monkeypatch.setattr("complaints.api.ComplaintsView.body_limit", 1000)

    problem = problem_in(platform.file(sent(program, description="x" * 1000), key="K-1"), 413)

    assert problem["code"] == "too_large"
    assert_nothing_was_done(pictures)


class Endless(io.RawIOBase):
    """A body in chunks that never ends; it counts what was read of it."""

    given = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "somebody reads to the end of what has none"
        self.given += size
        return b"x" * size


def test_an_endless_body_in_chunks_is_refused_after_the_limit(platform, pictures, monkeypatch):
    monkeypatch.setattr("complaints.api.ComplaintsView.body_limit", 1000)
    body = Endless()

    problem = problem_in(platform.post(COMPLAINTS, b"", **chunked(body)), 413)

    assert problem["code"] == "too_large"
    assert body.given <= 1001
    assert_nothing_was_done(pictures)


def test_a_body_in_chunks_is_read(platform, program):
    body = io.BytesIO(json.dumps(sent(program)).encode())

    assert platform.post(COMPLAINTS, b"", key="K-1", **chunked(body)).status_code == 201


def test_chunks_that_the_server_cannot_read_are_refused(platform, pictures):
    answer = platform.post(COMPLAINTS, b"", **(chunked(io.BytesIO(b"{}")) | {"wsgi.input_terminated": False}))

    assert problem_in(answer, 411)["code"] == "length_required"
    assert_nothing_was_done(pictures)


def chunked(body: Any) -> dict[str, Any]:
    """Return what a server that reads chunks, such as gunicorn, puts into the environment."""
    return {
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": "application/json",
    }


def test_another_content_type_is_refused(platform, program, pictures):
    answer = platform.post(COMPLAINTS, json.dumps(sent(program)).encode(), content_type="text/plain")

    assert problem_in(answer, 415)["code"] == "unsupported_media_type"
    assert_nothing_was_done(pictures)


def test_a_post_without_the_slash_at_the_end_files_nothing_and_is_not_redirected(platform, program, pictures):
    answer = platform.post(COMPLAINTS.rstrip("/"), sent(program))

    assert "slash" in problem_in(answer, 404)["detail"]
    assert_nothing_was_done(pictures)
