"""For whom a person acts, how they switch, and whom they ask for what they lack."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from complaints.tests.factories import make_member, make_merchant, make_user
from complaints.tests.pages import browser, make_shop, text_of
from merchants.members import administrators_of
from merchants.models import Grant, Invitation, Membership

pytestmark = pytest.mark.django_db

NOON = "2026-03-10T12:00+08:00"
SWITCH = "/merchants/switch/"


@pytest.fixture
def two_shops():
    """Two shops with one administrator, who joined the tea house first."""
    tea, wine = make_shop("Tea House"), make_shop("Wine House")
    Membership.objects.create(merchant=wine.merchant, user=tea.administrator, grants=[Grant.VIEW])
    return tea, wine


def test_a_person_acts_for_the_merchant_they_joined_first_until_they_switch(two_shops):
    tea, wine = two_shops
    in_wine_house = wine.files("2026-03-10T09:00+08:00")
    address = reverse("complaints:detail", args=[in_wine_house.complaint_no])
    with browser(tea.administrator, NOON) as client:
        assert "<h1>Tea House</h1>" in client.get("/").content.decode()
        assert client.get(address).status_code == 404
        response = client.post(SWITCH, {"merchant": wine.merchant.pk}, follow=True)
        assert response.redirect_chain == [("/", 302)]
        assert "You now act for Wine House." in text_of(response)
        assert "<h1>Wine House</h1>" in response.content.decode()
        assert client.get(address).status_code == 200
        assert client.post(reverse("complaints:leave_message", args=[in_wine_house.complaint_no])).status_code == 403


@pytest.mark.parametrize(("chosen", "status"), [("Wine House", 403), ("Tea House", 302)])
def test_a_form_that_was_opened_for_one_merchant_does_nothing_at_another(two_shops, chosen, status):
    tea, wine = two_shops
    Membership.objects.filter(user=tea.administrator).update(is_administrator=True)
    merchant = {"Tea House": tea, "Wine House": wine}[chosen].merchant
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en", "referer": "http://testserver/"})
    client.force_login(tea.administrator)
    page = client.get("/members/invite/").content.decode()
    (token, *_others) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert client.post(SWITCH, {"merchant": merchant.pk, "csrfmiddlewaretoken": token}).status_code == 302
    sent = {"email": "li@example.com", "grants": "view", "language": "en", "csrfmiddlewaretoken": token}
    answer = client.post("/members/invite/", sent)
    assert answer.status_code == status
    invited = Invitation.objects.values_list("merchant__name", flat=True)
    assert list(invited) == (["Tea House"] if status == 302 else [])
    if status == 403:
        assert "chose another merchant" in answer.content.decode()


@pytest.mark.parametrize("chosen", ["", "0", "x", "-1", "9" * 30])
def test_one_cannot_switch_to_what_does_not_exist(two_shops, chosen):
    tea, _wine = two_shops
    with browser(tea.administrator, NOON) as client:
        assert client.post(SWITCH, {"merchant": chosen}).status_code == 404
        assert "<h1>Tea House</h1>" in client.get("/").content.decode()


def test_one_cannot_switch_to_another_persons_merchant(two_shops):
    tea, _wine = two_shops
    with browser(tea.administrator, NOON) as client:
        assert client.post(SWITCH, {"merchant": make_merchant().pk}).status_code == 404
        assert client.get(SWITCH).status_code == 405


def test_who_lost_the_chosen_membership_acts_for_the_other_one(two_shops):
    tea, wine = two_shops
    with browser(tea.administrator, NOON) as client:
        client.post(SWITCH, {"merchant": wine.merchant.pk})
        Membership.objects.filter(merchant=wine.merchant, user=tea.administrator).delete()
        assert "<h1>Tea House</h1>" in client.get("/").content.decode()


def test_who_is_not_signed_in_is_asked_to_before_switching(client):
    assert client.post(SWITCH, {"merchant": "1"}).headers["Location"] == "/"
    assert client.get("/").headers["Location"] == "/accounts/login/?next=/"


def test_a_person_who_was_deactivated_is_nobody(two_shops):
    tea, _wine = two_shops
    with browser(tea.administrator, NOON) as client:
        tea.administrator.is_active = False
        tea.administrator.save()
        assert client.get("/").headers["Location"] == "/accounts/login/?next=/"


def test_administrators_are_those_who_are_active():
    merchant = make_merchant()
    active = make_member(merchant, is_administrator=True)
    make_member(merchant, is_administrator=True, is_active=False)
    make_member(merchant, Grant.MEMBERS)
    make_member(make_merchant(), is_administrator=True)
    assert administrators_of(merchant.pk) == [active]


def test_a_page_without_access_says_so_when_no_administrator_is_active():
    merchant = make_merchant()
    with browser(make_member(merchant), NOON) as client:
        response = client.get("/")
    assert response.status_code == 403
    assert "No account administrator is active" in text_of(response)


def test_staff_who_are_also_members_act_as_staff():
    merchant = make_merchant()
    person = make_user(is_staff=True)
    Membership.objects.create(merchant=merchant, user=person, is_administrator=True)
    with browser(person, NOON) as client:
        assert client.get("/").headers["Location"] == "/admin/"
