"""Serializers that are made once: each request is judged for itself, in its own language."""

from typing import Any

import pytest
from django.utils import translation
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from common.validating import validated


class GivenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=3)
    tags = serializers.ListField(child=serializers.CharField(), default=list)


def refusal(language: str) -> str:
    with translation.override(language), pytest.raises(ValidationError) as refused:
        validated(GivenSerializer, {"name": "four"})
    return str(refused.value.detail)


def test_a_refusal_is_in_the_language_of_the_request_whichever_came_first():
    assert "no more than 3 characters" in refusal("en")
    assert "3" in refusal("zh-hans")
    assert refusal("zh-hans") != refusal("en")
    assert refusal("en") == refusal("en")


def test_nothing_of_one_request_is_left_for_the_next():
    first = validated(GivenSerializer, {"name": "one"})
    first["tags"].append("mine")
    refusal("en")
    assert validated(GivenSerializer, {"name": "two"}) == {"name": "two", "tags": []}
