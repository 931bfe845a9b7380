"""F13: the receivers that the portal calls are bad: robots of chat groups, all of them on 127.0.0.1."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from django.utils import timezone

from merchants.tests.people import acting
from notifications import chat
from notifications.models import Robot, RobotCall
from notifications.robots import add_robot, call_robots
from notifications.telling import tell
from notifications.tests.making import House, RobotServer, happens, make_house, robot_input, start_telling
from notifications.whole_answers import Pools
from tests_faults.conftest import Report
from tests_faults.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

ENDS = b"\r\n"
GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"code":0,"msg":"success"}'
PATIENCE = 0.3
"""Seconds that the portal waits for a robot in these tests, instead of three."""
DRIPS = 200
"""Bytes that the slowest sends, one in each half of the patience, as long as somebody listens: half a minute."""
HELD = threading.Event()
"""Set when somebody listened to all of them."""


def is_well(connection: socket.socket) -> None:
    connection.sendall(GOOD)


def is_bad(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


def is_gone(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")


def is_silent(_connection: socket.socket) -> None:
    time.sleep(3 * PATIENCE)  # the fault itself is that nothing comes


def drips(connection: socket.socket, number: int = DRIPS) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _byte in range(number):
        time.sleep(PATIENCE / 2)  # the fault itself is that each byte takes its time
        connection.sendall(b"x")
    HELD.set()


def floods(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
    for _piece in range(160):
        connection.sendall(b"x" * 65_536)


def leads_away(connection: socket.socket) -> None:
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n"
    )


def hangs_up(_connection: socket.socket) -> None:
    """Say nothing and close."""


FAULTS: dict[str, Callable[[socket.socket], None]] = {
    "500": is_bad,
    "410": is_gone,
    "timeout": is_silent,
    "slow-loris": drips,
    "10 MB": floods,
    "redirect": leads_away,
    "hangs up": hangs_up,
}


@dataclass
class Receiver:
    """Takes calls on 127.0.0.1 and treats each as it is told to."""

    listener: socket.socket
    treat: Callable[[socket.socket], None] | None = None
    calls: list[bytes] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{self.origin}/open-apis/bot/v2/hook/hook-token"

    def serve(self) -> None:
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        treat = self.treat or is_well
        with connection, suppress(OSError):
            connection.settimeout(10)
            self.calls.append(self._read(connection))
            treat(connection)

    def _read(self, connection: socket.socket) -> bytes:
        got = b""
        while ENDS + ENDS not in got:
            got += connection.recv(65_536)
        head, _, body = got.partition(ENDS + ENDS)
        length = next(
            int(line.split(b":")[1]) for line in head.split(ENDS) if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += connection.recv(65_536)
        return body


@pytest.fixture
def receiver(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver; whatever else somebody wants to reach is refused and written down."""
    known = Receiver(socket.create_server(("127.0.0.1", 0)))
    thread = threading.Thread(target=known.serve, daemon=True)
    thread.start()
    settings.ROBOT_HOSTS = [known.origin]
    settings.PUBLIC_URL = "https://portal.example.com"
    HELD.clear()
    pools = Pools(retries=False, timeout=PATIENCE)
    monkeypatch.setattr(chat, "_http", pools)
    yield known
    pools.clear()
    known.listener.shutdown(socket.SHUT_RDWR)
    known.listener.close()
    thread.join(10)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked for beyond loopback; nobody is reached."""
    asked: list[str] = []
    whole = socket.getaddrinfo

    def look_up(host: Any, *given: Any, **named: Any) -> Any:
        if str(host) != "127.0.0.1":
            asked.append(str(host))
            raise socket.gaierror(f"{host} is beyond loopback")
        return whole(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def make_told(receiver: Receiver) -> tuple[House, Robot]:
    start_telling()
    house = make_house()
    now = timezone.now()
    robot = add_robot(
        robot_input(RobotServer(receiver.listener.getsockname()[1]), "feishu"),
        actor=acting(house.wang, house.merchant),
        now=now,
    )
    return house, robot


def test_f13_a_bad_receiver_is_called_again_on_schedule_and_hears_everything_once_it_is_well(
    receiver: Receiver, away: list[str], report: Report
) -> None:
    rounds = size(1, 40)
    house, robot = make_told(receiver)
    at, longest, failures = timezone.now(), 0.0, 0
    for number in range(rounds):
        for name, fault in FAULTS.items():
            complaint_no = f"{number}-{name.replace(' ', '-')}"
            happens(house, at.isoformat(), complaint_no=complaint_no)
            tell(now=at)
            receiver.treat = fault
            receiver.calls.clear()
            for pause in (1, 1, 2):  # minutes: a minute, then as long as it has failed already
                began = time.monotonic()
                assert call_robots(lambda: at) == 0, name  # noqa: B023 (this call's)
                longest = max(longest, time.monotonic() - began)
                failures += 1
                robot.refresh_from_db()
                assert robot.next_at == at + timedelta(minutes=pause), name
                at += timedelta(minutes=pause)
                assert call_robots(lambda: at - timedelta(microseconds=1)) == 0  # noqa: B023
            assert len(receiver.calls) == 3, f"{name}: called off its schedule"
            assert RobotCall.objects.filter(due_at__isnull=False).count() == 1
            receiver.treat = None
            assert call_robots(lambda: at) == 1, name  # noqa: B023
            assert complaint_no.encode() in receiver.calls[-1]
            robot.refresh_from_db()
            assert robot.failing_since is None
            at += timedelta(minutes=1)
            assert call_robots(lambda: at) == 0  # noqa: B023
    assert not HELD.is_set(), "a call went on for as long as the receiver liked"
    assert away == [], "somebody beyond loopback was asked for"
    assert RobotCall.objects.filter(outcome="sent").count() == rounds * len(FAULTS)
    report.survived(
        "F13",
        "robots: " + ", ".join(FAULTS),
        size=f"{failures} failures",
        landed=f"{failures} of {failures} not taken",
        result=f"on schedule, each told once it was well; redirects not followed; a call {longest:.1f} s at most",
    )


def test_f13_a_client_that_follows_is_led_away(receiver: Receiver, away: list[str], report: Report) -> None:
    receiver.treat = leads_away
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.PoolManager(retries=urllib3.Retry(connect=0, redirect=1), timeout=PATIENCE).request(
            "GET", receiver.url, body=b"", headers={"Content-Length": "0"}
        )
    assert away == ["169.254.169.254"]
    report.bitten("F13", "redirects are followed", size="1 call", damage=f"{away[0]} was asked for")


def test_f13_a_client_with_patience_for_each_byte_is_held(receiver: Receiver, report: Report) -> None:
    number = 8
    receiver.treat = lambda connection: drips(connection, number)
    began = time.monotonic()
    with urllib3.PoolManager(retries=False, timeout=PATIENCE) as pools:
        pools.request("POST", receiver.url, body=b"{}")
    took = time.monotonic() - began
    assert HELD.is_set(), "the twin must be held, or the test does not bite"
    damage = f"a call {took / PATIENCE:.0f} times its patience"
    report.bitten("F13", "patience for each byte", size=f"{number} bytes", damage=damage)
