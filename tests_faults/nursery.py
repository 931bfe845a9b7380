"""A program that raises processes to be killed: everything is imported once, and each one is a fork of it.

A line that it reads is a JSON list. `["raise", {…}]` makes a process in a group of its own and answers with its number;
`["bury", NUMBER]` waits for it to end and answers with how it ended. What is raised is a worker, a beat or a command,
given as its command line; it ends with this program at the latest.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

import django

PR_SET_PDEATHSIG = 1


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def begin(wanted: dict[str, Any]) -> int:
    """Fork; the child becomes what is wanted and never comes back."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    status = 1
    try:
        log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        from tests_faults import raised

        status = raised.live(wanted)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def end_all(children: list[int]) -> None:
    for child in children:
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


def main() -> None:
    django.setup()
    from tests_faults import raised  # noqa: F401 (imported before any fork)

    say("ready")
    children: list[int] = []
    try:
        for line in sys.stdin:
            order, given = json.loads(line)
            if order == "raise":
                children.append(begin(given))
                say(children[-1])
            else:
                _child, status = os.waitpid(given, 0)
                end_all([given])  # its own children, if it left any
                children.remove(given)
                say(os.waitstatus_to_exitcode(status))
    finally:
        end_all(children)


if __name__ == "__main__":
    main()
