"""Addresses of pages by their names, each looked up once: to reverse one takes longer than to write most of a page."""

from functools import lru_cache
from typing import Any

from django.urls import NoReverseMatch, reverse

MARK = "918273645"
"""Stands for the number that an address names."""


def address(name: str, *args: Any) -> str:
    """Return the address of a page, which may name one thing: a number of a complaint or of a row.

    As `reverse`, also in what it refuses.
    """
    if not args:
        return _alone(name)
    if len(args) == 1 and type(args[0]) in (int, str):
        written, pattern = str(args[0]), _pattern(name)
        if pattern and written.isascii() and written.isdigit():
            return pattern.replace(MARK, written)
    return reverse(name, args=args)


@lru_cache(maxsize=500)
def _alone(name: str) -> str:
    return reverse(name)


@lru_cache(maxsize=500)
def _pattern(name: str) -> str:
    """Return the address of a page about `MARK`; nothing where that cannot be what it is about."""
    try:
        found = reverse(name, args=[MARK])
    except NoReverseMatch:
        return ""
    return found if found.count(MARK) == 1 else ""
