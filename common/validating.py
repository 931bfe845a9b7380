"""Validate what was sent with serializers that are made once: making one costs several times as much as using it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.utils.translation import get_language
from rest_framework.serializers import Serializer


def validated(serializer_class: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return what was sent as the serializer reads it. Raises the framework's `ValidationError`."""
    values: Mapping[str, Any] = _made(serializer_class, get_language()).run_validation(data)
    return dict(values)


@cache
def _made(serializer_class: type[Serializer[Any]], language: str | None) -> Serializer[Any]:
    """Return the one serializer of a class for a language. A refusal that was worded once keeps its language."""
    return serializer_class()
