"""Pieces of pages that depend on a few plain values alone, written once and kept in the memory of the process.

Such are a form's empty fields, a menu, a dialog that explains the keys. What a piece depends on is its key, whole: each
value with its type, and the language. What is no plain value (a row, a form, whoever asks) has no key, so a piece that
depends on it is written anew. Nothing here expires, for nothing can become untrue.
"""

import marshal
from collections.abc import Callable, Collection, Hashable, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.forms import BoundField, CheckboxInput, Field
from django.forms.renderers import TemplatesSetting
from django.forms.widgets import ChoiceWidget
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language

MOST = 500
"""So many pieces are kept in one place; then it begins anew."""
PLAIN = frozenset({str, SafeString, int, bool, Decimal, date, type(None)})


class NotPlain(TypeError):
    """A value that no piece may depend on if it is to be kept."""


def exact(value: Any) -> Hashable:
    """Return a key that is equal for equal plain values only, `1` and `True` and a safe text apart; else `NotPlain`.

    Values of Python's own plain types, also in lists and mappings, are written as bytes: the second form of `marshal`
    keeps the types apart, refuses what is of a class of its own, and writes equal values alike. A class may promise,
    with a method `as_shown`, that a page shows nothing of its objects but the plain values which that returns.
    """
    try:
        return marshal.dumps(value, 2)
    except ValueError:
        return _exact(value)


def _exact(value: Any) -> Hashable:
    kind = type(value)
    if kind in PLAIN or isinstance(value, Enum):
        return kind, value
    if kind is datetime:  # in its zone, by which it is written
        return kind, value.isoformat()
    if isinstance(value, Promise):
        return exact(str(value))
    if kind is dict:
        return kind, *[(name, exact(each)) for name, each in value.items()]
    if hasattr(kind, "as_shown"):
        value = value.as_shown(), None
    elif is_dataclass(kind):
        value = tuple([getattr(value, each.name) for each in fields(kind)]), None
    elif kind not in (list, tuple):
        raise NotPlain(f"What is kept cannot depend on {kind.__name__}.")
    return kind, *map(exact, value)


class Pieces:
    """What was written already, by what it depends on."""

    def __init__(self) -> None:
        self._written: dict[Hashable, SafeString] = {}

    def get(self, depends_on: Hashable, write: Callable[[], SafeString]) -> SafeString:
        """Return the piece in today's language, written now if it was not before."""
        key = get_language(), depends_on
        piece = self._written.get(key)
        if piece is None:
            piece = write()
            if len(self._written) >= MOST:
                self._written.clear()
            self._written[key] = piece
        return piece


_fields = Pieces()


class KeptField(BoundField):
    """A field of a form, kept as it is written while nothing is wrong with it and nobody typed anything into it."""

    def as_field_group(self) -> SafeString:
        return self._kept("group", super().as_field_group)

    def __str__(self) -> SafeString:
        return self._kept("widget", super().__str__)

    __html__ = __str__

    def _kept(self, part: str, write: Callable[[], SafeString]) -> SafeString:
        try:
            depends_on = part, self._depends_on()
        except NotPlain:
            return write()
        return _fields.get(depends_on, write)

    def _depends_on(self) -> Hashable:
        """Return all that the templates of a field ask for."""
        field: Any = self.field  # the stubs do not know of its template
        form, value = self.form, self.value()
        widget = field.widget
        is_typed = value and not isinstance(widget, ChoiceWidget | CheckboxInput)
        if is_typed or self.errors or field.show_hidden_initial:
            raise NotPlain
        asked = (
            *(value, self.html_name, self.auto_id, self.label, self.help_text, vars(widget)),
            *(field.required, field.disabled, field.localize, field.template_name, form.use_required_attribute),
        )
        return type(form), type(field), type(widget), exact(asked)


class SharedFields(dict[str, Field]):
    """The fields of a form that changes only some of them: the others are not copied for each form."""

    def __init__(self, fields: Mapping[str, Field], *, changed: Collection[str]) -> None:
        super().__init__(fields)
        self.changed = changed

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Field]:
        return {name: deepcopy(field, memo) if name in self.changed else field for name, field in self.items()}


class FormRenderer(TemplatesSetting):
    """Renders forms by the portal's templates, and keeps their fields."""

    bound_field_class = KeptField
