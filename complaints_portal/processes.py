"""Programs that outlive the one that started them: whose are they, and how are they stopped.

A process number may be given to a stranger at any time. So a process is never stopped by its number alone: first a
handle on it is opened (Linux's pidfd), then it is looked at, then the signal goes through that handle.
"""

import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Steps = Sequence[tuple[signal.Signals, float]]  # signals, each with the patience in seconds that follows it
GENTLY: Steps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


def find(pid_file: Path, is_ours: Callable[[int], bool]) -> int | None:
    """Return the process that a pid file names, if it is alive and ours."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if is_ours(pid) else None


def works_in(directory: Path, programs: tuple[str, ...]) -> Callable[[int], bool]:
    """Say of a process whether it is one of the programs at work in `directory`; servers work in that of their data."""

    def check(pid: int) -> bool:
        try:
            program = Path(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")).name
            return program in programs and os.readlink(f"/proc/{pid}/cwd") == str(directory.resolve())
        except OSError:  # gone, a zombie, or somebody else's
            return False

    return check


def has_in_environment(*entries: str) -> Callable[[int], bool]:
    """Say of a process whether it was started with all the entries ("NAME=value") in its environment."""
    wanted = {entry.encode() for entry in entries}

    def check(pid: int) -> bool:
        try:
            return wanted <= set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
        except OSError:
            return False

    return check


def all_that(is_ours: Callable[[int], bool]) -> Iterator[int]:
    """Go through the processes of this machine for which the check holds, without this one."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and is_ours(int(name)):
            yield int(name)


def stop(pid: int, is_ours: Callable[[int], bool], steps: Steps = GENTLY) -> bool:
    """Send the signals one after another until the process is gone.

    Return False when it is still there, True when it is gone or was never ours.
    """
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        if not is_ours(pid):
            return True
        for step, patience in steps:
            try:
                signal.pidfd_send_signal(handle, step)
            except ProcessLookupError:
                return True
            if select.select([handle], [], [], patience)[0]:
                return True
        return False
    finally:
        os.close(handle)
