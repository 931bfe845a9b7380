"""The description of the API: complete, true to what is answered, and readable in a browser without the network."""

import io
import json
import re
from functools import cache
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from complaints.tests.calling import COMPLAINTS, merchant_caller, platform_caller, sent
from complaints.tests.factories import make_program
from merchants.idempotency import HEADER


@cache
def description() -> dict[str, Any]:
    out = io.StringIO()
    with translation.override("en"):
        call_command("spectacular", "--validate", "--fail-on-warn", "--format=openapi-json", stdout=out)
    described: dict[str, Any] = json.loads(out.getvalue())
    return described


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def as_json_schema(schema: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as JSON Schema has it: what is nullable may be null."""
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: as_json_schema(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


@cache
def components() -> dict[str, Any]:
    described: dict[str, Any] = as_json_schema(description()["components"])
    return described


def validate(document: Any, schema: dict[str, Any]) -> None:
    """Check a document as it is sent against a schema of the description."""
    sent = json.loads(json.dumps(document))
    Draft202012Validator(as_json_schema(schema) | {"components": components()}).validate(sent)


def assert_true_to_description(document: Any, component: str) -> None:
    """Check a document against a component: nothing missing, nothing of another type, nothing undescribed."""
    validate(document, {"$ref": f"#/components/schemas/{component}"})
    assert set(document) <= set(description()["components"]["schemas"][component]["properties"])


def test_it_is_valid_and_was_made_without_a_warning():
    assert description()["openapi"].startswith("3.")
    assert "/api/v1/complaints/" in description()["paths"]
    assert "/api/v1/complaints/{complaint_no}/handle/" in description()["paths"]
    assert "/api/v1/refund-cases/{case_no}/refunds/" in description()["paths"]
    assert "/api/v1/guarantee/top-ups/{number}/" in description()["paths"]


def test_every_choice_has_a_name_that_says_whose_it_is():
    enums = [name for name in description()["components"]["schemas"] if name.endswith("Enum")]
    assert len(enums) >= 20
    assert not [name for name in enums if re.search(r"\d", name)], "a collision was resolved with a number"
    assert {"StatusEnum", "ChannelEnum", "KindEnum", "AllowedActionsEnum"}.isdisjoint(enums)


def test_every_operation_says_what_it_is_how_to_sign_in_and_how_it_refuses():
    assert len(operations()) >= 33
    for path, method, operation in operations():
        name = f"{method} {path}"
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["security"] == [{"apiKey": []}], name
        assert {"400", "401", "403", "404"} <= set(operation["responses"]), name
        assert "application/problem+json" in operation["responses"]["401"]["content"], name


def test_every_post_describes_the_idempotency_key_and_no_read_does():
    for path, method, operation in operations():
        described = HEADER in [parameter["name"] for parameter in operation.get("parameters", [])]
        assert described == (method == "post"), f"{method} {path}"


def test_filing_has_examples_of_both_sides():
    operation = description()["paths"]["/api/v1/complaints/"]["post"]

    assert operation["requestBody"]["content"]["application/json"]["examples"]
    assert operation["responses"]["201"]["content"]["application/json"]["examples"]


@pytest.mark.parametrize("tag", ["Pending refunds", "Guarantee plan", "Consultations"])
def test_each_side_has_an_example(tag):
    found = [(path, method, each) for path, method, each in operations() if each["tags"] == [tag]]
    assert len(found) >= 6
    for path, method, operation in found:
        answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        for body in (*answers, *([operation["requestBody"]] if "requestBody" in operation else [])):
            assert body["content"]["application/json"]["examples"], f"{method} {path}"


def test_every_example_is_true_to_what_it_is_an_example_of():
    checked = 0
    for _path, _method, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            for example in content.get("examples", {}).values():
                validate(example["value"], content["schema"])
                checked += 1
    assert checked >= 30


@pytest.mark.django_db
def test_answers_are_true_to_their_description():
    program = make_program()
    platform, shop = platform_caller(program.platform), merchant_caller(program.merchant)
    filed = platform.file(sent(program))
    path = filed["Location"]
    assert_true_to_description(filed.json(), "Filed")
    assert_true_to_description(platform.get(COMPLAINTS).json(), "Page")
    assert_true_to_description(shop.post(f"{path}messages/", {"text": "hello"}).json(), "MessageDocument")
    handling = {"method": "other_refund", "refund_amount": "1.00", "refund_reference": "R-1"}
    assert_true_to_description(shop.post(f"{path}handle/", handling).json(), "Case")
    assert_true_to_description(platform.get(path).json(), "Case")
    assert_true_to_description(platform.get("/api/v1/events/").json(), "Events")
    assert_true_to_description(platform.file({}).json(), "Problem")


class TestDocs:
    def test_the_description_is_served_as_yaml_and_as_json_to_everybody(self, db):
        assert yaml.safe_load(Client().get("/api/schema/").content)["openapi"]
        answer = Client().get("/api/schema/?format=json", headers={"Accept-Language": "en"})
        assert answer.json()["info"]["title"] == "Complaints portal"

    def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script_of_its_own_text(self, db):
        answer = Client().get("/api/docs/")
        policy = answer["Content-Security-Policy"]
        script = next(part for part in policy.split(";") if part.strip().startswith("script-src"))

        assert answer.status_code == 200
        assert script.strip() == "script-src 'self'"
        assert "http" not in policy
        assert "<script>" not in answer.content.decode()
        assert Client().get("/api/docs/?script=").status_code == 200

    def test_other_pages_keep_their_stricter_policy(self, db):
        policy = Client().get("/accounts/login/")["Content-Security-Policy"]

        assert "unsafe-inline" not in policy
