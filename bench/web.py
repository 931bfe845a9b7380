"""How many requests a second? `python bench/web.py [--seconds 2] [--rounds 7] [--complaints 20000] [--with-key]`

Two gunicorn workers with persistent database connections, as `make run` starts them; 16 connections that send; no
compression asked for. A sync worker closes each connection after its answer, so every request opens one anew, as behind
a proxy. All of it, PostgreSQL too, shares this machine. Each round asks for everything once, in short turns, and a
ratio is the median of the rounds' ratios: what else the machine does then falls on both sides.

The pages (a merchant's list, one of 500 cases, the home page) are asked for by a signed-in member who has 10,000
pending complaints. Beside them stands the bare page: one query for 20 rows and a plain table of them, under the
portal's whole middleware and session. That is what a page costs before it is ours. It is also measured outside the
middleware, which says what the middleware costs, and so is a constant.

The API's list stands beside the bare page as well, and beside the list that the REST framework makes of the same rows
with a model serializer. The intake (POST /api/v1/complaints/, each with an upstream id of its own) stands beside a view
that parses JSON and inserts one row, without a key and without looking at it; and beside the floor of the framework:
the same key, the same fields validated, one row, the answer. While it is measured, what was filed is put in its place
in the indexes of the search every ten seconds, as beat has it done.

Every answer must have the right status and show what it should, and every complaint that was answered with a 201 must
be there afterwards with its clock, its line of history and its event, or the bench fails.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from statistics import median

from harness import ROOT, last_line, portal

CONNECTIONS = 16
PATIENCE = 30.0
"""Seconds until a server that does not answer is given up."""
SETTLED_EVERY = 10.0
"""Seconds, as in `complaints_portal.celery`."""
CASES = 500

APP_ID = "bench-app"
TEXT = "商家一直没有发货，联系客服也无人回复，已经等了十几天了，订单里写的是四十八小时内发货。要求马上退款。"
COMPLAINT = {
    "app_id": APP_ID,
    "merchant_order_no": "order-1",
    "trade_amount": "128.00",
    "paid_at": "2026-01-02T03:04:05+08:00",
    "dispute_type": "没有收到货",
    "demand": "退款",
    "requested_refund_amount": "128.00",
    "consumer": {"reference": "c-1", "name": "韩梅梅", "phone": "13800000000"},
    "advance_protection": False,
}


@dataclass
class Asked:
    """One thing that is asked for, how, and what must be in the answer; then what it took."""

    name: str
    request: Callable[[int], bytes]
    shows: bytes = b""
    status: int = 200
    per_second: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    """Seconds of each request."""
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Ratio:
    """What stands beside what, and at least how quick it is to be."""

    ours: str
    theirs: str
    goal: float | None = None


RATIOS = (
    Ratio("list", "bare", 0.5),
    Ratio("detail", "bare", 0.5),
    Ratio("home", "bare", 0.5),
    Ratio("list", "bare_outside"),
    Ratio("detail", "bare_outside"),
    Ratio("home", "bare_outside"),
    Ratio("api_list", "bare", 1.0),
    Ratio("api_list", "api_framework"),
    Ratio("intake", "insert", 0.6),
    Ratio("intake", "insert_framework"),
    Ratio("bare", "bare_outside"),
    Ratio("constant", "constant_outside"),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What there is to ask for, and as whom."""

    key: str
    session: str
    cases: list[str]


def prepare(complaints: int) -> Prepared:
    """Make a platform with two merchants and their complaints, a member, a key, and the table for single rows."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.db import connection
    from django.http import HttpRequest
    from django.utils import timezone
    from django.utils.module_loading import import_string

    from complaints.intake import Filing, file_complaints
    from complaints.models import Complaint
    from complaints.services import leave_message
    from complaints.tests.factories import make_member, make_merchant, make_platform, member_actor, platform_actor
    from merchants.authentication import new_api_key
    from merchants.models import Grant, MiniProgram

    now = timezone.now()
    platform = make_platform("bench")
    merchant = make_merchant("商家", platform=platform)
    for each, app_id in ((merchant, APP_ID), (make_merchant("另一家", platform=platform), "other-app")):
        MiniProgram.objects.create(platform=platform, merchant=each, app_id=app_id, name=f"小程序 {app_id}")
    for start in range(0, complaints, 1000):
        filings = [
            Filing(
                app_id=APP_ID if number % 2 else "other-app",
                trade_no=f"trade-{number}",
                merchant_order_no=f"order-{number}",
                trade_amount=Decimal(20 + number % 300),
                dispute_type=("没有收到货", "货不对板", "质量问题", "不给退款")[number % 3],
                description=f"第{number}笔：{TEXT}",
                consumer_phone=f"138{number:08d}",
                filed_at=now - timedelta(hours=90) + timedelta(seconds=number * 300_000 / complaints),
            )
            for number in range(start, min(start + 1000, complaints))
        ]
        file_complaints(filings, platform_id=platform.pk, actor=platform_actor(platform), now=now)
    cases = list(Complaint.objects.filter(merchant=merchant).order_by("handle_by")[:CASES])
    for case in cases:
        for words in ("您好，正在为您查询物流。", "快递说明天送到。"):
            leave_message(case.pk, words, actor=member_actor(merchant), now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL)"
        )
        cursor.execute("VACUUM ANALYZE")
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")()
    member = make_member(merchant, *Grant, username="bench", is_administrator=True)
    login(request, member, settings.AUTHENTICATION_BACKENDS[-1])
    request.session.save()
    _key, text = new_api_key("bench", platform=platform, now=now)
    connection.close()
    return Prepared(text, str(request.session.session_key), [case.complaint_no for case in cases])


def questions(there: Prepared, *, with_key: bool) -> list[Asked]:
    """Return all that is asked for, what stands beside each other one after the other."""
    page = f"Cookie: portal_session={there.session}; portal_csrf={'a' * 32}; portal_language=zh-hans"
    key = f"Authorization: Bearer {there.key}"
    numbers = itertools.count()

    def case(number: int) -> bytes:
        return get(f"/complaints/{there.cases[number % len(there.cases)]}/", page)

    def filing(path: str) -> Callable[[int], bytes]:
        def request(number: int) -> bytes:
            name = f"{time.time_ns()}-{next(numbers)}"
            lines = [key, f"Idempotency-Key: {name}"] if with_key else [key]
            text = f"第{name}笔：{TEXT}"
            return post(path, COMPLAINT | {"trade_no": name, "upstream_id": name, "description": text}, *lines)

        return request

    return [
        Asked("constant_outside", lambda _: get("/outside/constant/"), b"ok"),
        Asked("constant", lambda _: get("/bench/constant/", page), b"ok"),
        Asked("bare_outside", lambda _: get("/outside/bare/"), b"<tr><td>"),
        Asked("bare", lambda _: get("/bench/bare/", page), b"<tr><td>"),
        Asked("list", lambda _: get("/complaints/", page), b"<tr data-row>"),
        Asked("detail", case, b'id="handle"'),
        Asked("home", lambda _: get("/", page), b'class="forecast'),
        Asked("api_list", lambda _: get("/api/v1/complaints/", key), b'"results":[{"complaint_no"'),
        Asked("api_framework", lambda _: get("/bench/framework/", key), b'[{"complaint_no"'),
        Asked("insert", filing("/bench/insert/"), status=201),
        Asked("intake", filing("/api/v1/complaints/"), b'"consumer_url":"http', status=201),
        Asked("insert_framework", filing("/bench/framework/insert/"), b'"app_id"', status=201),
    ]


def get(path: str, *lines: str) -> bytes:
    head = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Language: zh-CN", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def post(path: str, content: object, *lines: str) -> bytes:
    body = json.dumps(content).encode()
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *lines]
    return ("\r\n".join([*head, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body


def answer(port: int, request: bytes) -> bytes:
    """Send one request on a connection of its own, and return the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        pieces = []
        while piece := connection.recv(1 << 18):
            pieces.append(piece)
    return b"".join(pieces)


@contextmanager
def server() -> Iterator[int]:
    """Run gunicorn with two sync workers on a free port of the loopback address, which this yields."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "web_server", "--bind", f"127.0.0.1:{port}"),
            *("--workers=2", "--no-control-socket", "--log-level=warning"),
        ],
        cwd=ROOT / "bench",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                answer(port, get("/outside/constant/"))
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("The server does not answer.") from None
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def measure(asked: Asked, port: int, seconds: float) -> tuple[float, list[float]]:
    """Ask on 16 connections for so many seconds; return requests per second, and what each took."""
    tickets = itertools.count()
    started = time.monotonic()

    def send() -> list[float]:
        taken = []
        while (begun := time.monotonic()) < started + seconds:
            check_answer(asked, answer(port, asked.request(next(tickets))))
            taken.append(time.monotonic() - begun)
        return taken

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        senders = [pool.submit(send) for _each in range(CONNECTIONS)]
        taken = [each for sender in senders for each in sender.result()]
    asked.answered += len(taken)
    return len(taken) / (time.monotonic() - started), taken


def check_answer(asked: Asked, answered: bytes) -> None:
    """Refuse the figures when an answer is not what it should be."""
    head, _, body = answered.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    is_whole = length is None or int(length[1]) == len(body)
    if not head.startswith(b"HTTP/1.1 %d" % asked.status) or asked.shows not in body or not is_whole:
        raise SystemExit(f"{asked.name} answered {answered[:500]!r}")


def check_filed(filed: int) -> None:
    """Refuse the figures unless every complaint is there with its clock, its line and its event."""
    from complaints.models import Complaint, HistoryLine
    from deadlines.models import Deadline
    from notifications.models import Event

    found = (
        Complaint.objects.count(),
        Deadline.objects.filter(kind="handle").count(),
        HistoryLine.objects.filter(verb="file").count(),
        Event.objects.filter(name="complaint.filed").count(),
    )
    if set(found) != {filed}:
        raise SystemExit(f"{filed} complaints were filed; there are complaints, clocks, lines, events: {found}.")


@contextmanager
def settling() -> Iterator[None]:
    """Put what was filed in its place in the indexes of the search now and then, as beat has it done."""
    from django.db import connection

    from complaints import search

    is_over = threading.Event()

    def settle() -> None:
        while not is_over.wait(SETTLED_EVERY):
            search.settle()
        connection.close()

    beat = threading.Thread(target=settle)
    beat.start()
    try:
        yield
    finally:
        is_over.set()
        beat.join()


def report(all_asked: list[Asked]) -> dict[str, float]:
    """Print requests a second with their times, then the ratios; return all of it."""
    figures: dict[str, float] = {}
    print(f"\n{CONNECTIONS} connections, 2 workers{'requests/s':>20}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}")
    for asked in all_asked:
        times = sorted(asked.taken)
        figures[f"{asked.name}_per_s"] = median(asked.per_second)
        cells = []
        for share in (0.5, 0.95, 0.99):
            at = 1000 * times[min(len(times) - 1, int(share * len(times)))]
            figures[f"{asked.name}_p{100 * share:.0f}_ms"] = at
            cells.append(f"{at:>10.1f}")
        print(f"  {asked.name:<26}{median(asked.per_second):>16,.1f}" + "".join(cells))
    by_name = {asked.name: asked for asked in all_asked}
    print("\nRatios, the median of the rounds")
    for ratio in RATIOS:
        if not {ratio.ours, ratio.theirs} <= by_name.keys():
            continue
        rounds = [
            ours / theirs
            for ours, theirs in zip(by_name[ratio.ours].per_second, by_name[ratio.theirs].per_second, strict=True)
        ]
        figures[f"{ratio.ours}/{ratio.theirs}"] = median(rounds)
        goal = f" (at least {ratio.goal})" if ratio.goal else ""
        print(f"  {ratio.ours + ' / ' + ratio.theirs:<36}{median(rounds):.3f}{goal}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each turn is")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--complaints", type=int, default=20_000, help="how many there are before the first request")
    parser.add_argument("--with-key", action="store_true", help="send an Idempotency-Key with each complaint")
    parser.add_argument("--only", nargs="*", help="only these, such as: intake insert")
    options = parser.parse_args()
    with portal("web"):
        all_asked = questions(prepare(options.complaints), with_key=options.with_key)
        all_asked = [asked for asked in all_asked if not options.only or asked.name in options.only]
        with server() as port, settling():
            for asked in all_asked:
                measure(asked, port, options.seconds / 2)
            for number in range(options.rounds):
                for asked in all_asked[:: -1 if number % 2 else 1]:
                    per_second, taken = measure(asked, port, options.seconds)
                    asked.per_second.append(per_second)
                    asked.taken += taken
        check_filed(options.complaints + sum(asked.answered for asked in all_asked if asked.name == "intake"))
        print(f"Load of the machine: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    last_line(report(all_asked))


if __name__ == "__main__":
    main()
