"""How consumers reach a merchant: the settings page, what is refused, and how many said that they could not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from common.errors import BadInput, NotAllowed
from complaints import prevention
from complaints.intake import file_complaints
from complaints.models import Complaint
from complaints.prevention import reach_of, unreachable_counts, without_contact
from complaints.tests.factories import (
    file_at,
    make_filing,
    make_merchant,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from merchants.contacts import Contact, contact_of, programs_of, set_contact
from merchants.models import ContactPoint, Grant, MiniProgram

pytestmark = pytest.mark.django_db

CONTACTS = "/settings/contacts/"
AT = "2026-03-31T09:00+08:00"
NOW = moment(AT)
WHOLE = {"phone": "0571-8888 1234 转 8", "hours": "9:00–21:00", "url": "https://example.com/service?a=1&b=2"}


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


def page_of(program: MiniProgram) -> str:
    return f"{CONTACTS}{program.pk}/"


def reached(program: MiniProgram) -> Contact:
    return contact_of(programs_of(program.merchant_id).get(pk=program.pk))


# The page


def test_a_contact_is_kept_and_shown_with_what_to_copy(shop):
    with browser(shop.administrator, AT) as client:
        assert "no way to reach you" in text_of(client.get(CONTACTS))
        assert client.post(page_of(shop.program), WHOLE).headers["Location"] == CONTACTS
        listed = text_of(client.get(CONTACTS))
        page = client.get(page_of(shop.program)).content.decode()
    assert reached(shop.program) == Contact(**WHOLE)
    point = ContactPoint.objects.get()
    assert (point.changed_by, point.changed_at) == ("Wang Fang", NOW)
    for part in ("0571-8888 1234 转 8", "9:00–21:00", "https://example.com/service"):
        assert part in listed
    assert "no way to reach you" not in listed
    address = f"http://127.0.0.1:8000/contact/{shop.merchant.platform.code}/{shop.program.app_id}"
    assert f"&lt;a href=&quot;{address}/&quot;&gt;Contact us&lt;/a&gt;" in page
    assert f"&lt;script src=&quot;{address}.js&quot; data-into=&quot;service&quot; defer&gt;" in page
    assert f"{address}.json</textarea>" in page
    assert 'href="tel:057188881234;ext=8"' in page
    assert f'href="{address}/"' in page


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"phone": "call me"}, "This is no phone number."),
        ({"phone": "1234"}, "This is no phone number."),
        ({"phone": ""}, "Give the phone that is answered at these hours."),
        ({"hours": "x" * 101}, "at most 100"),
        ({"url": "example.com"}, "Give a whole address"),
        ({"url": "javascript:alert(1)"}, "Give a whole address"),
        ({"url": "https://example.com/" + "x" * 300}, "at most 300"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed_and_nothing_is_kept(shop, change, why):
    given = WHOLE | {"url": "https://example.com/typed"} | change
    with browser(shop.administrator, AT) as client:
        response = client.post(page_of(shop.program), given)
    assert response.status_code == 400
    assert why in text_of(response)
    for typed in given.values():
        assert typed in response.content.decode()
    assert not ContactPoint.objects.exists()


def test_all_empty_takes_the_contact_back(shop):
    with browser(shop.administrator, AT) as client:
        client.post(page_of(shop.program), WHOLE)
        client.post(page_of(shop.program), {"phone": "", "hours": "", "url": ""})
        assert "no way to reach you" in text_of(client.get(CONTACTS))
    assert not reached(shop.program)


def test_members_without_the_grant_read_and_are_told_whom_to_ask(shop):
    with browser(member(shop, Grant.VIEW, Grant.HANDLE), AT) as client:
        listed = client.get(CONTACTS)
        assert listed.status_code == 200
        assert page_of(shop.program) not in listed.content.decode()
        assert "You may see the contacts, but not change them." in text_of(listed)
        assert "Wang Fang" in text_of(listed)
        for response in (client.get(page_of(shop.program)), client.post(page_of(shop.program), WHOLE)):
            assert response.status_code == 403
            assert "Wang Fang" in text_of(response)
    with browser(member(shop, Grant.SETTINGS, Grant.VIEW), AT) as client:
        assert client.post(page_of(shop.program), WHOLE).status_code == 302
    with browser(member(shop), AT) as client:
        assert client.get(CONTACTS).status_code == 403


def test_another_shops_programs_do_not_exist(shop):
    neighbour = make_shop()
    with browser(neighbour.administrator, AT) as client:
        assert shop.program.name not in text_of(client.get(CONTACTS))
        assert client.get(page_of(shop.program)).status_code == 404
        assert client.post(page_of(shop.program), WHOLE).status_code == 404
    assert not ContactPoint.objects.exists()


def test_the_verb_refuses_who_may_not_and_what_is_wrong(shop):
    with translation.override("en"):
        for actor in (member_actor(shop.merchant, Grant.VIEW), member_actor(shop.merchant, Grant.HANDLE)):
            with pytest.raises(NotAllowed):
                set_contact(shop.program.pk, Contact(phone="95188"), actor=actor, now=NOW)
        with pytest.raises(BadInput) as refusal:
            set_contact(shop.program.pk, Contact(phone="x"), actor=member_actor(shop.merchant), now=NOW)
    assert refusal.value.field == "phone"
    assert not ContactPoint.objects.exists()


def test_the_page_takes_as_many_queries_for_thirty_programs_as_for_one(shop):
    counts = []
    for number in (1, 30):
        for _each in range(shop.merchant.mini_programs.count(), number):
            make_program(merchant=shop.merchant)
        with browser(shop.administrator, AT) as client, CaptureQueriesContext(connection) as queries:
            client.get(CONTACTS)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 11


def test_more_programs_than_the_page_shows_are_said(shop, monkeypatch):
    monkeypatch.setattr("complaints.consultations.contact_views.SHOWN", 2)
    for _each in range(2):
        make_program(merchant=shop.merchant)
    with browser(shop.administrator, AT) as client:
        assert "The first 2 are shown" in text_of(client.get(CONTACTS))


# What complaints say


def test_programs_without_a_contact_stand_first_then_those_nobody_could_reach(shop):
    quiet, loud, unset = (make_program(merchant=shop.merchant) for _each in range(3))
    for each in (shop.program, quiet, loud):
        set_contact(each.pk, Contact(phone="95188"), actor=member_actor(shop.merchant), now=NOW)
    file_at("2026-03-30T09:00+08:00", loud, description="客服电话打不通。")
    found = reach_of(shop.merchant.pk, now=NOW, shown=9)
    assert [(each.program, bool(each.contact), each.unreachable) for each in found] == [
        (unset, False, 0),
        (loud, True, 1),
        *sorted([(shop.program, True, 0), (quiet, True, 0)], key=lambda each: (each[0].name, each[0].pk)),
    ]
    assert [each.program for each in reach_of(shop.merchant.pk, now=NOW, shown=1)] == [unset]
    assert without_contact(shop.merchant.pk) == 1


def test_hours_without_phone_and_address_are_no_contact(shop):
    ContactPoint.objects.create(mini_program=shop.program, hours="9–21", changed_by="x", changed_at=NOW)
    assert without_contact(shop.merchant.pk) == 1
    assert without_contact(make_merchant().pk) == 0


@pytest.mark.parametrize(
    ("said", "is_counted"),
    [
        ({"dispute_type": "联系不上商家"}, True),
        ({"description": "商家一直无法联系，电话打不通。"}, True),
        ({"description": "店里没有客服。"}, True),
        ({"description": "The shop is UNREACHABLE."}, True),
        ({"description": "I wrote three times: no response."}, True),
        ({"description": "I can't reach anybody."}, True),
        ({"description": "Nothing came."}, False),
        ({"description": "客服说会退款。"}, False),
        ({"demand": "联系不上"}, False),
    ],
)
def test_words_that_say_that_nobody_was_reached(shop, said, is_counted):
    file_at("2026-03-30T09:00+08:00", shop.program, **said)
    assert unreachable_counts(shop.merchant.pk, now=NOW) == ({shop.program.pk: 1} if is_counted else {})


@pytest.mark.parametrize(
    ("filed", "is_counted"),
    [
        ("2026-03-01T08:59:59.999999+08:00", False),
        ("2026-03-01T09:00+08:00", True),
        ("2026-03-31T09:00+08:00", True),
        ("2026-03-31T09:00:00.000001+08:00", False),
    ],
)
def test_the_last_thirty_days_count(shop, filed, is_counted):
    file_at(filed, shop.program, dispute_type="联系不上")
    assert bool(unreachable_counts(shop.merchant.pk, now=NOW)) == is_counted


def test_they_are_counted_by_program_in_one_statement_and_never_another_merchants(shop, django_assert_num_queries):
    other = make_program(merchant=shop.merchant)
    for program, number in ((shop.program, 2), (other, 1), (make_program(), 3)):
        for _each in range(number):
            file_at("2026-03-30T09:00+08:00", program, dispute_type="联系不上")
    with django_assert_num_queries(1):
        assert unreachable_counts(shop.merchant.pk, now=NOW) == {shop.program.pk: 2, other.pk: 1}


def test_only_the_newest_are_looked_at_when_there_are_too_many(shop, monkeypatch):
    monkeypatch.setattr(prevention, "MOST_LOOKED_AT", 2)
    for minute in range(3):
        file_at(f"2026-03-30T09:0{minute}+08:00", shop.program, dispute_type="联系不上")
    assert unreachable_counts(shop.merchant.pk, now=NOW) == {shop.program.pk: 2}


def test_the_newest_are_found_by_an_index(shop):
    programs = [shop.program, *(make_program(merchant=make_merchant(platform=shop.merchant.platform)) for _ in "12")]
    first = moment("2025-01-01T00:00Z")
    for start in range(0, 3000, 1000):
        filings = [
            make_filing(programs[number % 3], filed_at=first + timedelta(hours=3 * number))
            for number in range(start, start + 1000)
        ]
        platform = shop.merchant.platform
        file_complaints(filings, platform_id=platform.pk, actor=platform_actor(platform), now=NOW, is_history=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE complaints_complaint")
        cursor.execute("SET LOCAL enable_seqscan = off")  # how large the table is depends on the tests before
    plan = prevention.newest_of(shop.merchant.pk, now=NOW).explain()
    assert "complaint_by_filed" in plan, plan
    assert "Seq Scan" not in plan
    assert Complaint.objects.count() == 3000
