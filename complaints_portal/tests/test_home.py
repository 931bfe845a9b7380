"""The home page and the navigation."""

import gzip
import re
from html import unescape

import pytest
from django.db import connection

from appeals.tests.making import ASK, appeal_at, decide_at, make_reviewer, penalty_issued, sweep
from common.counting import CAP
from complaints.models import Complaint
from complaints.services import leave_message
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import (
    consumer_actor,
    handle_at,
    member_actor,
    moment,
)
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from complaints.workspace.assigning import assign
from complaints_portal.home import assigned_to
from complaints_portal.home_forecast import rows_of
from deadlines.forecast import Day, Due, Forecast
from deadlines.tests.explaining import plans_of
from merchants.models import Grant, Membership
from merchants.tests.people import acting
from penalties.models import Penalty
from penalties.queries import open_at, waiting_count, windows_by_day
from refunds.tests.making import case_at

pytestmark = pytest.mark.django_db

NOON = "2026-03-10T12:00+08:00"


def figures(response) -> list[str]:
    """The numbers of the card: pending, next deadline, points at stake today, points in effect."""
    found = re.findall(r"<dd>(.*?)</dd>", response.content.decode(), flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found[:4]]


def waits(response) -> dict[str, str]:
    """What waits, by kind: the number beside each label."""
    page = response.content.decode()
    found = re.findall(r'<a class="waiting__kind".*?<span>(.*?)</span>.*?number">(.*?)</span>', page, flags=re.DOTALL)
    return dict(found)


def days(response) -> list[str]:
    """The rows of the forecast as they are read."""
    rows = re.findall(r"<tr.*?</tr>", response.content.decode().split('class="forecast"')[1], flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows[1:8]]


def test_the_card_says_how_the_merchant_stands_and_leads_to_what_is_pending():
    shop = make_shop()
    shop.files("2026-03-05T12:00+08:00")
    sweep("handle", "2026-03-09T13:00+08:00")
    shop.files("2026-03-06T12:30+08:00")
    shop.files("2026-03-06T23:30+08:00")
    shop.files("2026-03-07T00:30+08:00")
    handle_at("2026-03-10T09:00+08:00", shop.files("2026-03-06T12:15+08:00"))
    make_shop().files("2026-03-06T12:10+08:00")
    with browser(shop.administrator, NOON) as client:
        response = client.get("/")
        next_one = "30 min left 2026-03-10 12:30 Beijing time"
        assert figures(response) == ["4", next_one, "2", "1"]
        page = response.content.decode()
        assert re.search(r'card--link.*?<h2><a href="/complaints/">My violations and complaints</a>', page, re.DOTALL)
        assert "1 complaint was not handled in time" in text_of(response)
        assert "will cost 1 point" not in page
        overdue = client.get("/complaints/?due=overdue")
        assert overdue.content.decode().count("row-link") == 1


class TestHeadline:
    """What is lost by when if nobody acts: before, at and after a moment."""

    @pytest.mark.parametrize(
        ("at", "words"),
        [
            ("2026-03-08T23:59:59+08:00", "Nothing is due before 2026-03-10 12:00 Beijing time."),
            ("2026-03-09T00:00+08:00", "1 point is lost by 12:00 tomorrow, Beijing time, if nobody acts."),
            ("2026-03-10T00:00+08:00", "3 points are lost by 18:00 tomorrow, Beijing time, if nobody acts."),
            ("2026-03-10T12:00+08:00", "3 points are lost by 18:00 tomorrow, Beijing time, if nobody acts."),
            ("2026-03-10T12:00:00.000001+08:00", "2 points are lost by 18:00 tomorrow, Beijing time, if nobody acts."),
            ("2026-03-11T17:59:59+08:00", "1 point is lost by 18:00 today, Beijing time, if nobody acts."),
            ("2026-03-11T18:00:00.000001+08:00", "Nothing is due."),
        ],
    )
    def test_points_of_complaints(self, at, words):
        shop = make_shop()
        for filed_at in ("2026-03-06T12:00+08:00", "2026-03-07T09:00+08:00", "2026-03-07T18:00+08:00"):
            shop.files(filed_at)
        with browser(shop.administrator, at) as client:
            assert words in text_of(client.get("/"))

    def test_refunds_cost_points_too(self):
        shop = make_shop()
        case_at("2026-03-04T18:00+08:00", program=shop.program)
        with browser(shop.administrator, NOON) as client:
            shown = text_of(client.get("/"))
        assert "1 point is lost by 18:00 tomorrow, Beijing time, if nobody acts." in shown

    @pytest.mark.parametrize(
        ("at", "words"),
        [
            ("2026-03-15T23:00+08:00", "Nothing is due before 2026-03-17 10:00 Beijing time."),
            ("2026-03-16T09:00+08:00", "1 deadline ends by 10:00 tomorrow, Beijing time. It costs no points."),
            ("2026-03-17T10:00+08:00", "1 deadline ends by 10:00 today, Beijing time. It costs no points."),
        ],
    )
    def test_evidence_that_staff_want_costs_none(self, at, words):
        shop = make_shop()
        appeal = appeal_at("2026-03-09T11:00+08:00", penalty_issued("2026-03-09T10:00+08:00", program=shop.program))
        decide_at("2026-03-10T10:00+08:00", "ask", appeal, ASK, by=make_reviewer())
        with browser(shop.administrator, at) as client:
            response = client.get("/")
        assert words in text_of(response)
        assert waits(response)["Appeals that need more evidence"] == "1"

    def test_it_is_chinese_in_chinese(self):
        shop = make_shop()
        shop.files("2026-03-07T18:00+08:00")
        with browser(shop.administrator, NOON, language="zh-hans") as client:
            page = client.get("/").content.decode()
        assert re.search(r'headline__words">[^<]*18:00', page)


class TestForecast:
    def test_each_day_says_what_is_due_and_what_it_costs(self):
        shop = make_shop()
        shop.files("2026-03-06T18:00+08:00")
        shop.files("2026-03-06T19:00+08:00")
        shop.files("2026-03-07T09:00+08:00")
        case_at("2026-03-04T18:00+08:00", program=shop.program)
        penalty_issued("2026-03-08T09:00+08:00", program=shop.program)
        shop.files("2026-03-06T11:00+08:00")  # missed an hour ago
        make_shop().files("2026-03-06T18:00+08:00")
        with browser(shop.administrator, NOON) as client:
            response = client.get("/")
        assert days(response) == [
            "03-10 today 2 complaints 2 points",
            "03-11 tomorrow 1 complaint 1 refund 2 points",
            "03-12 Thursday nothing is due –",
            "03-13 Friday nothing is due –",
            "03-14 Saturday nothing is due –",
            "03-15 Sunday 1 appeal window closes –",
            "03-16 Monday nothing is due –",
        ]

    def test_a_day_leads_to_the_complaints_that_are_due_on_it(self):
        shop = make_shop()
        due = shop.files("2026-03-07T18:00+08:00")
        shop.files("2026-03-06T18:00+08:00")
        with browser(shop.administrator, NOON) as client:
            assert 'href="/complaints/?due=2026-03-11"' in client.get("/").content.decode()
            rows = re.findall(r"/complaints/(\d+)/", client.get("/complaints/?due=2026-03-11").content.decode())
        assert set(rows) == {due.complaint_no}

    def test_the_bars_have_one_scale_and_stay_within_it(self):
        def day(number: int, *, appeals: int = 0) -> Day:
            at = moment(NOON)
            numbers = {"handle": number, "refund": 1, "supplement": 1, "appeal": appeals}
            return Day(at.date(), {kind: Due(kind, at.date(), n, n, at, at) for kind, n in numbers.items() if n})

        rows = rows_of(Forecast([day(10_000, appeals=5000), day(5000), day(1)], [], None, None))
        ends = [[float(part.start) + float(part.width) for part in row.parts] for row in rows]
        assert all(float(part.width) > 0 for row in rows for part in row.parts)
        assert max(max(row) for row in ends) <= 100
        assert [row.parts[0].kind for row in rows] == ["handle"] * 3
        assert float(rows[0].parts[0].width) > 1.9 * float(rows[1].parts[0].width)

    def test_the_windows_that_close_take_one_statement_and_an_index_of_the_merchant(self):
        shop, other = make_shop(), make_shop()
        for number in range(5):
            penalty_issued(f"2026-03-0{number + 4}T09:00+08:00", program=shop.program)
        for each in (shop, other):
            _many_penalties(each, 1000)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE penalties_penalty")
        (plan,) = plans_of(lambda: windows_by_day(shop.merchant.pk, now=moment(NOON)))
        assert "penalty_that_counts" in plan
        assert "Seq Scan" not in plan

    def test_more_windows_than_are_counted_close_on_one_day(self):
        shop = make_shop()
        _many_penalties(shop, CAP, appeal_by="2026-03-12T09:00+08:00")
        first, *_others = windows_by_day(shop.merchant.pk, now=moment(NOON))
        assert (first.number, first.first_at, first.last_at) == (CAP, *[moment("2026-03-12T09:00+08:00")] * 2)
        _many_penalties(shop, 2, appeal_by="2026-03-12T10:00+08:00", first=CAP)
        (more,) = windows_by_day(shop.merchant.pk, now=moment(NOON))
        assert more.number == CAP + 1
        with browser(shop.administrator, NOON) as client:
            assert "1,000+ appeal windows close" in text_of(client.get("/"))

    def test_a_day_of_windows_ends_where_the_next_begins(self):
        shop = make_shop()
        ends = ["11:59:59", "12:00", "23:59:59.999999"]
        for number, end in enumerate([*(f"2026-03-10T{end}" for end in ends), "2026-03-11T00:00", "2026-03-17T00:00"]):
            _many_penalties(shop, 1, appeal_by=f"{end}+08:00", first=number)
        found = windows_by_day(shop.merchant.pk, now=moment("2026-03-10T12:00+08:00"))
        assert [(each.day.isoformat(), each.number) for each in found] == [("2026-03-10", 2), ("2026-03-11", 1)]

    def test_what_can_be_appealed_is_counted_until_the_very_end_of_its_window(self):
        shop, other = make_shop(), make_shop()
        for each in (shop, other):
            _many_penalties(each, 2, appeal_by="2026-03-10T12:00+08:00")
        for second, number in (("11:59:59.999999", 2), ("12:00", 2), ("12:00:00.000001", 0)):
            now = moment(f"2026-03-10T{second}+08:00")
            own = Penalty.objects.filter(open_at(now), merchant=shop.merchant, status="in_effect")
            assert waiting_count(shop.merchant.pk, now=now) == own.count() == number
        now = moment("2026-03-10T12:00+08:00")
        Penalty.objects.filter(merchant=shop.merchant, subject_id__endswith="0").update(window_closed_at=now)
        assert waiting_count(shop.merchant.pk, now=now) == 1
        Penalty.objects.filter(merchant=shop.merchant).update(status="under_appeal")
        assert waiting_count(shop.merchant.pk, now=now) == 0


def _many_penalties(shop: Shop, number: int, *, appeal_by: str = "2025-03-08T09:00+08:00", first: int = 0) -> None:
    """Penalties of long ago, whose windows are closed or close at a moment."""
    old = moment("2025-03-01T09:00+08:00")
    Penalty.objects.bulk_create(
        Penalty(
            penalty_no=f"{shop.merchant.pk}-{each}",
            kind="complaint_timeout",
            subject_id=10**9 + shop.merchant.pk * 10**6 + each,
            complaint_id=each,
            merchant=shop.merchant,
            mini_program=shop.program,
            points=1,
            missed_at=old,
            issued_at=old,
            appeal_by=moment(appeal_by),
        )
        for each in range(first, first + number)
    )


class TestWhatWaits:
    def test_every_kind_with_its_number_and_its_list(self):
        shop = make_shop()
        shop.files("2026-03-05T12:00+08:00")
        shop.files("2026-03-07T12:00+08:00")
        penalty_issued("2026-03-08T09:00+08:00", program=shop.program)
        appeal_at("2026-03-09T09:00+08:00", penalty_issued("2026-03-08T09:00+08:00", program=shop.program))
        case_at("2026-03-02T09:00+08:00", program=shop.program)
        case_at("2026-03-05T09:00+08:00", program=shop.program)
        with browser(shop.administrator, NOON) as client:
            response = client.get("/")
            assert waits(response) == {
                "Complaints to handle": "4",
                "Complaints that were missed": "3",
                "Refunds due": "2",
                "Refunds that are overdue": "1",
                "Appeals that need more evidence": "0",
                "Penalties that can be appealed": "1",
            }
            links = re.findall(r'waiting__kind" href="(.*?)"', response.content.decode())
            listed = {link: client.get(unescape(link)).content.decode().count('class="row-link"') for link in links}
        assert list(listed.values()) == [4, 3, 2, 1, 0, 1]
        assert links == [
            "/complaints/",
            "/complaints/?due=overdue",
            "/refunds/",
            "/refunds/?due=overdue",
            "/appeals/?status=more_wanted",
            "/violations/?status=in_effect&amp;window=open",
        ]


class TestAssignedToMe:
    def test_what_is_due_next_of_mine_five_at_most(self):
        shop = make_shop()
        me = Membership.objects.get(user=shop.administrator)
        mine = [shop.files(f"2026-03-07T12:{minute:02d}+08:00") for minute in range(7)]
        missed, handled = shop.files("2026-03-05T12:00+08:00"), shop.files("2026-03-07T11:00+08:00")
        theirs = shop.files("2026-03-07T11:30+08:00")
        colleague = Membership.objects.get(user=member(shop, Grant.VIEW, Grant.HANDLE))
        wanted = dict.fromkeys([each.pk for each in [*mine, missed, handled]], me.pk) | {theirs.pk: colleague.pk}
        assign(wanted, actor=member_actor(shop.merchant), now=moment("2026-03-09T12:00+08:00"))
        handle_at("2026-03-09T12:00+08:00", handled)
        with browser(shop.administrator, NOON) as client:
            page = client.get("/").content.decode()
        own = page.split("Assigned to you, due next")[-1].split("Due next")[0]
        assert re.findall(r'row-link" href="/complaints/(\d+)/', own) == [each.complaint_no for each in mine[:5]]
        assert 'href="/complaints/?assignee=me"' in own

    def test_without_any_the_page_says_nothing_of_it(self):
        shop = make_shop()
        shop.files("2026-03-07T12:00+08:00")
        with browser(shop.administrator, NOON) as client:
            assert "Assigned to you" not in text_of(client.get("/"))

    def test_it_reads_the_index_of_what_is_assigned(self):
        shop = make_shop()
        place = Membership.objects.get(user=shop.administrator)
        copy_complaint(shop.files("2026-03-10T09:00+08:00"), 2999)
        some = Complaint.objects.order_by("pk").values_list("pk", flat=True)[:200]
        Complaint.objects.filter(pk__in=list(some)).update(assignee=place)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE complaints_complaint")
        plan = plans_of(lambda: assigned_to(place, now=moment(NOON)))[0]
        assert "complaint_by_assignee" in plan


def test_the_next_ten_are_listed_and_what_was_missed_is_not_among_them():
    shop = make_shop()
    missed = shop.files("2026-03-05T12:00+08:00")
    due = [shop.files(f"2026-03-07T12:{minute:02d}+08:00") for minute in range(11)]
    with browser(shop.administrator, NOON) as client:
        page = client.get("/").content.decode()
    assert re.findall(r'row-link" href="/complaints/(\d+)/', page) == [each.complaint_no for each in due[:10]]
    assert missed.complaint_no not in page


def test_counts_stop_at_a_thousand():
    shop = make_shop()
    copy_complaint(shop.files("2026-03-10T09:00+08:00"), CAP)
    with browser(shop.administrator, NOON) as client:
        response = client.get("/")
    assert figures(response)[0] == "1,000+"
    assert '<span class="count">1,000+</span>' in response.content.decode()


def test_without_complaints_the_page_says_that_nothing_is_due():
    shop = make_shop()
    with browser(shop.administrator, NOON) as client:
        response = client.get("/")
    assert figures(response) == ["0", "–", "0", "0"]
    assert set(waits(response).values()) == {"0"}
    assert {row.split(" ", 2)[2] for row in days(response)} == {"nothing is due –"}
    assert text_of(response).count("Nothing is due") == 2


def test_the_home_page_takes_as_many_queries_for_much_as_for_one_of_each(django_assert_max_num_queries):
    shop = make_shop()
    place = Membership.objects.get(user=shop.administrator)
    other = acting(member(shop, Grant.VIEW, Grant.HANDLE), shop.merchant)
    counts: list[int] = []
    with browser(shop.administrator, "2026-03-01T12:00+08:00") as client:
        client.get("/")
    for number, shown in ((1, 1), (12, 13)):
        for minute in range(number):
            complaint = shop.files(f"2026-03-09T12:{minute:02d}+08:00")
            assign({complaint.pk: place.pk}, actor=other, now=moment("2026-03-09T13:00+08:00"))
            now = moment(f"2026-03-09T14:{minute:02d}+08:00")
            leave_message(complaint.pk, "Well?", actor=consumer_actor(complaint), now=now)
            case_at(f"2026-03-05T12:{minute:02d}+08:00", program=shop.program)
            penalty_issued(f"2026-03-08T12:{minute:02d}+08:00", program=shop.program)
        with browser(shop.administrator, NOON) as client, django_assert_max_num_queries(6) as queries:
            page = client.get("/")
        assert f"{shown} complaint" in text_of(page)
        counts.append(len(queries))
        Membership.objects.filter(pk=place.pk).update(visited_at=moment("2026-03-01T12:00+08:00"))
    assert counts[0] == counts[1]


def test_the_page_stays_small_with_all_that_it_shows():
    """The style sheets and scripts are the same for every page; they take less than 60 KB."""
    shop = make_shop()
    for minute in range(30):
        complaint = shop.files(f"2026-03-07T13:{minute:02d}+08:00", dispute_type="收到的商品与描述不符" * 5)
        now = moment(f"2026-03-09T14:{minute:02d}+08:00")
        leave_message(complaint.pk, "Well?", actor=consumer_actor(complaint), now=now)
    Membership.objects.update(visited_at=moment("2026-03-01T12:00+08:00"))
    with browser(shop.administrator, NOON, language="zh-hans") as client:
        page = client.get("/").content
    assert len(gzip.compress(page)) < 12_000
