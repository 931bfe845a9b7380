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


def main() -> None:
    """Find the services that run for the same DATA_DIR, or start them for the length of this command; then run it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (only now it may read the settings)

    with ExitStack() as stack:
        if needs_services(sys.argv):
            use_services(stack)
        execute_from_command_line(sys.argv)


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
