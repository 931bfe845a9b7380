#!/usr/bin/env python
"""Run a management command, with the embedded services when no others are set."""

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
NEED_NO_SERVICES = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "sandbox",
    "spectacular",
    "startapp",
    "translations",
    "version",
}

NO_ANSWER = ("08", "28", "3D", "533", "57P")
"""PostgreSQL's codes for: no connection, a wrong password, no such database, too many connections, going up or down."""
LACKING = ("42P01", "42703")
"""A table, or a column, that is not there."""


def main() -> None:
    """Find the services that run for the same DATA_DIR, or start them for the length of this command; then run it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")
    with ExitStack() as stack:
        if needs_services(sys.argv):
            use_services(stack)
        run(sys.argv)


def run(argv: list[str]) -> None:
    """Run the command; a database that is away or lacks a table ends it with a sentence, not with a stack trace."""
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (only now it may read the settings)
    from django.db import InterfaceError, OperationalError, ProgrammingError  # noqa: PLC0415 (as above)

    try:
        execute_from_command_line(argv)
    except (InterfaceError, OperationalError, ProgrammingError) as error:
        lacks = isinstance(error, ProgrammingError)
        code = getattr(error.__cause__, "pgcode", None) or ("" if lacks else NO_ANSWER[0])
        if "--traceback" in argv or not code.startswith(LACKING if lacks else NO_ANSWER):
            raise
        reason = str(error).strip().partition("\n")[0]
        what = (
            f"The database lacks something: {reason}. Run manage.py migrate, and"
            if lacks
            else (f"The database does not answer: {reason}. Start PostgreSQL, or mend DATABASE_URL, and")
        )
        sys.exit(f"manage.py: {what} try again. manage.py doctor says more.")


def needs_services(argv: list[str]) -> bool:
    """Say whether a command line works with the database or the queue."""
    return len(argv) > 1 and argv[1] not in NEED_NO_SERVICES and not {"-h", "--help", "--version"} & set(argv)


def use_services(stack: ExitStack) -> None:
    """Bring the services, or end with a sentence that says what to do."""
    from complaints_portal import embedded, sandboxed  # noqa: PLC0415 (only when it is needed)

    data_dir = embedded.data_dir_of(BASE_DIR)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # leave by the door, so that they are stopped
    try:
        services = stack.enter_context(embedded.ensure(data_dir))
    except (embedded.CannotStart, OSError) as reason:
        sys.exit(f"manage.py: {reason}")
    embedded.put_in_environment(services)
    os.environ.update(sandboxed.find(data_dir))


if __name__ == "__main__":
    main()
