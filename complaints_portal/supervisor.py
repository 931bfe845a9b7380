"""Programs that run together in the foreground: their lines are shown with their names, and they stop together."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, TextIO, cast

from complaints_portal import processes

# In the environment of every child and its children: whose they are, also after the launcher or the child was killed.
MARK = "COMPLAINTS_PORTAL_RUN"
PROGRAM_MARK = "COMPLAINTS_PORTAL_PROGRAM"
COLOURS = {"portal": 1, "setup": 35, "web": 32, "worker": 36, "beat": 33, "sandbox": 34}
RESTARTS = 5  # of one program within RESTART_WINDOW seconds; one more death stops everything
RESTART_WINDOW = 60.0
# Celery lets a task end after SIGTERM and gives it back to the queue after SIGQUIT; a sweep may be killed at any time.
STOPPING = ((signal.SIGTERM, 4.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 1.0))


class GaveUp(Exception):
    """A program has died too often; the message is a sentence."""


class Console:
    """Where the lines go; coloured on a terminal only."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        """Write to a stream, which must outlive this object."""
        self.stream = stream
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ

    def show(self, name: str, text: str) -> None:
        """Show each line of a text behind the name of the program that says it."""
        prefix = f"{name:<7}|"
        if self.coloured:
            prefix = f"\033[{COLOURS.get(name, 0)}m{prefix}\033[0m"
        for line in text.splitlines():
            print(prefix, line, file=self.stream)
        self.stream.flush()


class Deaths:
    """Who died when, and how often is too often."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.times: dict[str, deque[float]] = {}

    def add(self, name: str, ending: str) -> None:
        """Note that a program died just now; raise `GaveUp` when it did so too often."""
        times = self.times.setdefault(name, deque(maxlen=RESTARTS + 1))
        times.append(time.monotonic())
        if len(times) > RESTARTS and times[-1] - times[0] < RESTART_WINDOW:
            raise GaveUp(
                f"{name} {ending}, for the {RESTARTS + 1}th time in a minute; its last lines say why. "
                "Mend that and start again."
            )


def start(name: str, command: list[str], data_dir: Path) -> subprocess.Popen[bytes]:
    """Start a child that the kernel stops (SIGTERM) when this process is killed, and that can be found afterwards."""
    return subprocess.Popen(
        ["/usr/bin/setpriv", "--pdeathsig", "TERM", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, MARK: str(data_dir), PROGRAM_MARK: name, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # Ctrl-C reaches the launcher alone, which stops the others in order
    )


class Child:
    """One program while it runs, and its words."""

    def __init__(self, name: str, command: list[str], data_dir: Path) -> None:
        """Start the program."""
        self.name = name
        self.command = command
        self.process = start(name, command, data_dir)
        self.pipe = cast(IO[bytes], self.process.stdout)
        os.set_blocking(self.pipe.fileno(), False)
        self.unfinished_line = b""

    @property
    def runs(self) -> bool:
        """Say whether it is alive."""
        return self.process.poll() is None

    @property
    def ending(self) -> str:
        """Say in words how it ended."""
        status = self.process.returncode
        return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def read_lines(self) -> list[str] | None:
        """Return what it has said since the last time, whole lines only; None when it will say nothing more."""
        data = self.pipe.read(65536)
        if data == b"":
            return None
        *lines, self.unfinished_line = (self.unfinished_line + (data or b"")).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def last_words(self) -> list[str]:
        """Return what is left to say of a program that has ended, also a line that it did not end."""
        lines = self.read_lines() or []
        lines.append(self.unfinished_line.decode(errors="replace"))
        self.pipe.close()
        return lines


class Supervisor:
    """Runs the programs of one DATA_DIR until it is interrupted or one of them dies too often."""

    def __init__(self, data_dir: Path, console: Console) -> None:
        """Begin without programs."""
        self.data_dir = data_dir
        self.console = console
        self.deaths = Deaths()
        self.children: list[Child] = []
        self.pipes = selectors.DefaultSelector()

    def run(self, commands: dict[str, list[str]], every_round: Callable[[], None]) -> None:
        """Start the programs and look after them for ever; `every_round` is called a few times a second.

        Ends with an exception only: `KeyboardInterrupt` from the outside, `GaveUp` when a program died too often.
        The caller then calls `stop`.
        """
        for name, command in commands.items():
            self._start(name, command)
        while True:
            self._show_lines(0.2)
            for child in [child for child in self.children if not child.runs]:
                self._replace(child)
            every_round()

    def _start(self, name: str, command: list[str]) -> None:
        child = Child(name, command, self.data_dir)
        self.children.append(child)
        self.pipes.register(child.pipe, selectors.EVENT_READ, child)

    def _replace(self, child: Child) -> None:
        """Start a program again that has died, unless it did so too often."""
        self._say_farewell(child)
        stop_left_behind(self.data_dir, program=child.name)  # gunicorn's workers would keep the port
        self.deaths.add(child.name, child.ending)
        self.console.show("portal", f"{child.name} {child.ending}; it is started again.")
        self._start(child.name, child.command)

    def _show_lines(self, patience: float) -> None:
        for key, _ in self.pipes.select(patience):
            self._read(key.data)

    def _read(self, child: Child) -> None:
        lines = child.read_lines()
        if lines is None:
            self.pipes.unregister(child.pipe)
        for line in lines or []:
            self.console.show(child.name, line)

    def _say_farewell(self, child: Child) -> None:
        """Show the last words of a program that has ended, and forget it."""
        self.children.remove(child)
        if child.pipe in self.pipes.get_map():
            self.pipes.unregister(child.pipe)
        for line in child.last_words():
            self.console.show(child.name, line)

    def stop(self) -> None:
        """Stop the programs within seven seconds; what they leave behind is killed."""
        for step, patience in STOPPING:
            end = time.monotonic() + patience
            for child in self.children:
                if child.runs:
                    child.process.send_signal(step)
            while any(child.runs for child in self.children) and time.monotonic() < end:
                self._show_lines(0.1)
        for child in [child for child in self.children if not child.runs]:
            self._say_farewell(child)
        stop_left_behind(self.data_dir, steps=((signal.SIGKILL, 1.0),))
        self.pipes.close()


def stop_left_behind(data_dir: Path, *, program: str = "", steps: processes.Steps = processes.GENTLY) -> int:
    """Stop what the programs of a DATA_DIR, or one of them, left behind when they were killed; return how many."""
    marks = [f"{MARK}={data_dir}"] + ([f"{PROGRAM_MARK}={program}"] if program else [])
    ours = processes.has_in_environment(*marks)
    found = list(processes.all_that(ours))
    for pid in found:
        processes.stop(pid, ours, steps)
    return len(found)
