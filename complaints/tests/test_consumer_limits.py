"""How often a link and an address may look and send: at the number, one above it, and after the window."""

import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.utils import translation

from complaints.consumer import limits
from complaints.consumer.limits import LIMITS, Limit, TooMany, count
from complaints.models import Consultation, Message
from complaints.tests.consumers import page_of, phone
from complaints.tests.factories import moment
from complaints.tests.pages import Shop, make_shop, picture, text_of
from evidence.models import Evidence

NOON = moment("2026-03-02T12:00+08:00")
FEW = Limit("few", 3, 60)


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()
    limits._away.clear()
    yield
    translation.activate("en")


@pytest.fixture
def shop(db) -> Shop:
    return make_shop("Tea House")


def asked(*moments, limit: Limit = FEW, whose: str = "somebody") -> list[int]:
    """Ask at each of these moments; return how long each is told to wait."""
    waits = []
    for at in moments:
        try:
            count((limit, whose), now=at)
            waits.append(0)
        except TooMany as refusal:
            waits.append(refusal.retry_after)
    return waits


def test_the_number_passes_and_one_more_waits_for_the_window_to_end():
    at = NOON + timedelta(seconds=15)
    assert asked(at, at, at, at) == [0, 0, 0, 45]
    assert asked(NOON + timedelta(seconds=59)) == [1]
    assert asked(NOON + timedelta(seconds=60)) == [0]


def test_each_is_counted_alone():
    assert asked(NOON, NOON, NOON, NOON) == [0, 0, 0, 60]
    assert asked(NOON, whose="somebody else") == [0]
    assert asked(NOON, limit=Limit("other", 3, 60)) == [0]


def test_the_longest_wait_of_several_is_told():
    long = Limit("long", 0, 600)
    with pytest.raises(TooMany) as refused:
        count((Limit("short", 0, 60), "a"), (long, "a"), now=NOON)
    assert refused.value.retry_after == 600


class Away:
    """A cache that cannot be reached."""

    def add(self, *args, **options):
        raise ConnectionError("refused")


def test_without_a_cache_everybody_passes_and_the_log_says_so_once(monkeypatch, caplog):
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "complaints.consumer.limits"):
        patched.setattr(limits, "cache", Away())
        assert asked(*[NOON] * 10) == [0] * 10
        assert len(caplog.records) == 1
        assert "not limited until it is back" in caplog.records[0].getMessage()
    assert asked(NOON, NOON, NOON, NOON)[-1] == 60
    with caplog.at_level(logging.WARNING, "complaints.consumer.limits"):
        monkeypatch.setattr(limits, "cache", Away())
        asked(NOON)
    assert len(caplog.records) == 2


def test_without_a_cache_the_pages_work(shop, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }
    complaint = shop.files("2026-03-02T12:00+08:00")
    with phone(NOON) as client:
        assert client.get(page_of(complaint)).status_code == 200
        assert client.post(page_of(complaint, "message/"), {"text": "Hello"}).status_code == 302
    assert Message.objects.count() == 1


# On the pages


def test_who_looks_too_often_is_asked_to_wait_and_another_link_is_not(shop, monkeypatch):
    monkeypatch.setattr("complaints.consumer.views.LOOK_BY_LINK", FEW)
    first, second = (shop.files("2026-03-02T12:00+08:00") for _ in range(2))
    with phone(NOON) as client:
        assert [client.get(page_of(first)).status_code for _ in range(3)] == [200] * 3
        response = client.get(page_of(first))
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "60"
        assert "Try again in 1 min." in text_of(response)
        assert first.complaint_no not in text_of(response)
        assert client.get(page_of(second)).status_code == 200
    with phone(NOON + timedelta(seconds=60)) as client:
        assert client.get(page_of(first)).status_code == 200


def test_an_address_that_asks_too_often_waits(shop, monkeypatch):
    monkeypatch.setattr("complaints.consumer.doors.LOOK_BY_ADDRESS", FEW)
    with phone(NOON) as client:
        statuses = [client.get(f"/c/nonsense-{number}/").status_code for number in range(4)]
        assert statuses == [400, 400, 400, 429]
        elsewhere = client.get("/c/nonsense/", REMOTE_ADDR="203.0.113.9")
        assert elsewhere.status_code == 400


@pytest.mark.parametrize("name", ["message/", "contest/", "withdraw/", "solved/"])
@pytest.mark.parametrize("limit", ["SEND_BY_LINK", "SEND_BY_ADDRESS"])
def test_what_was_typed_above_the_limit_is_not_lost(shop, monkeypatch, name, limit):
    monkeypatch.setattr(f"complaints.consumer.views.{limit}", Limit("none", 0, 600))
    complaint = shop.files("2026-03-02T12:00+08:00")
    with phone(NOON) as client:
        sent = {"text": "All that I wrote.", "pictures": picture()}
        response = client.post(page_of(complaint, name), sent)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "600"
    assert "Try again in 10 min." in text_of(response)
    if name != "solved/":
        assert "All that I wrote." in response.content.decode()
    if name in ("message/", "contest/"):
        assert "pick your new pictures again" in text_of(response)
    complaint.refresh_from_db()
    assert complaint.status == "pending"
    assert Message.objects.count() == Evidence.objects.count() == 0


@pytest.mark.parametrize("limit", ["FORM_BY_ADDRESS", "FORM_BY_PROGRAM"])
def test_the_public_form_keeps_what_was_typed_above_the_limit(shop, monkeypatch, limit):
    monkeypatch.setattr(f"complaints.consumer.contact_views.{limit}", Limit("one", 1, 600))
    where = f"/contact/{shop.merchant.platform.code}/{shop.program.app_id}/"
    given = {"kind": "ask", "text": "Is it in stock?", "name": "Han Meimei"}
    with phone(NOON) as client:
        for number, status in ((1, 302), (2, 429)):
            response = client.post(where, {**given, "visitor": f"{number:032x}", "pictures": picture()})
            assert response.status_code == status
    assert response.headers["Retry-After"] == "600"
    assert "Is it in stock?" in response.content.decode()
    assert "Han Meimei" in response.content.decode()
    assert "pick your new pictures again" in text_of(response)
    assert Consultation.objects.count() == Evidence.objects.count() == 1


def test_the_numbers_are_documented():
    text = (Path(django_settings.BASE_DIR) / "docs" / "consumers.md").read_text()
    shown = re.findall(r"^\| `(\w+)` \|[^|]*\| (\d+) \| (\d+) s \|", text, re.MULTILINE)
    assert shown == [(each.name, str(each.number), str(each.seconds)) for each in LIMITS]
