"""What no page of the portal sends, and somebody may: it is answered, and never with a fault of ours."""

import pytest
from django.test import Client

from complaints.tests.factories import make_user
from complaints.tests.pages import Shop, browser, make_shop, text_of
from complaints_portal.middleware import LARGEST_FORM

NOON = "2026-03-10T12:00+08:00"


@pytest.fixture
def shop(db) -> Shop:
    return make_shop("Tea House")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    "address",
    [
        "/complaints/?due=",
        "/complaints/?status=all&filed_from=",
        "/complaints/?status=all&filed_to=",
        "/refunds/?opened_from=",
        "/refunds/?opened_to=",
        "/violations/?issued_from=",
        "/violations/?issued_to=",
        "/consultations/?asked_from=",
        "/consultations/?asked_to=",
        "/insights/?first=",
        "/insights/?last=",
    ],
)
def test_the_first_and_the_last_day_that_there_are_can_be_asked_for(shop, address, day):
    with browser(shop.administrator, NOON) as client:
        assert client.get(address + day).status_code == 200


@pytest.mark.parametrize("address", ["/complaints/assign/", "/complaints/bulk/", "/theme/", "/members/ask/"])
def test_a_mere_word_is_no_way_back(shop, address):
    with browser(shop.administrator, NOON) as client:
        answer = client.post(address, {"next": "a mere word", "one": "none", "assignee": "nobody", "grant": "view"})
    assert answer.status_code in (302, 404)
    assert "mere" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("address", ["?status=%00", "?q=a&kind__exact=x%00", "%00/change/", "x%00y/history/"])
def test_an_address_of_admin_with_a_nul_in_it_is_refused(db, address):
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert client.get(f"/admin/penalties/penalty/{address}").status_code == 400
    assert client.get("/admin/penalties/penalty/?q=%00").status_code == 200  # the list itself finds nothing by it


def test_nobody_on_the_way_keeps_what_somebody_who_is_signed_in_was_shown(shop):
    with browser(shop.administrator, NOON) as client:
        for address in ("/", "/complaints/", "/members/", "/accounts/email/", "/no/such/page/"):
            assert client.get(address).headers["Cache-Control"] == "private, no-cache"
        (program,) = shop.merchant.mini_programs.all()
        shown_to_all = client.get(f"/contact/{program.platform.code}/{program.app_id}.json")
        assert shown_to_all.headers["Cache-Control"] == "public, max-age=300"
    assert "Cache-Control" not in Client().get("/api/schema/").headers


@pytest.mark.parametrize("address", ["/accounts/login/", "/complaints/", "/no/such/page/"])
def test_a_form_that_is_larger_than_any_could_be_is_refused_before_it_is_read(db, address):
    kind = "multipart/form-data; boundary=x"
    for size in (LARGEST_FORM + 1, 2**50):
        answer = Client().generic("POST", address, b"", content_type=kind, CONTENT_LENGTH=str(size))
        assert answer.status_code == 413
        assert "413" in text_of(answer)


def test_the_page_about_the_api_is_only_read(db):
    assert Client().options("/api/docs/").status_code == 405
