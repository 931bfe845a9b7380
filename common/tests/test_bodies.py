"""What the API writes: the same JSON that the framework would write."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import translation
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from common.actors import ActorKind
from common.bodies import JsonRenderer

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inside: st.lists(inside) | st.dictionaries(TEXTS, inside),
)


@given(PLAIN)
def test_any_content_is_written_as_the_framework_writes_it(content: Any) -> None:
    assert json.loads(JsonRenderer().render({"it": content})) == json.loads(JSONRenderer().render({"it": content}))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 2, 10, 4, 0, tzinfo=UTC), '"2026-02-10T04:00:00Z"'),
        (date(2026, 2, 10), '"2026-02-10"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ("没有收到货 <b>", '"没有收到货 <b>"'),
        ((1, None, True), "[1,null,true]"),
        ({ActorKind.STAFF: 1, 7: 2}, '{"staff":1,"7":2}'),
    ],
)
def test_what_json_has_no_form_for_has_the_form_that_the_framework_gives_it(value: Any, written: str) -> None:
    assert JsonRenderer().render(value) == written.encode()
    assert JSONRenderer().render(value) == written.encode()


def test_an_amount_is_never_written_as_a_fraction_of_twos() -> None:
    assert JsonRenderer().render({"amount": Decimal("128.10")}) == b'{"amount":"128.10"}'


def test_a_lazy_text_is_written_in_the_language_of_whoever_asks() -> None:
    words = gettext_lazy("handled late")
    with translation.override("zh-hans"):
        chinese = json.loads(JsonRenderer().render([words]))
    with translation.override("en"):
        english = json.loads(JsonRenderer().render([words]))
    assert english == ["handled late"] != chinese


def test_half_a_sign_of_utf_16_is_written_as_it_was_sent() -> None:
    assert JsonRenderer().render({"colour\ud800": Decimal("1.10")}) == rb'{"colour\ud800":"1.10"}'


def test_an_answer_without_content_is_empty_and_an_object_of_ours_is_an_error() -> None:
    assert JsonRenderer().render(None) == b""
    with pytest.raises(TypeError):
        JsonRenderer().render(object())
