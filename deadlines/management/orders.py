"""What the commands of ops read from a command line. A wrong order ends with a sentence and exit status 2."""

import getpass
import os
from collections.abc import Sequence
from datetime import date, datetime

from django.core.management.base import CommandError

from merchants.management.portal_command import USAGE

YEARS = range(1970, 9000)


def moment_of(option: str, text: str) -> datetime:
    """Read a moment with its offset. Refuses anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{option} {text!r} is not a moment in ISO 8601, such as 2026-11-24T02:00:00Z.", returncode=USAGE
        ) from error
    if moment.tzinfo is None:
        raise CommandError(
            f"{option} {text!r} needs its offset, such as 2026-11-24T02:00:00Z or 2026-11-24T10:00:00+08:00.",
            returncode=USAGE,
        )
    if moment.year not in YEARS:
        raise CommandError(
            f"{option} {text!r} must lie between the years {YEARS.start} and {YEARS.stop - 1}.", returncode=USAGE
        )
    return moment


def day_of(option: str, text: str) -> date:
    """Read a day. Refuses anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option} {text!r} is not a day, such as 2026-11-24.", returncode=USAGE) from error
    if day.year not in YEARS:
        raise CommandError(
            f"{option} {text!r} must lie between the years {YEARS.start} and {YEARS.stop - 1}.", returncode=USAGE
        )
    return day


def whole_number(option: str, text: str, within: range) -> int:
    """Read a whole number of a range. Refuses anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) in within):
        raise CommandError(
            f"{option} {text!r} must be a whole number from {within.start} to {within.stop - 1}.", returncode=USAGE
        )
    return int(text)


def kinds_of(named: Sequence[str], known: Sequence[str], what: str = "sweep") -> list[str]:
    """Return the named kinds, each once and in their own order; all when none is named. Refuses an unknown one."""
    unknown = [kind for kind in named if kind not in known]
    if unknown:
        raise CommandError(
            f"No {what} exists for {', '.join(map(repr, unknown))}; the kinds are {', '.join(known)}.", returncode=USAGE
        )
    return [kind for kind in known if kind in named or not named]


def who() -> str:
    """Return the name of the person at the keyboard, or the number when the machine knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
