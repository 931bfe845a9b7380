"""The bell on every page, the list behind it, and how far somebody has read."""

import re

import pytest

from complaints.tests.factories import handle_at
from complaints.tests.pages import browser, text_of
from merchants.models import Grant
from merchants.tests.people import acting
from notifications import bell
from notifications.models import Notice, NoticeChoice
from notifications.tests.making import chosen, happens, make_house, tell_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]

NOW = "2026-11-20T10:00+08:00"


def bells(response):
    """What the bells of a page say, for screen readers."""
    return set(re.findall(r'class="visually-hidden">(Notices[^<]*)<', response.content.decode()))


def new_ones(client):
    return client.get("/notices/").content.decode().count("notice--new")


def test_the_bell_counts_what_is_new_and_stands_on_every_page():
    house = make_house()
    with browser(house.wang, NOW) as client:
        assert bells(client.get("/")) == {"Notices"}
        house.files(NOW)
        happens(house, NOW)
        tell_at(NOW)
        for page in ("/", "/complaints/", "/notices/", "/members/"):
            assert bells(client.get(page)) == {"Notices, 2 new"}, page


def test_it_says_no_more_than_99(monkeypatch):
    house = make_house()
    for _ in range(100):
        happens(house, NOW)
    tell_at(NOW)
    with browser(house.wang, NOW) as client:
        assert bells(client.get("/notices/")) == {"Notices, 99+ new"}
    place = house.place(house.wang)
    monkeypatch.setattr(bell, "LOOK_AT", 7)
    assert bell.unread_count(place) == 7


def test_it_costs_a_page_one_query(django_assert_num_queries):
    house = make_house()
    happens(house, NOW)
    tell_at(NOW)
    chosen(house.wang, house.merchant)
    place = house.place(house.wang)
    with django_assert_num_queries(1):
        assert bell.unread_count(place) == 1


def test_only_for_members_who_may_see_cases():
    house = make_house()
    happens(house, NOW)
    tell_at(NOW)
    with browser(house.member("Blind", Grant.MEMBERS), NOW) as client:
        assert bells(client.get("/members/")) == set()
        assert client.get("/notices/").status_code == 403


def test_only_the_kinds_that_were_chosen_and_only_of_ones_own_merchant():
    house, other = make_house(), make_house("Wine House")
    happens(house, NOW)
    happens(house, NOW, "complaint.confirmed")
    happens(house, NOW, "robot.failed", name="Desk", since=NOW)
    happens(other, NOW)
    tell_at(NOW)
    li = house.member("Li")
    chosen(li, house.merchant, bell_kinds=["answer", "robot"])
    with browser(li, NOW) as client:
        page = client.get("/notices/")
        assert bells(page) == {"Notices, 1 new"}
        assert "is solved" in text_of(page)
        assert "left a message" not in text_of(page)
        assert "Desk" not in text_of(page), "robots concern whoever may change settings"
    with browser(house.wang, NOW) as client:
        assert "Desk" in text_of(client.get("/notices/"))


def test_a_notice_says_what_happened_and_leads_there():
    house = make_house()
    complaint = house.files(NOW)
    tell_at(NOW)
    with browser(house.wang, "2026-11-20T12:00+08:00") as client:
        page = client.get("/notices/").content.decode()
        sentence = f"New complaint {complaint.complaint_no}: 3 d 22 h left, until 2026-11-24 10:00 Beijing time."
        assert f'<a href="/complaints/{complaint.complaint_no}/">{sentence}</a>' in page
        assert "settled meanwhile" not in page
        handle_at("2026-11-20T13:00+08:00", complaint)
        assert "settled meanwhile" in client.get("/notices/").content.decode()


def test_marking_as_read_stops_at_what_was_shown():
    house = make_house()
    for _ in range(3):
        happens(house, NOW)
    tell_at(NOW)
    with browser(house.wang, NOW) as client:
        page = client.get("/notices/").content.decode()
        (up_to,) = re.findall(r'name="up_to" value="(\d+)"', page)
        happens(house, NOW, "complaint.confirmed")
        tell_at(NOW)
        assert client.post("/notices/read/", {"up_to": up_to}).status_code == 302
        assert new_ones(client) == 1
        assert bells(client.get("/")) == {"Notices, 1 new"}
        assert client.post("/notices/read/", {"up_to": "1"}).status_code == 302
        assert new_ones(client) == 1, "it never goes back"
        client.post("/notices/read/", {"up_to": str(2**63 - 1)})
        assert new_ones(client) == 0
        assert "Mark all as read" not in client.get("/notices/").content.decode()
        happens(house, NOW)
        tell_at(NOW)
        assert new_ones(client) == 1, "what comes later is new, however far somebody said that they read"


@pytest.mark.parametrize("up_to", ["", "x", "-1", "1.5", str(2**63), "9" * 5000, "٣", "\0"])
def test_what_is_no_number_is_refused(up_to):
    house = make_house()
    with browser(house.wang, NOW) as client:
        assert client.post("/notices/read/", {"up_to": up_to}).status_code == 400
    assert not NoticeChoice.objects.exists()


def test_what_one_has_read_is_new_to_the_others():
    house = make_house()
    li = house.member("Li")
    happens(house, NOW)
    tell_at(NOW)
    bell.mark_read(Notice.objects.get().pk, actor=acting(li, house.merchant))
    with browser(house.wang, NOW) as client:
        assert new_ones(client) == 1
    with browser(li, NOW) as client:
        assert new_ones(client) == 0


def test_many_are_on_several_pages_with_as_many_queries_as_few(django_assert_max_num_queries):
    house = make_house()
    complaints = [house.files(NOW) for _ in range(12)]
    for complaint in complaints:
        happens(house, NOW, "complaint.confirmed", complaint_no=complaint.complaint_no)
        happens(house, NOW, complaint_no=complaint.complaint_no)
    tell_at(NOW)
    with browser(house.wang, NOW) as client:
        with django_assert_max_num_queries(9):
            first = client.get("/notices/")
        page = first.content.decode()
        assert page.count('class="notice ') == 20
        (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
        second = client.get(f"/notices/{following}").content.decode()
        assert second.count('class="notice ') == 16
        assert "Mark all as read" not in second, "the newest are not on this page"
        assert client.get("/notices/?cursor=nonsense").status_code == 400


def test_empty_pages_say_why():
    house = make_house()
    with browser(house.wang, NOW) as client:
        assert "Nothing has happened yet" in text_of(client.get("/notices/"))
        chosen(house.wang, house.merchant, bell_kinds=[])
        assert "You chose not to be told of anything here" in text_of(client.get("/notices/"))
        happens(house, NOW)
        tell_at(NOW)
        assert bells(client.get("/notices/")) == {"Notices"}
