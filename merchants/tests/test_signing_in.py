"""Whom wrong passwords keep out: the name from the address that guessed, and nobody else."""

import re
from itertools import count
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings as django_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from complaints.tests.factories import make_user

pytestmark = pytest.mark.django_db

LIMIT = django_settings.AXES_FAILURE_LIMIT
_numbers = count(1)


@pytest.fixture
def wang() -> Any:
    user = make_user("wang-signs-in", email="wang@example.com")
    user.set_password("right")
    user.save()
    return user


def an_address() -> str:
    """An address that no other test has used: attempts are counted in the cache as well."""
    number = next(_numbers)
    return f"198.18.{number // 256}.{number % 256}"


def sign_in(name: str, password: str, *, sender: str = "127.0.0.1", forwarded: str = "") -> int:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    client = Client(REMOTE_ADDR=sender, headers=headers)
    return client.post(reverse("account_login"), {"login": name, "password": password}).status_code


def test_too_many_wrong_passwords_lock_the_name_for_the_address_they_came_from(wang):
    guesser, own = an_address(), an_address()
    assert [sign_in("wang-signs-in", "wrong", sender=guesser) for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
    assert sign_in("wang-signs-in", "right", sender=guesser) == 429
    assert sign_in("wang-signs-in", "right", sender=own) == 302


def test_whoever_is_named_in_several_ways_has_as_many_tries_in_all(wang):
    guesser = an_address()
    names = ["wang-signs-in", "WANG-signs-in", "wang@example.com", "Wang@Example.com"]
    statuses = [sign_in(names[number % len(names)], "wrong", sender=guesser) for number in range(LIMIT)]
    assert statuses == [200] * (LIMIT - 1) + [429]
    assert [sign_in(name, "right", sender=guesser) for name in names] == [429] * len(names)


def test_the_right_password_forgets_the_wrong_ones(wang):
    own = an_address()
    for _time in range(2):
        assert [sign_in("WANG-signs-in", "wrong", sender=own) for _ in range(LIMIT - 1)] == [200] * (LIMIT - 1)
        assert sign_in("wang@example.com", "right", sender=own) == 302


def test_a_name_that_nobody_has_is_locked_as_well_in_capitals_or_not(db):
    guesser = an_address()
    for number in range(LIMIT):
        status = sign_in(("Nobody", "nobody")[number % 2], "wrong", sender=guesser)
    assert status == 429


def test_behind_a_proxy_too(wang, settings):
    settings.TRUSTED_PROXIES = 1
    guesser, own = an_address(), an_address()
    for _ in range(LIMIT):
        sign_in("wang-signs-in", "wrong", forwarded=guesser)
    assert sign_in("wang-signs-in", "right", forwarded=guesser) == 429
    assert sign_in("wang-signs-in", "right", forwarded=own) == 302


@pytest.mark.parametrize("proxies", [0, 1])
def test_whoever_makes_addresses_up_is_locked_out_all_the_same(wang, settings, proxies):
    settings.TRUSTED_PROXIES = proxies
    guesser = an_address()
    seen = {"forwarded": f"{{}}, {guesser}"} if proxies else {"sender": guesser, "forwarded": "{}"}
    for _ in range(LIMIT):
        sign_in("wang-signs-in", "wrong", **{name: each.format(an_address()) for name, each in seen.items()})
    assert sign_in("wang-signs-in", "right", **{name: each.format(an_address()) for name, each in seen.items()}) == 429


def test_who_tries_many_names_keeps_nobody_else_out_behind_a_proxy(wang, settings):
    settings.TRUSTED_PROXIES = 1
    guesser, own = an_address(), an_address()
    statuses = [sign_in(f"name-{number}", "wrong", forwarded=guesser) for number in range(22)]
    assert set(statuses) == {200}
    assert sign_in("wang-signs-in", "right", forwarded=guesser) == 200  # told to try again later
    assert sign_in("wang-signs-in", "right", forwarded=own) == 302


# What a stranger learns


def hashes_of(name: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how often a password is hashed when somebody signs in with a wrong one: nothing else takes long."""
    hashed: list[str] = []
    encode = PBKDF2PasswordHasher.encode

    def noted(self: PBKDF2PasswordHasher, password: str, *rest: Any) -> str:
        hashed.append(password)
        return encode(self, password, *rest)

    with monkeypatch.context() as watched:
        watched.setattr(PBKDF2PasswordHasher, "encode", noted)
        assert sign_in(name, "wrong", sender=an_address()) == 200
    return len(hashed)


def test_a_wrong_password_takes_as_long_for_an_address_that_somebody_has(wang, settings, monkeypatch):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    wang.username = "wang@example.com"
    wang.set_password("right")
    wang.save()
    names = ["wang@example.com", "nobody@example.com", "nobody"]
    assert [hashes_of(name, monkeypatch) for name in names] == [1, 1, 1]


@pytest.mark.parametrize("address", ["wang@example.com", "nobody@example.com"])
def test_a_mail_leads_to_the_portal_whatever_host_the_request_named(wang, settings, mailoutbox, address):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://portal.example:8443", ["*"]
    client = Client(REMOTE_ADDR=an_address(), headers={"host": "evil.example", "accept-language": "en"})
    assert client.post(reverse("account_reset_password"), {"email": address}).status_code == 302
    (mail,) = mailoutbox
    assert "evil" not in mail.subject + mail.body
    links = re.findall(r"https?://[^/\s]+/[^\s]*", mail.body)
    if address == "wang@example.com":
        (link,) = links
        assert link.startswith("https://portal.example:8443/accounts/password/reset/key/")
        assert client.get(link.removeprefix("https://portal.example:8443"), follow=True).status_code == 200
    else:
        assert not links  # nobody signs up by themselves
        assert "no account has it" in mail.body


# One's mail address


def test_an_address_counts_once_its_link_was_opened_and_not_before(wang, mailoutbox):
    li = make_user("li-signs-in", email="li@example.com")
    page = reverse("account_email")
    client = Client(REMOTE_ADDR=an_address(), headers={"accept-language": "en"})
    client.force_login(wang, backend="merchants.backends.PeopleBackend")
    for address in (li.email, "new@example.com"):
        assert client.post(page, {"action_add": "", "email": address}).status_code == 302
        answer = client.post(page, {"action_primary": "", "email": address}, follow=True)
        assert "Open the link in the mail that we sent to this address first." in answer.content.decode()
        wang.refresh_from_db()
        assert wang.email == "wang@example.com"
    (link,) = re.findall(r"https?://[^/\s]+(/accounts/confirm-email/\S+)", mailoutbox[-1].body)
    assert client.post(link).status_code == 302
    client.post(page, {"action_primary": "", "email": "new@example.com"})
    wang.refresh_from_db()
    assert wang.email == "new@example.com"


# The second factor


def code_of(secret: str) -> str:
    """The six digits of this moment."""
    return str(totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time()))))


def asked_for_a_code(user: Any, sender: str) -> Client:
    """A browser that gave the right password."""
    client = Client(REMOTE_ADDR=sender, headers={"accept-language": "en"})
    answer = client.post(reverse("account_login"), {"login": user.username, "password": "right"})
    assert answer.headers["Location"].startswith(reverse("mfa_authenticate"))
    return client


def test_wrong_codes_are_counted_for_the_person_from_wherever_they_come(wang):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(wang, secret)
    page = reverse("mfa_authenticate")
    with freeze_time("2026-03-10T04:00:00Z"):
        right = code_of(secret)
        wrong = f"{(int(right) + 500_000) % 1_000_000:06d}"
        owner = asked_for_a_code(wang, an_address())
        assert owner.post(page, {"code": wrong}).status_code == 200
        assert owner.post(page, {"code": right}).status_code == 302  # which forgets the wrong one
    with freeze_time("2026-03-10T04:05:00Z"):
        guessers = [asked_for_a_code(wang, an_address()) for _number in range(9)]
        assert [guesser.post(page, {"code": wrong}).status_code for guesser in guessers[:8]] == [200] * 8
        assert guessers[8].post(page, {"code": code_of(secret)}).status_code == 200  # right, and not taken
    with freeze_time("2026-03-10T04:20:01Z"):
        assert owner.get(reverse("home")).status_code == 403  # signed in all the while
        assert asked_for_a_code(wang, an_address()).post(page, {"code": code_of(secret)}).status_code == 302
