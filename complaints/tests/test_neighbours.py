"""Next and previous, in the order of the list from which a complaint was opened."""

import pytest
from django.http import QueryDict

from common.keyset import keyset_page
from complaints.filters import FilterForm
from complaints.models import Complaint
from complaints.neighbours import neighbours_of
from complaints.permissions import visible_to
from complaints.queries import narrowed, segments
from complaints.tests.factories import handle_at, moment
from complaints.tests.pages import Shop, make_shop
from merchants.tests.people import acting

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00+08:00")


@pytest.fixture
def shop() -> Shop:
    """A shop with five pending complaints, two of them filed in the same moment, and three handled ones."""
    shop = make_shop("Tea House")
    for day in ("05", "06", "07", "07", "08"):
        shop.files(f"2026-03-{day}T09:00+08:00", dispute_type="tea" if day == "07" else "cup")
    for day in ("02", "03", "04"):
        handle_at("2026-03-09T09:00+08:00", shop.files(f"2026-03-{day}T09:00+08:00"))
    make_shop().files("2026-03-07T09:00+08:00", dispute_type="tea")
    return shop


def listed(shop: Shop, query: str) -> list[Complaint]:
    actor = acting(shop.administrator, shop.merchant)
    form = FilterForm(QueryDict(query), actor=actor)
    assert form.is_valid()
    rows = narrowed(visible_to(actor), form.wanted(), now=NOON)
    return keyset_page(segments(rows, form.statuses())).rows


@pytest.mark.parametrize(
    ("query", "number"),
    [("", 5), ("status=all", 8), ("status=handled", 3), ("dispute_type=tea", 2), ("status=pending&status=handled", 8)],
)
def test_whoever_goes_on_walks_the_list_to_its_end_and_back(shop, query, number):
    actor = acting(shop.administrator, shop.merchant)
    rows = listed(shop, query)
    assert len(rows) == number
    for place, row in enumerate(rows):
        found = neighbours_of(row, actor, query, NOON)
        assert found.previous == (rows[place - 1] if place else None)
        assert found.next == (rows[place + 1] if place + 1 < len(rows) else None)
        assert found.query == query


def test_what_was_handled_a_moment_ago_still_has_its_place(shop):
    actor = acting(shop.administrator, shop.merchant)
    rows = listed(shop, "")
    handle_at(NOON, rows[2])
    handled = Complaint.objects.get(pk=rows[2].pk)
    found = neighbours_of(handled, actor, "", NOON)
    assert (found.previous, found.next) == (rows[1], rows[3])


def test_filters_that_mean_nothing_any_more_are_left_out(shop):
    actor = acting(shop.administrator, shop.merchant)
    rows = listed(shop, "")
    found = neighbours_of(rows[1], actor, "assignee=999999&colour=red&status=pending", NOON)
    assert (found.previous, found.next, found.query) == (rows[0], rows[2], "status=pending")


@pytest.mark.parametrize("query", ["&" * 5000, "q=" + "x" * 3000, "due=\0", "%00%ff=%zz", "filed_from=x"])
def test_nonsense_harms_nothing(shop, query):
    actor = acting(shop.administrator, shop.merchant)
    row = listed(shop, "")[1]
    found = neighbours_of(row, actor, query, NOON)
    assert {each.merchant_id for each in (found.previous, found.next) if each} <= {shop.merchant.pk}


def test_a_step_costs_the_same_in_a_short_list_and_a_long_one_and_counts_nothing(shop, django_assert_max_num_queries):
    actor = acting(shop.administrator, shop.merchant)
    row = listed(shop, "")[1]
    with django_assert_max_num_queries(6) as few:
        neighbours_of(row, actor, "status=all", NOON)
    for minute in range(30):
        shop.files(f"2026-03-07T10:{minute:02d}+08:00")
    with django_assert_max_num_queries(len(few)) as many:
        neighbours_of(row, actor, "status=all", NOON)
    assert not any("COUNT(" in each["sql"] or "OFFSET" in each["sql"] for each in many.captured_queries)
