"""What lists of the API have in common: narrowed by parameters, a page by its cursor, and the way to its neighbours."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from common.keyset import PAGE_SIZE

Row = TypeVar("Row", bound=Model)


class PageWantedSerializer(serializers.Serializer[dict[str, Any]]):
    """Which page of a list is wanted."""

    page_size = serializers.IntegerField(min_value=1, max_value=100, default=PAGE_SIZE)
    cursor = serializers.CharField(
        max_length=500, required=False, default="", help_text=_("Given by “next” and “previous” of a page.")
    )


class NeighboursSerializer(serializers.Serializer[Any]):
    """Where the pages beside one are; a list adds its `results`."""

    next = serializers.CharField(allow_null=True, help_text=_("The address of the page after this one."))
    previous = serializers.CharField(allow_null=True, help_text=_("The address of the page before this one."))


def narrowed(rows: QuerySet[Row], wanted: Mapping[str, Any], names: Mapping[str, str]) -> QuerySet[Row]:
    """Return those rows that a list asks for; `names` says by which look-up a parameter narrows. Empty ones do not."""
    return rows.filter(**looked_up(wanted, names))


def looked_up(wanted: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the look-ups by which a list is narrowed; several values of one parameter are a list, in one order."""
    found = {names[name]: value for name, value in wanted.items() if name in names and value}
    return {name: sorted(value) if isinstance(value, set) else value for name, value in found.items()}


def page_address(request: Request, cursor: str | None) -> str | None:
    """Return the address of another page of the same list."""
    if cursor is None:
        return None
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    return f"{request.path}?{parameters.urlencode()}"
