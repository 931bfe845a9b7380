"""Walks the whole URL configuration: every address with its name, and what stands in for its parts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern


@dataclass(frozen=True, slots=True)
class Door:
    """One address: its full name, as `admin:index` or `complaints:detail`, and the patterns that make its path.

    One that has no name of its own is called by its path.
    """

    name: str
    parts: tuple[RoutePattern | RegexPattern, ...]

    def address(self, values: Mapping[str, str]) -> str:
        """Fill in the path from `values`: parts of routes by their names, a whole regular expression by its first."""
        return "/" + "".join(
            _instead(part, values) if isinstance(part, RegexPattern) else _filled(str(part), values)
            for part in self.parts
        )

    @property
    def model(self) -> tuple[str, str] | None:
        """The app and the model that a page of admin is about, or None."""
        if str(self.parts[0]) != "admin/" or len(self.parts) < 3:
            return None
        app, model, _end = str(self.parts[1]).split("/")
        return app, model


def doors() -> Iterator[Door]:
    """Yield every address of the portal, in the order in which they are tried."""
    yield from _below(get_resolver(), (), ())


def _below(resolver: URLResolver, spaces: tuple[str, ...], parts: tuple[Any, ...]) -> Iterator[Door]:
    for entry in resolver.url_patterns:
        below = (*parts, entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _below(entry, (*spaces, entry.namespace) if entry.namespace else spaces, below)
        elif isinstance(entry, URLPattern):
            path = "/" + "".join(str(part) for part in below)
            yield Door(":".join((*spaces, entry.name)) if entry.name else path, below)


def _instead(part: RegexPattern, values: Mapping[str, str]) -> str:
    names = list(part.regex.groupindex)
    return values[names[0] if names else "anything"]


def _filled(route: str, values: Mapping[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], route)
