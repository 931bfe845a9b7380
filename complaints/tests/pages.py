"""What tests of pages share: a shop with its people, a browser at a moment, and a real picture."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from freezegun import freeze_time

from complaints.models import Complaint
from complaints.tests.factories import file_at, make_member, make_merchant, make_program
from complaints.workspace import presence
from evidence.tests.making import png
from merchants.models import Grant, Merchant, MiniProgram, User


@dataclass
class Shop:
    """A merchant with one mini program and an account administrator."""

    merchant: Merchant
    program: MiniProgram
    administrator: User

    def files(self, at: str, **fields: Any) -> Complaint:
        """A consumer complains about this shop."""
        return file_at(at, self.program, **fields)


def make_shop(name: str = "") -> Shop:
    """Make a shop whose administrator is called Wang Fang."""
    merchant = make_merchant(name)
    administrator = make_member(
        merchant, is_administrator=True, first_name="Wang", last_name="Fang", email="wang@example.com"
    )
    return Shop(merchant, make_program(merchant=merchant), administrator)


@contextmanager
def browser(user: User, at: str, language: str = "en") -> Iterator[Client]:
    """The browser of a person who is signed in, at this moment."""
    with freeze_time(at):
        client = Client(HTTP_ACCEPT_LANGUAGE=language)
        client.force_login(user)
        yield client


def patient_presence() -> None:
    """Wait long for Valkey to say who else looks: a page does without it after a third of a second."""
    presence._redis().connection_pool.connection_kwargs |= {"socket_connect_timeout": 60, "socket_timeout": 60}


def member(shop: Shop, *grants: Grant) -> User:
    """A member of the shop with these grants."""
    return make_member(shop.merchant, *grants)


def picture(name: str = "record.png", data: bytes = b"") -> SimpleUploadedFile:
    """A small picture, or these bytes as one, as a browser sends it."""
    return SimpleUploadedFile(name, data or png(), content_type="image/png")


def text_of(response: Any) -> str:
    """What a person reads: the page without its scripts and tags."""
    page = re.sub(r"<script.*?</script>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())
