"""Tidy one cell: what spreadsheets do to money, moments, yes and no, and to numbers of 28 digits.

Only the writing is tidied; whether a value can be taken is the serializer's to say.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.numbers import BEIJING
from complaints.importing.columns import METHODS, NUMBERS, known_fields
from complaints.importing.recipes import BadCell

ROUNDED = re.compile(r"\d(\.\d+)?e\+?\d+", re.IGNORECASE)
KEPT_AS_TEXT = re.compile(r'="([^"]+)"|[\'`](.+)')
AMOUNT = re.compile(r"[¥￥]?\s*(-?\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?)\s*元?")
MOMENT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?)?"
)
YES_OR_NO = {"是": True, "有": True, "否": False, "无": False}


def clean(name: str, value: Any) -> Any:
    """Return a cell of this field, tidied. Raises `BadCell` when a spreadsheet has spoiled it."""
    if isinstance(value, str):
        value = value.strip()
    cleaner = _CLEANERS.get(name)
    return cleaner(value) if cleaner and value not in (None, "") else value


def _number(value: Any) -> Any:
    """Refuse what has been a number on the way: digits are lost, and nobody sees it.

    `="2026…"`, `'2026…` and a backtick before the digits are how tables keep a spreadsheet from rounding them.
    """
    if isinstance(value, str):
        kept = KEPT_AS_TEXT.fullmatch(value)
        value = kept[1] or kept[2] if kept else value
    if isinstance(value, float | Decimal) or (isinstance(value, str) and ROUNDED.fullmatch(value)):
        raise BadCell(
            _("A spreadsheet has made a rounded number of this. Format the column as text and enter it again.")
        )
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _money(value: Any) -> Any:
    """`¥1,234.50` and `1234.5元` are 1234.50. A number of a spreadsheet counts as it is shown, to fifteen digits."""
    if isinstance(value, float):
        return f"{Decimal(f'{value:.15g}'):f}"
    written = AMOUNT.fullmatch(value) if isinstance(value, str) else None
    return re.sub("[,，]", "", written[1]) if written else value


def _moment(value: Any) -> Any:
    """A moment without a zone is Beijing time; a day without a time is its first moment."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 (the zone is put on below)
    if isinstance(value, str) and (written := MOMENT.fullmatch(value)):
        try:
            value = datetime(*(int(part) for part in written.groups(default="0")))  # type: ignore[arg-type]  # noqa: DTZ001
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=BEIJING)
    return value


def _yes_or_no(value: Any) -> Any:
    return YES_OR_NO.get(value, value) if isinstance(value, str) else value


def _method(value: Any) -> Any:
    return METHODS.get(value, value) if isinstance(value, str) else value


def _cleaner_of(name: str, field: object) -> Callable[[Any], Any] | None:
    if name in NUMBERS:
        return _number
    match field:
        case serializers.DecimalField():
            return _money
        case serializers.DateTimeField():
            return _moment
        case serializers.BooleanField():
            return _yes_or_no
        case serializers.ChoiceField():
            return _method
    return None


_CLEANERS = {
    name: cleaner for name, field in known_fields().items() if (cleaner := _cleaner_of(name, field)) is not None
}
