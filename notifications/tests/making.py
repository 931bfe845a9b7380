"""What tests about notices share: telling at a moment, who hears what, and a server that robots speak to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection, transaction

from complaints.tests.factories import file_at, make_program, moment
from merchants.models import Grant, Membership, Merchant, MiniProgram, User
from merchants.tests.people import acting, make_person, make_team
from notifications import chat
from notifications.choices import choose
from notifications.models import Kind, Notice, NoticeChoice, Watermark
from notifications.robots import RobotInput
from notifications.services import emit
from notifications.telling import READER, tell

SECRET = "SEC-of-the-test"


@dataclass
class House:
    """A merchant with one mini program, and its account administrator Wang Fang, who has a mail address."""

    merchant: Merchant
    program: MiniProgram
    wang: User

    def files(self, at: str, **fields: Any) -> Any:
        """A consumer complains."""
        return file_at(at, self.program, **fields)

    def member(self, name: str, *grants: Grant, **fields: Any) -> User:
        """One more member, with a mail address."""
        given = {"email": f"{name.lower()}@example.com", "language": "en", **fields}
        return make_person(self.merchant, name, *(grants or (Grant.VIEW,)), **given)

    def place(self, user: User) -> Membership:
        return Membership.objects.get(user=user, merchant=self.merchant)


def make_house(name: str = "Tea House") -> House:
    merchant, wang = make_team(name)
    wang.language = "en"
    wang.save()
    return House(merchant, make_program(merchant=merchant), wang)


def start_telling() -> None:
    """Let members be told of what happens from here on. The migration does so; a test that commits empties tables."""
    Watermark.objects.get_or_create(name=READER)


@pytest.fixture
def _at_once(monkeypatch, db):
    """Let what a test wrote be seen before it is committed: the order of commits has tests of its own."""
    monkeypatch.setattr("notifications.telling.oldest_open", lambda: 2**62)
    start_telling()


def count_further(number: int) -> None:
    """Let what is there come from a server that has counted so many transactions more than this one."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE notifications_event DISABLE TRIGGER USER")  # events are never changed, but here
        cursor.execute("UPDATE notifications_event SET transaction = transaction + %s", [number])
        cursor.execute("UPDATE notifications_watermark SET transaction = transaction + %s", [number])
        cursor.execute("ALTER TABLE notifications_event ENABLE TRIGGER USER")


def tell_at(at: str) -> int:
    return tell(now=moment(at))


def chosen(user: User, merchant: Merchant, at: str = "2026-11-20T09:00+08:00", **fields: Any) -> NoticeChoice:
    """Let a member choose: everything by mail at once, unless something else is said."""
    given: dict[str, Any] = {
        "bell_kinds": Kind.values,
        "mail": "instant",
        "mail_kinds": Kind.values,
        "digest_hour": 9,
        "quiet_from": None,
        "quiet_to": None,
        **fields,
    }
    return choose(**given, actor=acting(user, merchant), now=moment(at))


def happens(house: House, at: str, event: str = "complaint.message_left", **payload: Any) -> None:
    """Write an event of this merchant."""
    given = {"complaint_no": "2026112001", "role": "consumer", **payload}
    emit(event, merchant_id=house.merchant.pk, subject_id=1, at=moment(at), payload=given)


def notices() -> list[str]:
    """The names of all notices, in their order."""
    return list(Notice.objects.order_by("pk").values_list("name", flat=True))


@dataclass
class Call:
    """What a robot was told, and whether the signature was its own."""

    path: str
    body: dict[str, Any]
    is_signed: bool

    @property
    def text(self) -> str:
        found: str = (self.body.get("content") or self.body["text"]).get("text") or self.body["text"]["content"]
        return found


@dataclass
class RobotServer:
    """A server that answers as the three products do, on this machine, or fails as it is told to."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    status: int = 200
    answer: bytes = b""
    moved_to: str = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, product: str) -> str:
        path = {
            "feishu": "/open-apis/bot/v2/hook/hook-token",
            "dingtalk": "/robot/send?access_token=access-token",
            "wecom": "/cgi-bin/webhook/send?key=wecom-key",
        }.get(product, "/")
        return f"{self.origin}{path}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        known: RobotServer = self.server.known  # type: ignore[attr-defined]  # set by robot_server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known.calls.append(Call(self.path, body, _is_signed(self.path, body)))
        status = known.status
        self.send_response(status)
        if known.moved_to:
            self.send_header("Location", known.moved_to)
        answer = known.answer or (
            b'{"code":0,"msg":"success"}' if "/bot/v2/" in self.path else b'{"errcode":0,"errmsg":"ok"}'
        )
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 (http.server calls it so)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _is_signed(path: str, body: dict[str, Any]) -> bool:
    """Whether a message carries the signature that the secret of the tests makes."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    if "sign" in body:
        return bool(body["sign"] == chat.feishu_signature(body["timestamp"], SECRET))
    if "sign" in asked:
        return asked["sign"] == chat.dingtalk_signature(asked["timestamp"], SECRET)
    return False


@contextmanager
def robot_server(settings: Any) -> Iterator[RobotServer]:
    """Run such a server, and allow robots to be there."""
    known = RobotServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.known = known  # type: ignore[attr-defined]  # read by the handler
        known.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.ROBOT_HOSTS = [known.origin]
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()


def robot_input(server: RobotServer, product: str = "feishu", **fields: Any) -> RobotInput:
    given: dict[str, Any] = {
        "name": "Desk",
        "product": product,
        "url": server.url(product),
        "secret": SECRET,
        "kinds": ["deadline", "penalty", "complaint", "message"],
        "language": "en",
        **fields,
    }
    return RobotInput(**given)


def at(text: str) -> datetime:
    return moment(text)
