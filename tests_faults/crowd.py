"""A real web server, and a crowd that asks it at once: each on a connection of its own, all let go together."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import urllib3
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from complaints.tests.racing import waiting
from merchants.models import User
from tests_faults.crew import environment, until

PATIENCE = 60
CSRF = "c" * 32


@dataclass(frozen=True)
class Asked:
    """A request; `then` follows on the same connection when it was not refused."""

    path: str
    headers: dict[str, str]
    body: bytes = b""
    then: "Asked | None" = None


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


@contextmanager
def portal(*, workers: int = 2, threads: int = 4) -> Iterator[str]:
    """Run a web server on this test's database, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "complaints_portal.wsgi", f"--bind=127.0.0.1:{port}"]
    command += ["--no-control-socket", "--log-level=error", "--graceful-timeout=2", "--timeout=120"]
    command += [f"--workers={workers}", f"--threads={threads}"]
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment())
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return urllib3.request("GET", f"{address}/health/live/", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    try:
        until(answers, "the web server answers", pause=0.05)
        yield address
    finally:
        server.terminate()
        server.wait(PATIENCE)


def signed_in(user: User) -> str:
    """Sign somebody in, and return the cookie."""
    client = Client()
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def typed_by(user: User) -> dict[str, str]:
    """The headers of a form that this person sends from a page."""
    return {
        "Cookie": f"{signed_in(user)}; {settings.CSRF_COOKIE_NAME}={CSRF}",
        "X-CSRFToken": CSRF,
        "Accept-Language": "en",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def ask_at_once(address: str, asked: Sequence[Asked], *, held: Any = None) -> tuple[list[Answered], int]:
    """Send all requests at once; return the answers in their order, and how many were seen waiting for each other.

    What is `held` (a lock that is taken in a transaction) is let go when all wait for it, or after a second and a half:
    so long a request may wait for another.
    """
    gate, met = threading.Barrier(len(asked) + 1), 0

    def send(request: Asked) -> Answered:
        line = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
        line.connect()
        gate.wait(PATIENCE)
        try:
            answer = _send(line, request)
            return _send(line, request.then) if request.then and answer.status < 400 else answer
        finally:
            line.close()

    with ThreadPoolExecutor(len(asked)) as pool:
        with transaction.atomic() if held else nullcontext():
            if held:
                held()
            futures = [pool.submit(send, each) for each in asked]
            gate.wait(PATIENCE)
            ends_at = time.monotonic() + 1.5
            while met < len(asked) and time.monotonic() < ends_at and not all(each.done() for each in futures):
                met = max(met, waiting())
                time.sleep(0.002)
        return [each.result(PATIENCE) for each in futures], met


def _send(line: http.client.HTTPConnection, asked: Asked) -> Answered:
    line.request("POST", asked.path, body=asked.body, headers=asked.headers)
    answer = line.getresponse()
    return Answered(answer.status, dict(answer.getheaders()), answer.read().decode())


def lock_table(name: str) -> None:
    """Let nobody write into a table until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {name} IN SHARE MODE")
