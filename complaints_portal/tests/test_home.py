"""The home page and the navigation."""

import re

import pytest

from common.counting import CAP
from complaints.intake import file_complaints
from complaints.tests.factories import handle_at, make_filing, moment, platform_actor
from complaints.tests.pages import browser, make_shop, text_of
from deadlines.sweeping import run_sweep

pytestmark = pytest.mark.django_db

NOON = "2026-03-10T12:00+08:00"


def figures(response) -> list[str]:
    """The numbers of the cards: pending, next deadline, points at stake, missed; refunds due, their next deadline,
    overdue; penalties, points, appealable."""
    found = re.findall(r"<dd>(.*?)</dd>", response.content.decode(), flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]


def test_the_card_says_how_the_merchant_stands_and_leads_to_what_is_pending():
    shop = make_shop()
    shop.files("2026-03-05T12:00+08:00")
    run_sweep(
        "handle", cut_off=moment("2026-03-09T13:00+08:00"), issued_at=moment("2026-03-09T13:00+08:00"), ran_by="t"
    )
    shop.files("2026-03-06T12:30+08:00")
    shop.files("2026-03-06T23:30+08:00")
    shop.files("2026-03-07T00:30+08:00")
    handle_at("2026-03-10T09:00+08:00", shop.files("2026-03-06T12:15+08:00"))
    make_shop().files("2026-03-06T12:10+08:00")
    with browser(shop.administrator, NOON) as client:
        response = client.get("/")
        next_one = "30 min left 2026-03-10 12:30 Beijing time"
        assert figures(response) == ["4", next_one, "2", "1", "0", "–", "0", "1", "1", "1"]
        page = response.content.decode()
        assert re.search(r'card--link.*?<h2><a href="/complaints/">My violations and complaints</a>', page, re.DOTALL)
        assert "1 complaint was not handled in time" in text_of(response)
        assert "will cost 1 point" not in page
        overdue = client.get("/complaints/?due=overdue")
        assert overdue.content.decode().count("row-link") == 1


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
    file_complaints(
        [make_filing(shop.program) for _ in range(CAP + 1)],
        platform_id=shop.merchant.platform_id,
        actor=platform_actor(shop.merchant.platform),
        now=moment("2026-03-10T09:00+08:00"),
    )
    with browser(shop.administrator, NOON) as client:
        response = client.get("/")
    assert figures(response)[0] == "1,000+"
    assert '<span class="count">1,000+</span>' in response.content.decode()


def test_without_complaints_the_page_says_that_nothing_is_due():
    shop = make_shop()
    with browser(shop.administrator, NOON) as client:
        response = client.get("/")
    assert figures(response) == ["0", "–", "0", "0", "0", "–", "0", "0", "0", "0"]
    assert "Nothing is due" in text_of(response)


def test_the_home_page_takes_as_many_queries_for_many_complaints_as_for_one(django_assert_max_num_queries):
    shop = make_shop()
    counts: list[int] = []
    for _ in range(2):
        for minute in range(len(counts) * 20 + 1):
            shop.files(f"2026-03-09T12:{minute:02d}+08:00")
        with browser(shop.administrator, NOON) as client, django_assert_max_num_queries(16) as queries:
            client.get("/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
