"""Refusals as problem details: shape, language, and what they never tell."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions, serializers

from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from common.problems import BadHeader, TryLater, bad_request, page_not_found, pointer, problem_of, server_error

INSIDES = ("Traceback", "RuntimeError", "secret inside", ".py", "SELECT")


class LineSerializer(serializers.Serializer[Any]):
    amount = serializers.IntegerField()


class OrderSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    lines = LineSerializer(many=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=3))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        raise serializers.ValidationError("It does not go together.", code="apart")


def errors_of(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(exceptions.ValidationError) as refusal:
        OrderSerializer(data=data).is_valid(raise_exception=True)
    problem = problem_of(refusal.value)
    assert problem is not None
    return [(error["pointer"], error["code"]) for error in problem.as_document()["errors"]]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadInput("No."), 400, "bad_input"),
        (NotAllowed("No."), 403, "not_allowed"),
        (IllegalMove("No."), 409, "illegal_move"),
        (Conflict("No.", code="own"), 409, "own"),
        (Http404("No Complaint matches the given query."), 404, "not_found"),
        (exceptions.NotFound(), 404, "not_found"),
        (PermissionDenied(), 403, "not_allowed"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=7), 429, "throttled"),
        (exceptions.ParseError(), 400, "parse_error"),
    ],
)
def test_each_kind_of_refusal_has_its_status_and_code(error, status, code):
    problem = problem_of(error)

    assert problem is not None
    document = problem.as_document()
    assert list(document)[:5] == ["type", "title", "status", "code", "detail"]
    assert (document["status"], document["code"], document["type"]) == (status, code, "about:blank")
    assert document["title"]
    assert document["detail"]
    assert "Complaint" not in document["detail"]


def test_what_is_no_refusal_is_no_problem_document():
    assert problem_of(RuntimeError("secret inside")) is None


def test_who_should_come_back_is_told_when():
    for error in (exceptions.Throttled(wait=7), TryLater("Later.")):
        problem = problem_of(error)
        assert problem is not None
        assert int(problem.headers["Retry-After"]) > 0


def test_a_field_is_named_where_it_stands():
    in_body, in_query = (
        problem_of(BadInput("No.", field="lines.0")),
        problem_of(BadInput("No.", field="a"), is_read=True),
    )
    in_header = problem_of(BadHeader("No.", field="X-Key"))

    assert in_body
    assert in_query
    assert in_header
    assert in_body.errors[0]["pointer"] == "#/lines/0"
    assert in_query.errors[0]["parameter"] == "a"
    assert in_header.errors[0]["header"] == "X-Key"


def test_errors_of_serializers_point_to_the_innermost_part():
    assert errors_of({"name": None, "lines": [{"amount": 1}, {"amount": "x"}], "tags": ["ok", "long"]}) == [
        ("#/name", "null"),
        ("#/lines/1/amount", "invalid"),
        ("#/tags/1", "max_length"),
    ]
    assert errors_of({"name": "a", "lines": 7, "tags": []}) == [("#/lines", "not_a_list")]
    assert errors_of([]) == [("#", "invalid")]
    assert errors_of({"name": "a", "lines": [], "tags": []}) == [("#", "apart")]


def test_a_pointer_escapes_what_has_a_meaning():
    assert pointer("a/b", "c~d", 0) == "#/a~1b/c~0d/0"
    assert pointer() == "#"


@pytest.mark.parametrize(
    ("accepted", "sentence"),
    [
        ("en", "This field is required."),
        ("zh-CN,zh;q=0.9", "该字段是必填项。"),
        ("", "该字段是必填项。"),
        ("fr", "该字段是必填项。"),
    ],
)
@pytest.mark.django_db
def test_sentences_come_in_the_language_that_is_accepted_and_codes_do_not_change(accepted, sentence, platform_caller):
    answer = platform_caller.post("/api/v1/complaints/", {}, headers={"Accept-Language": accepted})

    assert answer.json()["errors"][0]["detail"] == sentence
    assert answer.json()["errors"][0]["code"] == "required"


@pytest.fixture
def platform_caller(db: None) -> Any:
    from complaints.tests.calling import platform_caller
    from complaints.tests.factories import make_platform

    return platform_caller(make_platform())


@pytest.mark.django_db
class TestOverHttp:
    def test_an_address_that_does_not_exist(self):
        for path in ("/api/", "/api/v1/nothing/", "/api/v2/complaints/", "/api/v1/complaints"):
            answer = Client().post(path, "{}", content_type="application/json")
            assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json"), path

    def test_a_method_that_is_not_allowed_names_those_that_are(self, platform_caller):
        answer = platform_caller.client.put(
            "/api/v1/complaints/", headers={"Authorization": f"Bearer {platform_caller.text}"}
        )

        assert answer.status_code == 405
        assert answer.json()["code"] == "method_not_allowed"
        assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"

    def test_a_caller_who_accepts_no_json_is_told_in_json(self, platform_caller):
        answer = platform_caller.get("/api/v1/complaints/", headers={"Accept": "text/csv"})

        assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")

    def test_a_fault_of_ours_tells_a_number_and_nothing_of_our_insides(self, platform_caller, monkeypatch):
        def fail(*args: Any) -> None:
            raise RuntimeError("secret inside")

        monkeypatch.setattr("merchants.api.keyset_page", fail)

        answer = platform_caller.get("/api/v1/complaints/")

        assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
        document = answer.json()
        assert document["code"] == "server_error"
        assert len(document["request_id"]) == 36
        assert not any(each in answer.content.decode() for each in INSIDES)


class TestHandlers:
    """What Django calls outside the API's views."""

    def test_api_addresses_get_problems(self):
        request = RequestFactory().get("/api/v1/anything/")
        answers = [
            server_error(request),
            page_not_found(request, Http404("secret inside")),
            bad_request(request, ValueError("secret inside")),
        ]

        assert [answer.status_code for answer in answers] == [500, 404, 400]
        for answer in answers:
            assert answer["Content-Type"] == "application/problem+json"
            assert json.loads(answer.content)["status"] == answer.status_code
            assert not any(each in answer.content.decode() for each in INSIDES)

    def test_pages_get_pages(self):
        request = RequestFactory().get("/complaints/")

        assert server_error(request)["Content-Type"].startswith("text/html")
