"""Read settings from the environment without stopping at the first bad one.

A variable that cannot be read is noted with a sentence, and its default stands in for it; the system checks report all
the notes at once, and nothing starts while there is one.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import environ

DATABASE_SCHEMES = ("postgres", "postgresql", "psql", "pgsql")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one variable, as a sentence, and what to do about it."""

    variable: str
    sentence: str
    hint: str = ""


class Environment(environ.FileAwareEnv):  # type: ignore[misc]  # django-environ has no types
    """The environment, with secrets also from the files that `NAME_FILE` variables name."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[Problem] = []

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """Return the value of a variable; its default when it is empty, or cannot be read, which is noted."""
        try:
            text = self.ENVIRON.get(var, "").strip()  # a file usually ends with a line break
            return _READERS.get(cast, str)(text) if text else default
        except OSError as error:
            self.note(var, f"{var}_FILE names a file that cannot be read ({error.strerror}): {error.filename}.")
        except ValueError:
            self.note(var, f"{var} must be {_KINDS[cast]}, not {text!r}.")
        return default

    def choice(self, var: str, choices: tuple[str, ...], *, default: str) -> str:
        """Return one of `choices`; any other value is noted, and the default taken."""
        value: str = self.str(var, default=default)
        if value in choices:
            return value
        self.note(var, f"{var} must be one of {', '.join(choices)}, not {value!r}.")
        return default

    def database(self, var: str, *, default: str) -> dict[str, Any]:
        """Return the database that a `postgres://` address names; another kind of database is noted."""
        try:
            address: str = self.str(var, default=default)
            scheme = address.partition(":")[0].lower()
            if scheme not in DATABASE_SCHEMES:
                raise ValueError(scheme)
            return with_host(dict(self.db_url_config(address)))
        except ValueError:
            self.note(
                var,
                f"{var} must be the address of a PostgreSQL database, the only kind that the portal runs on.",
                "Write postgres://user:password@host:5432/name.",
            )
        return with_host(dict(self.db_url_config(default)))

    def mail(self, var: str, *, default: str) -> dict[str, Any]:
        """Return Django's mail settings from an address such as `smtp+tls://user:password@host:587`."""
        address: str = self.str(var, default=default)
        try:
            return dict(self.email_url_config(address))
        except (ValueError, KeyError, environ.ImproperlyConfigured):
            self.note(var, f"{var} must be the address of a mail server.", "Write smtp+tls://user:password@host:587.")
        return dict(self.email_url_config(default))

    def note(self, var: str, sentence: str, hint: str = "") -> None:
        """Note what is wrong with a variable."""
        self.problems.append(Problem(var, sentence, hint or f"Set {var}; .env.example says how."))


def is_set(var: str) -> bool:
    """Say whether a variable, or the file variable beside it, is set at all."""
    return bool(os.environ.get(var) or os.environ.get(f"{var}_FILE"))


def _truth(text: str) -> bool:
    truth = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    if text.lower() not in truth:
        raise ValueError(text)
    return truth[text.lower()]


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


_READERS: dict[Any, Callable[[str], Any]] = {int: int, bool: _truth, list: _list}
_KINDS: dict[Any, str] = {int: "a whole number", bool: "true or false"}


def with_host(database: dict[str, Any]) -> dict[str, Any]:
    """Put the directory of a socket, `?host=…` in the address, where `manage.py dbshell` looks for it too."""
    options = dict(database.get("OPTIONS", {}))
    host = options.pop("host", "")
    return database | {"OPTIONS": options, "HOST": host or database.get("HOST", "")}
