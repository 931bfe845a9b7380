"""Opening an invitation: who invites, to what; joining; and each way in which a link does not open."""

import io
import logging
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from freezegun import freeze_time

from common.logs import hide_links
from complaints.tests.factories import make_user
from complaints.tests.pages import browser, text_of
from merchants import team
from merchants.models import Grant, Membership, User
from merchants.tests.people import EXPIRES, INVITED, acting, invited, make_person, make_team, place_of

pytestmark = pytest.mark.django_db

NOW = "2026-11-03T10:00+08:00"
ACCOUNT = {"name": "Li Lei", "password": "quite-long-enough", "once_more": "quite-long-enough"}


@pytest.fixture
def tea():
    return make_team()


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests():
    cache.clear()


def visitor():
    return Client(HTTP_ACCEPT_LANGUAGE="en")


def link(invitation):
    return f"/join/{team.token_of(invitation)}/"


def test_the_token_leaves_the_address_at_once(tea):
    address = link(invited(*tea))
    with freeze_time(NOW):
        response = visitor().get(address)
    assert (response.status_code, response.headers["Location"]) == (302, "/join/")
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]


def test_the_page_says_who_invites_to_what_and_holds_no_token(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang, grants=[Grant.VIEW, Grant.APPEAL])
    with freeze_time(NOW):
        page = visitor().get(link(invitation), follow=True)
    text = text_of(page)
    assert "Work for Tea House" in text
    assert "Wang Fang invites you to handle the complaints of Tea House together." in text
    assert "see complaints and penalties, appeal" in text
    assert "2026-11-09 10:00 Beijing time" in text
    assert team.token_of(invitation) not in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_a_new_person_makes_an_account_is_signed_in_and_acts_for_the_merchant(tea):
    merchant, wang = tea
    client = visitor()
    with freeze_time(NOW):
        client.get(link(invited(merchant, wang)))
        response = client.post("/join/", ACCOUNT, follow=True)
        assert response.redirect_chain == [("/", 302)]
        assert "You now work for Tea House." in text_of(response)
        assert "<h1>Tea House</h1>" in response.content.decode()
        user = User.objects.get(email="li@example.com")
        assert (str(user), user.language, place_of(user, merchant).grants) == ("Li Lei", "en", ["view"])
        assert client.get("/join/").status_code == 400  # the link was used, and forgotten
        client.logout()
        for login in ("li@example.com", "LI@example.com"):
            signed_in = visitor().post("/accounts/login/", {"login": login, "password": "quite-long-enough"})
            assert signed_in.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"once_more": "something-else"}, "The two passwords differ."),
        ({"password": "short", "once_more": "short"}, "This password is too short."),
        ({"password": "12345678901", "once_more": "12345678901"}, "This password is entirely numeric."),
        ({"password": "li@example.com", "once_more": "li@example.com"}, "too similar to the"),
    ],
)
def test_a_bad_account_is_refused_at_its_field_and_nobody_joins(tea, given, sentence):
    client = visitor()
    with freeze_time(NOW):
        client.get(link(invited(*tea)))
        response = client.post("/join/", {**ACCOUNT, **given})
    assert response.status_code == 400
    assert sentence in text_of(response)
    assert not User.objects.filter(email="li@example.com").exists()


def test_an_address_with_an_account_is_asked_to_sign_in_and_comes_back(tea):
    merchant, wang = tea
    li = make_user("li", email="li@example.com", last_name="Li")
    client = visitor()
    with freeze_time(NOW):
        page = client.get(link(invited(merchant, wang)), follow=True)
        assert "/accounts/login/?next=/join/" in page.content.decode()
        assert "once_more" not in page.content.decode()
        assert client.post("/join/", ACCOUNT).status_code == 409
        page = client.post("/accounts/login/?next=/join/", {"login": "li", "password": "password"}, follow=True)
        assert page.redirect_chain == [("/join/", 302)]
        assert "Join as Li" in text_of(page)
        client.post("/join/")
    assert place_of(li, merchant).grants == ["view"]


def test_somebody_else_may_use_the_machine_and_the_invitation_stays_open(tea):
    merchant, wang = tea
    other = make_team("Wine House")[1]
    with browser(other, NOW) as client:
        client.get(link(invited(merchant, wang)))
        page = client.post("/join/another/", follow=True)
        assert page.redirect_chain == [("/join/", 302)]
        assert "Make the account and join" in text_of(page)
    assert not Membership.objects.filter(user=other, merchant=merchant).exists()


def test_who_works_for_another_merchant_joins_and_acts_for_the_new_one(tea):
    merchant, wang = tea
    wine, zhou = make_team("Wine House")
    with browser(zhou, NOW) as client:
        assert "<h1>Wine House</h1>" in client.get("/").content.decode()
        client.get(link(invited(merchant, wang)))
        assert client.get("/join/").status_code == 200
        assert "<h1>Tea House</h1>" in client.post("/join/", follow=True).content.decode()
    assert set(zhou.memberships.values_list("merchant", flat=True)) == {merchant.pk, wine.pk}


def refusal_of(client, address):
    page = client.get(address, follow=True)
    assert "This invitation does not open" in text_of(page)
    return page.status_code, text_of(page)


def test_each_link_that_does_not_open_has_a_page_that_says_why_and_what_to_do(tea):
    merchant, wang = tea
    actor = acting(wang, merchant)
    address = link(invited(merchant, wang))
    with freeze_time(EXPIRES + timedelta(microseconds=1)):
        status, text = refusal_of(visitor(), address)
        assert (status, "has expired. Ask Wang Fang to send it again." in text) == (409, True)
    with freeze_time(NOW):
        status, text = refusal_of(visitor(), address[:-2] + "/")
        assert (status, "Open it from the mail again, or copy all of it." in text) == (400, True)
        status, text = refusal_of(visitor(), "/join/")
        assert (status, "Open the link in the mail that invites you." in text) == (400, True)
        status, text = refusal_of(visitor(), "/join/" + "A" * 5000 + "/")
        assert status == 400
        renewed = team.renew(wang_invitation(merchant).pk, actor=actor, now=INVITED)
        status, text = refusal_of(visitor(), address)
        assert (status, "open the link in the latest mail" in text) == (409, True)
        address = link(renewed)
        with browser(make_user(is_staff=True), NOW) as client:
            status, text = refusal_of(client, address)
            assert (status, "Sign in with another account." in text) == (403, True)
            assert "Use another account" in text
        with browser(wang, NOW) as client:
            status, text = refusal_of(client, address)
            assert (status, "You work for Tea House already." in text) == (409, True)
            assert client.post("/join/").status_code == 409
        team.accept(team.token_of(renewed), make_user(), now=INVITED)
        status, text = refusal_of(visitor(), address)
        assert (status, "was used already. Sign in with the account that used it." in text) == (409, True)
        gone = invited(merchant, wang, email="zhao@example.com")
        team.withdraw(gone.pk, actor=actor, now=INVITED)
        status, text = refusal_of(visitor(), link(gone))
        assert (status, "was withdrawn. Ask whoever invited you." in text) == (409, True)


def wang_invitation(merchant):
    return team.open_invitations(merchant.pk).get()


def test_opening_a_link_changes_nothing_so_a_scanner_of_mails_spends_none(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang)
    with freeze_time(NOW):
        for _time in range(3):
            assert visitor().get(link(invitation), follow=True).status_code == 200
    assert team.opened(team.token_of(invitation), now=INVITED) == invitation


def test_joining_is_limited_as_signing_in_is(tea):
    client = visitor()
    with freeze_time(NOW):
        client.get(link(invited(*tea)))
        bad = {**ACCOUNT, "once_more": "x"}
        assert [client.post("/join/", bad).status_code for _ in range(20)] == [400] * 20
        response = client.post("/join/", ACCOUNT)
        assert response.status_code == 429
        assert "Wait a minute" in text_of(response)
        assert client.get("/join/").status_code == 200
    assert not User.objects.filter(email="li@example.com").exists()
    with freeze_time("2026-11-03T10:01:01+08:00"):
        assert client.post("/join/", ACCOUNT).status_code == 302


# The token is in no log.


def logged(call):
    """What is written while this runs, in the form in which the portal writes it."""
    root = logging.getLogger()
    (formatter,) = {handler.formatter for handler in root.handlers if type(handler) is logging.StreamHandler}
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    root.addHandler(handler)
    try:
        call()
    finally:
        root.removeHandler(handler)
    return written.getvalue()


def test_no_line_of_a_log_holds_the_token(tea):
    invitation = invited(*tea)
    token, client = team.token_of(invitation), visitor()

    def open_it():
        client.get(f"/join/{token}/", follow=True)
        client.get(f"/join/{token}/nothing/")  # an address that does not exist, which Django notes itself

    with freeze_time(NOW):
        text = logged(open_it)
    assert "GET /join/…/" in text
    assert "GET /join/ " in text or "GET /join/'" in text
    assert token not in text


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("GET /join/WzEsMV0:1abc:d-_e/", "GET /join/…/"),
        ("GET /accounts/login/?next=/join/WzEsMV0:1abc/", "GET /accounts/login/?next=/join/…/"),
        ("GET /accounts/login/?next=%2Fjoin%2FWzEsMV0%3A1abc%2F", "GET /accounts/login/?next=%2Fjoin%2F…"),
        ("Not Found: /accounts/password/reset/key/5-cz1x-abc/", "Not Found: /accounts/password/reset/key/…/"),
        ("GET /join/", "GET /join/"),
        ("GET /complaints/TS1/", "GET /complaints/TS1/"),
    ],
)
def test_links_that_let_somebody_in_are_hidden(line, hidden):
    assert hide_links(None, "info", {"event": line, "code": 200}) == {"event": hidden, "code": 200}


def test_a_mail_that_is_printed_for_want_of_a_mail_server_keeps_its_link():
    printed = {"event": "http://127.0.0.1:8000/join/WzEsMV0:1abc/", "logger": "celery.redirected"}
    assert hide_links(None, "warning", dict(printed)) == printed


# The language follows the person.


def test_the_chosen_language_follows_the_person_to_another_machine(tea):
    merchant, _wang = tea
    li = make_person(merchant, "Li", Grant.VIEW)
    with browser(li, NOW, language="en") as client:
        assert "Main navigation" in client.get("/").content.decode()
        client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    li.refresh_from_db()
    assert li.language == "zh-hans"
    with browser(li, NOW, language="en") as elsewhere:
        response = elsewhere.get("/")
        assert response.headers["Content-Language"] == "zh-hans"
        assert '<html lang="zh-hans">' in response.content.decode()
        elsewhere.post("/i18n/setlang/", {"language": "fr", "next": "/"})
    li.refresh_from_db()
    assert li.language == "zh-hans"
    translation.activate("en")


def test_who_is_not_signed_in_only_gets_a_cookie():
    client = visitor()
    response = client.post("/i18n/setlang/", {"language": "en", "next": "/accounts/login/"})
    assert response.cookies["portal_language"].value == "en"
    assert client.get("/i18n/setlang/").status_code == 302
