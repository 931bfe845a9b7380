"""Workers, beats and commands of a test: raised, watched through the database, killed, buried."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from deadlines.models import Deadline, SweepRun
from tests_faults.sizes import size

PATIENCE = size(60, 300)
"""Seconds; at the whole sizes much else stands in the queue before a sweep."""
QUICKLY = 0.001
SIGN = "crew"
"""The name under which the database knows their sessions."""


def database_url() -> str:
    """The address of this test's own database, for programs."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"]).geturl()


def environment() -> dict[str, str]:
    """The environment of programs that work on this test's database."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "complaints_portal.settings",
        "LOG_LEVEL": "ERROR",
        "PYTHONUNBUFFERED": "1",
    }


def until(true: Callable[[], Any], what: str, *, patience: float = PATIENCE, pause: float = QUICKLY) -> float:
    """Wait until something is true, and return how many seconds that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + patience, f"in {patience:.0f} s it never came to this: {what}"
        time.sleep(pause)
    return time.monotonic() - began


class Crew:
    """Who is raised in a test; all of them are gone at its end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.alive: list[int] = []
        self.raised = 0
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests_faults.nursery"],
            cwd=settings.BASE_DIR,
            env=environment() | {"DATABASE_URL": f"{database_url()}&application_name={SIGN}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._hear() == "ready"

    def _hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def _order(self, order: str, given: Any) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([order, given]) + "\n")
        self.process.stdin.flush()
        return int(self._hear())

    def _raise(self, argv: list[str], **options: Any) -> int:
        self.raised += 1
        log = self.directory / f"{argv[0]}.{self.raised}.log"
        number = self._order("raise", {"argv": argv, "log": str(log), **options})
        self.alive.append(number)
        return number

    def worker(self, *, concurrency: int = 2, **options: Any) -> int:
        """Raise a worker with so many processes; it leads a group of its own."""
        quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        return self._raise(["worker", f"--concurrency={concurrency}", f"-nw{self.raised}@faults", *quiet], **options)

    def beat(self, *, every: float = 1.0) -> int:
        """Raise a beat that wakes the sweeps so often, in seconds."""
        schedule = self.directory / f"schedule.{self.raised}"
        argv = ["beat", "--loglevel=ERROR", f"--schedule={schedule}", "--pidfile="]
        return self._raise(argv, every=every)

    def command(self, *argv: str, **options: Any) -> int:
        """Raise `manage.py` with these arguments."""
        return self._raise(["manage.py", *argv], **options)

    def post_and_die(self, path: str, key: str, idempotency_key: str, body: dict[str, Any]) -> int:
        """Raise a portal that takes this request and is killed after the commit; return how it ended."""
        return self.bury(self._raise(["post", path, key, idempotency_key, json.dumps(body)]))

    def signal(self, number: int, what: signal.Signals) -> None:
        """Send a signal to one process, the leader of its group."""
        os.kill(number, what)

    def kill(self, number: int) -> int:
        """Kill a whole group at once, and wait until its sessions in the database are over too."""
        os.killpg(number, signal.SIGKILL)
        status = self.bury(number)
        if not self.alive:
            until(lambda: not sessions(), "no session of the dead is left")
        return status

    def bury(self, number: int) -> int:
        """Wait for the end of a process; return its exit status, or the negative number of the signal."""
        self.alive.remove(number)
        return self._order("bury", number)

    def is_alive(self, number: int) -> bool:
        """Say whether a process still runs."""
        try:
            return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def go_home(self) -> None:
        """End whoever is left."""
        while self.alive:
            self.kill(self.alive[0])

    def words(self) -> str:
        """What they said since the last time, for a failure."""
        logs = sorted(self.directory.glob("*.log"))
        said = "\n".join(f"{log.name}: {log.read_text()[-3000:]}" for log in logs)
        for log in logs:
            log.unlink()
        return said

    def close(self) -> None:
        """End the nursery, and everybody with it."""
        self.go_home()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()


def sessions() -> int:
    """How many sessions of theirs this database has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s", [SIGN]
        )
        return int(cursor.fetchone()[0])


def last_run() -> int:
    """The number of the newest run of the sweep of missed complaints."""
    return SweepRun.objects.filter(kind="handle").order_by("-pk").values_list("pk", flat=True).first() or 0


def until_in_mid_sweep(after: int) -> None:
    """Wait until a run that began after another one has done its first batch, and is not at its end."""
    runs = SweepRun.objects.filter(kind="handle", pk__gt=after, acted__gt=0, ended_at=None)
    until(runs.exists, "a sweep has done its first batch")


def landed(after: int) -> bool:
    """Say whether what hit the sweep did so before its end: a run stayed open, and there was more to do."""
    runs = SweepRun.objects.filter(kind="handle", pk__gt=after, acted__gt=0, ended_at=None)
    return runs.exists() and Deadline.objects.filter(kind="handle").exists()


@contextmanager
def crew_in(directory: Path) -> Iterator[Crew]:
    """A nursery for the length of a block."""
    crew = Crew(directory)
    try:
        yield crew
    finally:
        crew.close()
