"""Mapping files: each verb, and the sentence for each thing that can be wrong in one."""

import tomllib
from typing import Any

import pytest
from django.utils.translation import override

from complaints.importing import mapping_files
from complaints.importing.columns import ALIASES, field_of, known_fields
from complaints.importing.recipes import BadCell, BadMapping, read_recipe
from complaints.importing.rows import UnusableFile
from complaints.tests.factories import moment


def made(recipe: str, **values: Any) -> Any:
    return read_recipe("here", tomllib.loads(f"a = {recipe}")["a"])(values)


@pytest.mark.parametrize(
    ("recipe", "value"),
    [
        ('"B"', "two"),
        ('{ column = "B" }', "two"),
        ('{ first = ["Empty", "Nowhere", "B"] }', "two"),
        ('{ first = ["Empty", { constant = "none" }] }', "none"),
        ('{ join = ["A", "Empty", "B"], with = " / " }', "one / two"),
        ('{ constant = "0.00" }', "0.00"),
        ('{ column = "B", values = { "two" = 2 } }', 2),
        ('{ column = "B", values = { "t*" = "begins with t", "two" = "exactly" } }', "exactly"),
        ('{ column = "A", values = { "o*" = "begins with o" } }', "begins with o"),
        ('{ column = "A", is = ["one", "yes"] }', True),
        ('{ column = "B", is = ["one", "yes"] }', False),
        ('{ column = "Day", date = "%d.%m.%Y", zone = "Asia/Shanghai" }', moment("2026-11-20T00:00+08:00")),
        ('{ column = "Day", date = "%d.%m.%Y", hours_later = { constant = 97 } }', moment("2026-11-24T01:00Z")),
    ],
)
def test_a_recipe_makes_its_value(recipe, value):
    assert made(recipe, A="one", B="two", Empty=" ", Day="20.11.2026") == value


def test_a_digest_is_the_same_for_the_same_columns_and_another_for_others():
    recipe = '{ digest = ["A", "B"], prefix = "x-" }'
    assert made(recipe, A="one", B="two") == "x-356f2b18f3315a6d"
    assert made(recipe, A="one", B="two") == made(recipe, B="two", A="one")
    assert made(recipe, A="onet", B="wo") != made(recipe, A="one", B="two")


@pytest.mark.parametrize("recipe", ['{ column = "A", values = { "two" = 2 } }', '{ column = "A", date = "%Y-%m-%d" }'])
def test_a_cell_that_the_mapping_does_not_know_is_bad(recipe):
    with pytest.raises(BadCell, match="one"):
        made(recipe, A="one")


@pytest.mark.parametrize(
    "recipe",
    [
        "1",
        "{}",
        '{ column = "A", constant = 1 }',
        '{ columm = "A" }',
        '{ column = "A", zone = "Mars" , date = "%Y" }',
        "{ first = [] }",
    ],
)
def test_a_recipe_that_cannot_be_read_is_refused(recipe):
    with pytest.raises(BadMapping, match="here"):
        made(recipe)


def test_a_mapping_says_what_it_lacks_or_does_not_know():
    whole = {name: {"constant": "x"} for name in ("app_id", "trade_no", "trade_amount", "dispute_type", "description")}
    assert mapping_files.read({"fields": whole}).columns() == []
    documents: list[tuple[dict[str, Any], str]] = [
        ({"fields": {}}, "app_id, trade_no"),
        ({"fields": whole, "mail": {}}, "mail"),
        ({"fields": whole | {"colour": "A"}}, "colour"),
        ({"fields": whole, "handled": {"method": "A"}}, "needs `method` and `at`"),
        ({"fields": whole, "merchant": {"name": "A"}}, "mini_program"),
        ({"fields": whole, "platform": {"code": "a"}}, "`code` and `name`"),
    ]
    for document, sentence in documents:
        with pytest.raises(BadMapping) as refusal, override("en"):
            mapping_files.read(document)
        with override("en"):
            assert sentence in str(refusal.value)


def test_a_mapping_that_is_not_there_is_refused_with_those_that_ship():
    with pytest.raises(BadMapping, match="cfpb"):
        mapping_files.load("nowhere")


def test_a_file_that_lacks_a_column_of_the_mapping_is_refused_with_its_name():
    with pytest.raises(UnusableFile, match="Complaint ID"):
        mapping_files.load("cfpb").check(["Company", "Product"])


def test_every_field_has_names_that_merchants_use_and_no_two_share_one():
    assert ALIASES.keys() == known_fields().keys()
    for field, aliases in ALIASES.items():
        assert {field_of(alias) for alias in (field, field.upper(), *aliases)} == {field}
    assert field_of("交易金额（元）") == field_of(" 交易金额 (元)") == "trade_amount"
