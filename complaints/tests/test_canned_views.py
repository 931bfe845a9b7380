"""The pages of canned replies: the list, making and changing one, deleting it and having it back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from complaints.models import CannedReply
from complaints.tests.factories import make_picture, member_actor, moment
from complaints.tests.pages import Shop, browser, make_shop, member, picture, text_of
from complaints.workspace.canned import CannedInput, save_canned
from evidence.models import Evidence
from merchants.models import Grant, User

pytestmark = pytest.mark.django_db

AT = "2026-03-10T12:00+08:00"
LIST, NEW = "/complaints/replies/", "/complaints/replies/new/"
SAID = {
    "title": "Refunded",
    "text": "Dear {consumer}, {refund} went back.",
    "method": "other_refund",
    "refund": "asked",
}


@contextmanager
def visit(user: User) -> Iterator[Any]:
    """The browser of a person at the usual moment; its answers are untyped, for they are of many kinds."""
    with browser(user, AT) as client:
        yield client


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


def make(shop: Shop, title: str = "Refunded", *pictures: Evidence) -> CannedReply:
    given = CannedInput(**{**SAID, "title": title}, pictures=pictures)
    return save_canned(given, actor=member_actor(shop.merchant), now=moment(AT))


def undo_in(response: Any) -> str:
    found = re.search(r'name="undo" value="([^"]+)"', response.content.decode())
    assert found, "no button takes it back"
    return found[1]


def page_of(canned: CannedReply, verb: str = "") -> str:
    return f"{LIST}{canned.pk}/{verb}"


def test_the_list_shows_what_there_is_and_explains_the_variables(shop):
    make(shop, "Refunded", make_picture(shop.merchant))
    with visit(shop.administrator) as client:
        text = text_of(client.get(LIST))
    for part in (
        "Refunded",
        "Dear {consumer}",
        "what the consumer asks for",
        "{amount}",
        "the mini program",
        "Li Lei",
    ):
        assert part in text


def test_a_reply_is_made_with_its_pictures(shop):
    with visit(shop.administrator) as client:
        assert client.post(NEW, SAID | {"pictures": picture()}).url == LIST
        assert "The canned reply “Refunded” was saved." in text_of(client.get(LIST))
    canned = CannedReply.objects.get()
    assert (canned.title, canned.method, canned.refund, canned.changed_by) == (
        "Refunded",
        "other_refund",
        "asked",
        "Wang Fang",
    )
    assert canned.pictures.count() == 1


def test_pictures_outlive_an_error_beside_them(shop):
    with visit(shop.administrator) as client:
        answer = client.post(NEW, SAID | {"text": "Dear {nobody}", "pictures": picture()})
        assert answer.status_code == 400
        assert "There is no variable {nobody}" in text_of(answer)
        assert "Dear {nobody}" in text_of(answer)
        kept = re.findall(r'name="pictures_kept" value="(\w+)"', answer.content.decode())
        assert kept == [Evidence.objects.get().token]
        client.post(NEW, SAID | {"pictures_kept": kept})
    assert list(CannedReply.objects.get().pictures.all()) == list(Evidence.objects.all())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": ""}, "This field is required."),
        ({"title": "Taken"}, "Another canned reply has this title."),
        ({"text": "x" * 1001}, "at most 1000 characters"),
        ({"refund": ""}, "Say how much is refunded."),
        ({"method": "magic"}, "magic is not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(shop, change, sentence):
    make(shop, "Taken")
    with visit(shop.administrator) as client:
        answer = client.post(NEW, SAID | change)
        assert answer.status_code == 400
        assert sentence in text_of(answer)
    assert CannedReply.objects.count() == 1


def test_a_reply_is_changed_and_keeps_the_pictures_that_stay_ticked(shop):
    first, second = make_picture(shop.merchant), make_picture(shop.merchant)
    canned = make(shop, "Refunded", first, second)
    with visit(shop.administrator) as client:
        page = client.get(page_of(canned)).content.decode()
        assert re.findall(r'name="pictures_kept" value="(\w+)"', page) == [first.token, second.token]
        assert "Dear {consumer}" in page
        sent = SAID | {"title": "New", "method": "", "refund": "asked", "pictures_kept": [second.token]}
        assert client.post(page_of(canned), sent).url == LIST
    canned.refresh_from_db()
    assert (canned.title, canned.method, canned.refund, list(canned.pictures.all())) == ("New", "", "", [second])


def test_a_preview_fills_in_the_newest_complaint_and_says_what_its_way_lacks(shop):
    shop.files("2026-03-08T09:00+08:00", consumer_name="李四")
    newest = shop.files("2026-03-09T09:00+08:00", consumer_name="张小明", trade_amount=Decimal("10.00"))
    with visit(shop.administrator) as client:
        answer = client.post(NEW, SAID | {"preview": "1"})
        assert answer.status_code == 200
        text = text_of(answer)
        for part in (newest.complaint_no, "Dear 张**, ¥10.00 went back.", "number, or a picture of the refund record."):
            assert part in text
        with_picture = text_of(client.post(NEW, SAID | {"preview": "1", "pictures": picture()}))
        assert "Dear 张**" in with_picture
        assert "of the refund record" not in with_picture
        assert "There is no variable {nobody}" in text_of(client.post(NEW, SAID | {"preview": "1", "text": "{nobody}"}))
    assert not CannedReply.objects.exists()


def test_a_preview_without_any_complaint_makes_one_up(shop):
    with visit(shop.administrator) as client:
        text = text_of(client.post(NEW, SAID | {"preview": "1"}))
    assert "For a complaint that is made up:" in text
    assert "Dear 张**, ¥128.00 went back." in text


def test_a_deleted_reply_comes_back_within_ten_seconds_as_it_was(shop):
    kept = make_picture(shop.merchant)
    canned = make(shop, "Refunded", kept)
    with visit(shop.administrator) as client:
        assert client.post(page_of(canned, "delete/")).url == LIST
        assert not CannedReply.objects.exists()
        token = undo_in(client.get(LIST))
        with freeze_time("2026-03-10T12:00:12+08:00"):
            client.post(f"{LIST}undo/", {"undo": token})
    back = CannedReply.objects.get()
    assert {name: getattr(back, name) for name in SAID} == SAID
    assert list(back.pictures.all()) == [kept]


def test_after_twelve_seconds_it_stays_deleted_and_the_page_says_so(shop):
    canned = make(shop)
    with visit(shop.administrator) as client:
        client.post(page_of(canned, "delete/"))
        token = undo_in(client.get(LIST))
        with freeze_time("2026-03-10T12:00:12.000001+08:00"):
            answer = client.post(f"{LIST}undo/", {"undo": token, "next": LIST})
            assert "can no longer be undone" in text_of(client.get(answer.url))
    assert not CannedReply.objects.exists()


def test_taken_back_twice_it_is_there_once(shop):
    canned = make(shop)
    with visit(shop.administrator) as client:
        client.post(page_of(canned, "delete/"))
        token = undo_in(client.get(LIST))
        for _ in range(2):
            client.post(f"{LIST}undo/", {"undo": token})
        assert "Another canned reply has this title." in text_of(client.get(LIST))
    assert CannedReply.objects.count() == 1


def test_what_is_anothers_does_not_exist(shop):
    canned = make(make_shop())
    with visit(shop.administrator) as client:
        assert canned.title not in text_of(client.get(LIST))
        for address in (page_of(canned), page_of(canned, "delete/")):
            assert client.post(address, SAID).status_code == 404
    assert CannedReply.objects.get() == canned


def test_who_may_not_handle_learns_whom_to_ask(shop):
    canned = make(shop)
    with visit(member(shop, Grant.VIEW)) as client:
        for address in (LIST, NEW, page_of(canned)):
            assert client.get(address).status_code == 403
        for address in (NEW, page_of(canned), page_of(canned, "delete/"), f"{LIST}undo/"):
            assert client.post(address, SAID | {"pictures": picture()}).status_code == 403
    assert CannedReply.objects.count() == 1
    assert not Evidence.objects.exists()


def test_the_list_takes_as_many_statements_for_nine_as_for_one(shop):
    def statements(client: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        return len(queries)

    with visit(shop.administrator) as client:
        make(shop, "0", make_picture(shop.merchant))
        one = statements(client)
        for number in range(1, 9):
            make(shop, f"{number}", make_picture(shop.merchant))
        assert statements(client) == one
