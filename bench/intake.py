"""How many complaints does the API take? `python bench/intake.py [--requests 4000] [--rounds 3] [--with-key]`

Two gunicorn workers with persistent database connections, 16 connections that send, on this machine. Beside the API
(POST /api/v1/complaints/, each with an upstream id of its own) a view on the same server that only parses JSON and
inserts one row: what the framework, the server and the database take before there is any complaint. In turn, medians.
Every answer must be a 201, and every complaint must be there afterwards with its clock, or the bench fails.

A sync worker closes each connection after its answer, so every request opens one anew, as behind a proxy.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness import ROOT, last_line, portal, table

CONNECTIONS = 16
PATIENCE = 30.0
"""Seconds until a server that does not answer is given up."""

APP_ID = "bench-app"
COMPLAINT = {
    "app_id": APP_ID,
    "merchant_order_no": "order-1",
    "trade_amount": "128.00",
    "paid_at": "2026-01-02T03:04:05+08:00",
    "dispute_type": "not delivered",
    "demand": "refund",
    "requested_refund_amount": "128.00",
    "description": "Nothing came, and nobody answers. " * 6,
    "consumer": {"reference": "c-1", "name": "Han Meimei", "phone": "13800000000"},
    "advance_protection": False,
}


def prepare() -> str:
    """Make a platform with a mini program and a key, and the baseline's table; return the key."""
    from django.db import connection
    from django.utils import timezone

    from merchants.authentication import new_api_key
    from merchants.models import Merchant, MiniProgram, Platform

    platform = Platform.objects.create(code="bench", name="Bench")
    merchant = Merchant.objects.create(platform=platform, name="Merchant")
    MiniProgram.objects.create(platform=platform, merchant=merchant, app_id=APP_ID, name="App")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL)"
        )
    connection.close()
    _key, text = new_api_key("bench", platform=platform, now=timezone.now())
    return text


class Server:
    """gunicorn with two sync workers on a free port of the loopback address."""

    def __enter__(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "intake_server", "--bind", f"127.0.0.1:{port}"),
                *("--workers=2", "--no-control-socket", "--log-level=warning"),
            ],
            cwd=ROOT / "bench",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            try:
                Client(port, {}).post("/baseline/", {})
            except OSError:
                time.sleep(0.1)
            else:
                return port
        self.process.kill()
        raise SystemExit("The server does not answer.")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)


class Client:
    """One connection that sends JSON; it is opened again when the server has closed it."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.headers = {"Content-Type": "application/json", **headers}

    def post(self, path: str, body: dict[str, Any], **headers: str) -> None:
        self.connection.request("POST", path, json.dumps(body), {**self.headers, **headers})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != http.client.CREATED:
            raise SystemExit(f"{path} answered {answer.status}: {text[:500]!r}")


def measure(port: int, path: str, key: str, requests: int, *, with_key: bool) -> float:
    """Return requests per second of 16 connections that share so many requests."""
    tickets = itertools.count()
    lock = threading.Lock()

    def send() -> None:
        client = Client(port, {"Authorization": f"Bearer {key}"})
        while True:
            with lock:
                number = next(tickets)
            if number >= requests:
                return
            name = f"{time.time_ns()}-{number}"
            extra = {"Idempotency-Key": name} if with_key else {}
            client.post(path, {**COMPLAINT, "trade_no": f"trade-{name}", "upstream_id": name}, **extra)

    started = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for sender in [pool.submit(send) for _each in range(CONNECTIONS)]:
            sender.result()
    return requests / (time.monotonic() - started)


def check(filed: int) -> None:
    """Refuse the figures unless every complaint is there with its clock."""
    from complaints.models import Complaint
    from deadlines.models import Deadline

    found = (Complaint.objects.count(), Deadline.objects.filter(kind="handle").count())
    if found != (filed, filed):
        raise SystemExit(f"{filed} complaints were filed, {found[0]} are there with {found[1]} clocks.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000, help="requests a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--with-key", action="store_true", help="send an Idempotency-Key with each complaint")
    options = parser.parse_args()
    paths = {"intake_per_s": "/api/v1/complaints/", "baseline_per_s": "/baseline/"}
    figures: dict[str, list[float]] = {name: [] for name in paths}
    warm_up = max(1, options.requests // 10)
    with portal("intake"):
        key = prepare()
        with Server() as port:
            for path in paths.values():
                measure(port, path, key, warm_up, with_key=options.with_key)
            for round_number in range(options.rounds):
                for name, path in list(paths.items())[:: 1 if round_number % 2 else -1]:
                    figures[name].append(measure(port, path, key, options.requests, with_key=options.with_key))
        check(warm_up + options.rounds * options.requests)
    medians = table(f"requests per second, {CONNECTIONS} connections, 2 workers", figures)
    last_line({**medians, "ratio": medians["intake_per_s"] / medians["baseline_per_s"]})


if __name__ == "__main__":
    main()
