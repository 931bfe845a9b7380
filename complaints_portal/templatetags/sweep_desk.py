"""What the pages of the sweep desk say of rows."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import template
from django.utils.text import capfirst

from common.wording import span_words
from complaints_portal.sweep_desk.words import KINDS, NUMBERS
from deadlines.models import FourEyes
from penalties.states import Kind

register = template.Library()


@register.filter
def in_words(span: timedelta) -> str:
    """A span of time: {{ line.lag|in_words }}."""
    return span_words(span)


@register.filter
def noun_of(made: FourEyes) -> str:
    """What an extension or an amnesty is called."""
    return capfirst(str(made._meta.verbose_name))  # noqa: SLF001 (Django's own API)


@register.filter
def kinds_of(made: Any) -> str:
    """The kinds that an extension or an amnesty is about."""
    labels: dict[str, Any] = {**KINDS, **dict(Kind.choices)}
    return ", ".join(str(labels.get(kind, kind)) for kind in made.kinds)


@register.filter
def name_of_number(name: str) -> str:
    """What a number of the policy is called; one that is no longer known keeps its name in the file."""
    return str(NUMBERS.get(name, name))


@register.filter
def number_of_policy(value: Any) -> str:
    """A number of the policy, or several; a dash for none."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {points}" for name, points in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return str(value)
