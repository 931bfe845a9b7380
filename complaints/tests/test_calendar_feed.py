"""The calendar that other programs subscribe to: what is in it, who may read it, and links that open nothing."""

import re

import pytest
from django.core import signing
from django.test import Client
from freezegun import freeze_time
from icalendar import Calendar

from appeals.tests.making import ASK, appeal_at, decide_at, make_reviewer, penalty_issued
from common.logs import hide_links
from complaints import calendar_feed
from complaints.tests.factories import handle_at, moment
from complaints.tests.pages import browser
from deadlines.models import Deadline, WorkDay
from merchants.models import Grant, Membership
from merchants.team import remove_member
from merchants.tests.people import acting
from notifications import feeds
from notifications.models import NoticeChoice
from notifications.tests.making import make_house
from refunds.tests.making import case_at

pytestmark = pytest.mark.django_db

NOW = "2026-11-20T10:00+08:00"
PATH = re.compile(r"^https://portal\.example\.com(/calendar/[^/]+\.ics)$")


@pytest.fixture(autouse=True)
def public(settings):
    settings.PUBLIC_URL = "https://portal.example.com/"


def linked(house, user=None):
    """The path of a member's calendar."""
    choice = feeds.make_link(actor=acting(user or house.wang, house.merchant))
    found = PATH.match(feeds.link_of(choice))
    assert found
    return found[1]


def fetch(path, at=NOW, **headers):
    with freeze_time(at):
        return Client().get(path, headers=headers)


def events(response):
    assert response.status_code == 200, response.content
    return Calendar.from_ical(response.content).walk("VEVENT")


def test_each_clock_that_runs_is_an_event_at_its_moment_without_names():
    house = make_house()
    complaint = house.files(NOW, consumer_name="Han Meimei", description="My secret words.")
    response = fetch(linked(house))
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    (event,) = events(response)
    assert event.decoded("dtstart") == moment("2026-11-24T10:00+08:00")
    assert event["uid"] == f"handle-{complaint.pk}@portal.example.com"
    assert event["summary"] == f"Handle complaint {complaint.complaint_no}"
    assert event["url"] == f"https://portal.example.com/complaints/{complaint.complaint_no}/"
    assert event["description"] == f"Missing it costs 1 point.\n{event['url']}"
    assert event["transp"] == "TRANSPARENT"
    assert not list(event.walk("VALARM"))
    for words in (b"Meimei", b"secret"):
        assert words not in response.content
    assert b"\r\n" in response.content


def test_all_that_a_merchant_can_still_do_something_about_is_there_soonest_first():
    house = make_house()
    other = make_house("Wine House")
    other.files(NOW)
    case = case_at(NOW, program=house.program)
    standing = penalty_issued(NOW, program=house.program)
    asked = penalty_issued(NOW, program=house.program)
    appeal = appeal_at(NOW, asked)
    decide_at("2026-11-20T10:30+08:00", "ask", appeal, ASK, by=make_reviewer())
    under_review = penalty_issued("2026-11-20T10:40+08:00", program=house.program)
    appeal_at("2026-11-20T10:41+08:00", under_review)
    waiting = house.files("2026-11-20T10:42+08:00")
    handle_at("2026-11-20T10:50+08:00", house.files(NOW))
    house.files("2026-11-16T10:30+08:00")  # missed: nothing can be done in time any more
    found = events(fetch(linked(house), "2026-11-20T11:00+08:00"))
    assert [(event["uid"].partition("-")[0], event["url"].rsplit("/", 2)[1]) for event in found] == [
        ("handle", waiting.complaint_no),
        ("refund", case.case_no),
        ("appeal", standing.penalty_no),
        ("supplement", asked.penalty_no),
    ]
    assert [event.decoded("dtstart") for event in found] == sorted(event.decoded("dtstart") for event in found)


def test_a_clock_that_moves_keeps_its_event_and_says_when_it_may_move_again():
    house = make_house()
    house.files(NOW)
    path = linked(house)
    (before,) = events(fetch(path))
    Deadline.objects.update(
        due_at=moment("2026-10-01T10:00+08:00"), is_provisional=True, counted_from=moment(NOW), working_days=3
    )
    WorkDay.objects.update_or_create(
        day="2026-10-01", defaults={"is_working": False, "name": "国庆节", "source": "test"}
    )
    (after,) = events(fetch(path, "2026-09-20T10:00+08:00"))
    assert before["uid"] == after["uid"]
    assert after.decoded("dtstart") == moment("2026-10-01T10:00+08:00")
    assert "The deadline falls on 国庆节." in after["description"]
    assert "Provisional" in after["description"]


@pytest.mark.parametrize(
    ("at", "number"),
    [("2026-11-24T09:59:59+08:00", 1), ("2026-11-24T10:00+08:00", 1), ("2026-11-24T10:00:01+08:00", 0)],
)
def test_an_event_is_there_until_its_moment(at, number):
    house = make_house()
    house.files(NOW)
    assert len(events(fetch(linked(house), at))) == number


def test_no_more_than_the_next_ones_in_one_statement(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(calendar_feed, "MOST", 2)
    house = make_house()
    for hour in (12, 10, 11):
        house.files(f"2026-11-20T{hour}:00+08:00")
    path = linked(house)
    with django_assert_num_queries(1):
        clocks = calendar_feed.next_deadlines(house.merchant.pk, now=moment(NOW))
    assert [clock.due_at for clock in clocks] == [
        moment("2026-11-24T10:00+08:00"),
        moment("2026-11-24T11:00+08:00"),
    ]
    with django_assert_num_queries(4):  # the member, the clocks, the complaints, the holidays
        fetch(path)


def test_what_has_not_changed_is_not_sent_again():
    house = make_house()
    house.files(NOW)
    path = linked(house)
    first = fetch(path)
    again = fetch(path, "2026-11-20T11:00+08:00", if_none_match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    house.files("2026-11-20T11:30+08:00")
    changed = fetch(path, "2026-11-20T12:00+08:00", if_none_match=first.headers["ETag"])
    assert changed.status_code == 200
    assert len(events(changed)) == 2


def test_it_speaks_the_language_of_the_member():
    house = make_house()
    li = house.member("Li", language="zh-hans")
    house.files(NOW)
    assert b"X-WR-CALNAME:Deadlines of Tea House" in fetch(linked(house)).content
    response = fetch(linked(house, li))
    assert len(events(response)) == 1


class TestWhoMayRead:
    @pytest.fixture
    def house(self):
        house = make_house()
        house.files(NOW)
        return house

    def test_renewed_the_link_before_is_dead(self, house):
        first = linked(house)
        second = linked(house)
        assert first != second
        assert fetch(first).status_code == 404
        assert fetch(second).status_code == 200

    def test_ended_it_opens_nothing_until_a_new_one_is_made(self, house):
        path = linked(house)
        feeds.end_link(actor=acting(house.wang, house.merchant))
        assert fetch(path).status_code == 404
        assert fetch(linked(house)).status_code == 200
        assert fetch(path).status_code == 404

    @pytest.mark.parametrize("change", ["removed", "without the grant", "switched off"])
    def test_permissions_are_looked_at_each_time(self, house, change):
        li = house.member("Li")
        path = linked(house, li)
        assert fetch(path).status_code == 200
        place = house.place(li)
        if change == "removed":
            remove_member(place.pk, actor=acting(house.wang, house.merchant), now=moment(NOW))
        elif change == "without the grant":
            Membership.objects.filter(pk=place.pk).update(grants=[Grant.HANDLE])
        else:
            type(li).objects.filter(pk=li.pk).update(is_active=False)
        assert fetch(path).status_code == 404

    def test_altered_by_a_letter(self, house):
        path = linked(house)
        for position in range(len("/calendar/"), len(path) - len(".ics")):
            letter = "a" if path[position] != "a" else "b"
            assert fetch(path[:position] + letter + path[position + 1 :]).status_code == 404

    @pytest.mark.parametrize("inside", [[1], "x", [1, 2, 3], {"a": 1}, ["x", 1], None, [None, None]])
    def test_signed_but_something_else(self, house, inside):
        assert fetch(f"/calendar/{signing.dumps(inside, salt=feeds.SALT)}.ics").status_code == 404
        assert fetch(f"/calendar/{signing.dumps([1, 1], salt='another')}.ics").status_code == 404

    def test_it_can_only_be_read(self, house):
        path = linked(house)
        assert Client().post(path).status_code == 405
        with freeze_time(NOW):
            assert Client().head(path).status_code == 200


def test_the_link_stands_in_no_log():
    line = "GET /calendar/WzEsMV0:abc:def.ics HTTP/1.1"
    assert hide_links(None, "info", {"event": line})["event"] == "GET /calendar/… HTTP/1.1"


def test_the_page_makes_renews_and_ends_the_link():
    house = make_house()
    house.files(NOW)
    with browser(house.wang, NOW) as client:
        page = client.get("/settings/notices/").content.decode()
        assert "/calendar/" not in page.replace("/settings/notices/calendar/", "")
        client.post("/settings/notices/calendar/", {"do": "make"})
        page = client.get("/settings/notices/").content.decode()
        (link,) = re.findall(r'value="https://portal\.example\.com(/calendar/[^"]+)"', page)
        assert Client().get(link).status_code == 200
        client.post("/settings/notices/calendar/", {"do": "end"})
        assert Client().get(link).status_code == 404
        assert client.post("/settings/notices/calendar/", {"do": "dance"}).status_code == 400
    assert NoticeChoice.objects.count() == 1
