"""What tests about members share: a merchant with an administrator, actors of members, and an SMTP server."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread
from typing import Any

from common.actors import Actor, ActorKind
from complaints.tests.factories import make_member, make_merchant, moment
from merchants.models import Grant, Invitation, Membership, Merchant, User
from merchants.team import invite

INVITED = moment("2026-11-02T10:00+08:00")
EXPIRES = moment("2026-11-09T10:00+08:00")


def make_team(name: str = "Tea House") -> tuple[Merchant, User]:
    """A merchant with an account administrator who is called Wang Fang."""
    merchant = make_merchant(name)
    return merchant, make_person(merchant, "Wang Fang", is_administrator=True, email="wang@example.com")


def make_person(merchant: Merchant, name: str, *grants: Grant, **fields: Any) -> User:
    """A member of this name."""
    return make_member(merchant, *grants, last_name=name, **fields)


def acting(user: User, merchant: Merchant) -> Actor:
    """A member as the page's middleware makes an actor of them: with the grants that they have now."""
    place = Membership.objects.get(user=user, merchant=merchant)
    return Actor(
        kind=ActorKind.MEMBER,
        name=str(user),
        id=user.pk,
        platform_id=merchant.platform_id,
        merchant_id=merchant.pk,
        grants=place.effective_grants,
    )


def place_of(user: User, merchant: Merchant) -> Membership:
    return Membership.objects.get(user=user, merchant=merchant)


def invited(merchant: Merchant, by: User, email: str = "li@example.com", **fields: Any) -> Invitation:
    """An invitation at the usual moment, in English, to see complaints, unless something else is said."""
    given = {"grants": [Grant.VIEW], "language": "en", "now": INVITED, **fields}
    return invite(merchant.pk, email, actor=acting(by, merchant), **given)


class _Session(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over a mail."""

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline().strip():
            word = line.upper()
            if word.startswith(b"RCPT") and b"nobody@" in line:
                self.say("550 no such person")
            elif word == b"DATA":
                self.say("354 go on")
                self.take()
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 yes")

    def take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        read = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.server.mails.append(read)  # type: ignore[attr-defined]  # set by smtp_server
        self.say("250 taken")

    def say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def smtp_server(port: int = 0) -> Iterator[tuple[int, list[EmailMessage]]]:
    """A mail server on this machine; it knows everybody but nobody@. Give its port, and the mails that it took."""
    with _Server(("127.0.0.1", port), _Session) as server:
        mails: list[EmailMessage] = []
        server.mails = mails  # type: ignore[attr-defined]  # read by the sessions
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], mails
        finally:
            server.shutdown()
            thread.join()
