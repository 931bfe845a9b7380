"""The list as a work queue: its clocks, its views, and whose a complaint is; as a browser without scripts uses it."""

import re
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from complaints.models import Complaint, InternalLine, SavedView
from complaints.tests.factories import handle_at, make_member, moment
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from complaints.workspace.saved_views import save_view
from deadlines.sweeping import run_sweep
from merchants.models import Grant, Membership
from merchants.tests.people import acting

pytestmark = pytest.mark.django_db

LIST = "/complaints/"
ASSIGN = "/complaints/assign/"
FRIDAY = "2026-03-06T09:00+08:00"
TUESDAY = "2026-03-10T08:59+08:00"
LATE = "2026-03-10T09:01+08:00"


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def li(shop: Shop) -> Membership:
    user = make_member(shop.merchant, Grant.VIEW, Grant.HANDLE, first_name="Lei", last_name="Li")
    return Membership.objects.get(user=user)


def rows_of(response) -> list[str]:
    return re.findall(r'class="row-link" href="/complaints/(\d+)/', response.content.decode())


def undo_of(response) -> dict[str, str]:
    """What the Undo button of the page hands over."""
    page = response.content.decode()
    (url,) = re.findall(r'class="toast__undo" method="post" action="([^"]+)"', page)
    (token,) = re.findall(r'name="undo" value="([^"]+)"', page)
    return {"url": url, "undo": token}


def has_undo(response) -> bool:
    return "toast__undo" in response.content.decode()


# Clocks


def test_every_clock_of_a_case_stands_in_its_strip(shop):
    pending = shop.files(FRIDAY)
    refunded = shop.files("2026-03-07T09:00+08:00")
    handle_at("2026-03-09T09:00+08:00", refunded)
    with browser(shop.administrator, TUESDAY) as client:
        before = text_of(client.get(LIST + "?status=all"))
    assert "Handle 1 min left 2026-03-10 09:00 1 point at stake" in before
    # Handled on Monday the ninth: the consumer has seven days; and the stopped clock stays.
    assert "Finishes 6 d 0 h left 2026-03-16 09:00 Handle in time, 2 d 0 h to spare 2026-03-11 09:00" in before
    with browser(shop.administrator, LATE) as client:
        assert "Handle missed by 1 min 2026-03-10 09:00 will cost 1 point" in text_of(client.get(LIST))
    run_sweep("handle", cut_off=moment(LATE), issued_at=moment(LATE), ran_by="test")
    with browser(shop.administrator, LATE) as client:
        after = text_of(client.get(LIST))
    # The penalty was issued at 09:01 and can be appealed for seven days.
    assert "Handle missed by 1 min 2026-03-10 09:00 1 point lost Appeal 7 d 0 h left 2026-03-17 09:01" in after
    assert pending.complaint_no in after


def test_the_list_takes_as_many_queries_for_a_full_page_as_for_one_row(shop, li, django_assert_num_queries):
    for minute in range(20):
        one = shop.files(f"2026-03-06T09:{minute:02d}+08:00")
        if minute == 0:
            with browser(shop.administrator, LATE) as client:
                client.get(LIST)  # what is looked up once for all requests
                with django_assert_num_queries(QUERIES):
                    client.get(LIST)
        Complaint.objects.filter(pk=one.pk).update(assignee=li)
    with browser(shop.administrator, LATE) as client, django_assert_num_queries(QUERIES):
        client.get(LIST)


QUERIES = 5
"""The session, the person, their merchants, the list with all around it, and what stands beside its rows."""


@pytest.mark.parametrize("query", ["?q=tea", "?q=茶叶", "?dispute_type=not", "?due=24", "?status=all&assignee=me"])
def test_a_narrowed_list_asks_for_nothing_twice(shop, query):
    shop.files(FRIDAY)
    with browser(shop.administrator, TUESDAY) as client:
        client.get(LIST + query)
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST + query)
    asked = [each["sql"] for each in queries if "SAVEPOINT" not in each["sql"]]
    assert len(asked) >= QUERIES
    assert sorted(set(asked)) == sorted(asked)


def test_rows_remember_the_list_from_which_they_are_opened(shop):
    shop.files(FRIDAY)
    with browser(shop.administrator, TUESDAY) as client:
        page = client.get(LIST + "?due=24&due=overdue&cursor=").content.decode()
    (href,) = re.findall(r'class="row-link" href="([^"]+)"', page)
    (query,) = parse_qs(urlsplit(href.replace("&amp;", "&")).query)["from"]
    assert QueryDict(query).getlist("due") == ["24", "overdue"]


# Views


def test_filters_are_saved_under_a_name_and_the_view_is_marked(shop):
    with browser(shop.administrator, TUESDAY) as client:
        sent = {"name": " My  tea ", "query": "status=handled&due=&colour=red&dispute_type=tea&cursor=x"}
        response = client.post("/complaints/views/", sent)
        view = SavedView.objects.get()
        assert (view.name, view.query, view.owner) == ("My tea", "status=handled&dispute_type=tea", shop.administrator)
        assert response.status_code == 302
        assert parse_qs(urlsplit(response.headers["Location"]).query) == {
            "status": ["handled"],
            "dispute_type": ["tea"],
            "view": [str(view.pk)],
        }
        shown = client.get(response.headers["Location"])
        assert re.search(r'aria-current="page">My tea', shown.content.decode())
        assert "changed" not in text_of(shown)
        changed = client.get(f"{LIST}?status=finished&view={view.pk}")
        assert "My tea changed" in text_of(changed)
        assert "Save over “My tea”" in text_of(changed)
        client.post("/complaints/views/", {"name": "My tea", "query": "status=finished"})
    view.refresh_from_db()
    assert view.query == "status=finished"


def test_the_views_of_everybody_are_there_and_marked(shop):
    with browser(shop.administrator, TUESDAY) as client:
        page = client.get(LIST + "?due=24&due=overdue").content.decode()
    assert re.search(r'href="/complaints/\?due=overdue&amp;due=24" aria-current="page">Due within a day', page)


def test_a_name_that_cannot_be_taken_is_refused_with_what_was_typed(shop):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post("/complaints/views/", {"name": "x" * 41, "query": "status=handled", "shared": "on"})
    page = response.content.decode()
    assert response.status_code == 400
    assert "Keep the name to 40 characters." in text_of(response)
    assert f'value="{"x" * 41}"' in page
    assert 'value="status=handled"' in page
    assert 'name="shared" checked' in page
    assert not SavedView.objects.exists()


def test_a_name_keeps_what_the_database_can_keep(shop):
    with browser(shop.administrator, TUESDAY) as client:
        assert client.post("/complaints/views/", {"name": "a\0b", "query": "status=handled"}).status_code == 302
        assert client.post("/complaints/views/", {"name": "\0", "query": "status=handled"}).status_code == 400
    assert SavedView.objects.get().name == "a b"


@pytest.mark.parametrize("query", ["filed_from=2026-03-02&filed_to=2026-03-01", "dispute_type=" + "x" * 3000])
def test_filters_that_mean_nothing_are_not_kept(shop, query):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post("/complaints/views/", {"name": "Mine", "query": query})
    # A day that is not one is left out; what is too long is refused.
    assert SavedView.objects.count() == (0 if response.status_code == 400 else 1)
    assert not SavedView.objects.filter(query__contains="filed_to").exists()


def test_own_views_are_ones_own_and_shared_ones_everybodys(shop, li):
    now = moment(TUESDAY)
    wang = acting(shop.administrator, shop.merchant)
    save_view("Secret tea", "status=handled", shared=False, actor=wang, now=now)
    save_view("Our tea", "status=finished", shared=True, actor=wang, now=now)
    save_view("Theirs", "", shared=True, actor=acting(*who(make_shop())), now=now)
    with browser(li.user, TUESDAY) as client:
        shown = text_of(client.get(LIST))
    assert "Our tea" in shown
    assert "Secret tea" not in shown
    assert "Theirs" not in shown


def who(shop: Shop):
    return shop.administrator, shop.merchant


def test_who_may_only_see_keeps_views_of_their_own_and_shares_none(shop):
    viewer = member(shop, Grant.VIEW)
    with browser(viewer, TUESDAY) as client:
        assert client.post("/complaints/views/", {"name": "Mine", "query": ""}).status_code == 302
        assert client.post("/complaints/views/", {"name": "Ours", "query": "", "shared": "on"}).status_code == 403
        assert 'name="shared"' not in client.get(LIST).content.decode()
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Mine"]


def test_a_view_of_what_is_no_more_opens_and_says_what_was_left_out(shop, li):
    shop.files(FRIDAY)
    view = SavedView.objects.create(
        merchant=shop.merchant,
        name="Old",
        query=f"status=pending&status=lost&assignee={li.pk}&colour=red",
        changed_by="Wang Fang",
        changed_at=moment(FRIDAY),
    )
    li.delete()
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(f"{LIST}?{view.query}&view={view.pk}")
        assert "Left out: Status: lost; Assigned to: a member who is gone; colour" in text_of(response)
        assert len(rows_of(response)) == 1
        # The same address without the view is a mistake to be mended.
        assert rows_of(client.get(f"{LIST}?{view.query}")) == []


def test_a_deleted_view_can_be_had_back_for_ten_seconds(shop):
    wang = acting(shop.administrator, shop.merchant)
    view = save_view("My tea", "status=handled", shared=False, actor=wang, now=moment(TUESDAY))
    with browser(shop.administrator, "2026-03-10T09:00:00+08:00") as client:
        response = client.post(f"/complaints/views/{view.pk}/delete/")
        assert not SavedView.objects.exists()
        offer = undo_of(client.get(response.headers["Location"]))
    with freeze_time("2026-03-10T09:00:12+08:00"):
        assert client.post(offer["url"], offer).status_code == 302
    assert SavedView.objects.get().query == "status=handled"
    with freeze_time("2026-03-10T09:00:12+08:00"):
        client.post(offer["url"], offer)  # the same click again
    assert SavedView.objects.count() == 1


def test_after_ten_seconds_and_a_little_a_deleted_view_stays_deleted_and_one_reads_why(shop):
    wang = acting(shop.administrator, shop.merchant)
    view = save_view("My tea", "", shared=True, actor=wang, now=moment(TUESDAY))
    with browser(shop.administrator, "2026-03-10T09:00:00+08:00") as client:
        response = client.post(f"/complaints/views/{view.pk}/delete/")
        offer = undo_of(client.get(response.headers["Location"]))
    with freeze_time(datetime.fromisoformat("2026-03-10T09:00:12+08:00") + timedelta(microseconds=1)):
        late = client.post(offer["url"], offer, follow=True)
    assert "more than 10 seconds ago" in text_of(late)
    assert not SavedView.objects.exists()


def test_a_view_does_not_come_back_over_another_of_its_name(shop):
    wang = acting(shop.administrator, shop.merchant)
    view = save_view("My tea", "status=handled", shared=True, actor=wang, now=moment(TUESDAY))
    with browser(shop.administrator, "2026-03-10T09:00:00+08:00") as client:
        response = client.post(f"/complaints/views/{view.pk}/delete/")
        offer = undo_of(client.get(response.headers["Location"]))
        save_view("My tea", "status=finished", shared=True, actor=wang, now=moment(TUESDAY))
        assert "Another view has this name meanwhile." in text_of(client.post(offer["url"], offer, follow=True))
    assert SavedView.objects.get().query == "status=finished"


def test_views_of_others_and_shared_ones_are_not_deleted_by_whoever_may_not(shop):
    wang = acting(shop.administrator, shop.merchant)
    own = save_view("Own", "", shared=False, actor=wang, now=moment(TUESDAY))
    shared = save_view("Shared", "", shared=True, actor=wang, now=moment(TUESDAY))
    with browser(member(shop, Grant.VIEW), TUESDAY) as client:
        assert client.post(f"/complaints/views/{own.pk}/delete/").status_code == 404
        assert client.post(f"/complaints/views/{shared.pk}/delete/").status_code == 403
    with browser(make_shop().administrator, TUESDAY) as client:
        assert client.post(f"/complaints/views/{shared.pk}/delete/").status_code == 404
    assert SavedView.objects.count() == 2


# Whose it is


def test_a_row_says_whose_it_is_and_nobody_faintly(shop, li):
    Complaint.objects.filter(pk=shop.files(FRIDAY).pk).update(assignee=li)
    shop.files(FRIDAY)
    with browser(member(shop, Grant.VIEW), TUESDAY) as client:
        page = client.get(LIST)
    assert "LL Lei Li" in text_of(page)
    assert '<span class="faint">nobody</span>' in page.content.decode()
    assert "formaction" not in page.content.decode()


def test_one_row_is_assigned_and_the_assignment_is_taken_back(shop, li):
    complaint = shop.files(FRIDAY)
    with browser(shop.administrator, "2026-03-10T09:00:00+08:00") as client:
        sent = {"one": complaint.complaint_no, "assignee": li.pk, "next": LIST + "?due=24"}
        response = client.post(ASSIGN, sent)
        assert (response.status_code, response.headers["Location"]) == (302, LIST + "?due=24")
        complaint.refresh_from_db()
        assert complaint.assignee == li
        offer = undo_of(client.get(response.headers["Location"]))
        assert client.post(offer["url"], offer).status_code == 302
    complaint.refresh_from_db()
    assert complaint.assignee is None
    assert InternalLine.objects.filter(kind="assign").count() == 2


def test_each_row_goes_back_to_whom_it_belonged_unless_somebody_was_quicker(shop, li):
    me = Membership.objects.get(user=shop.administrator)
    lis, nobodys, quick = (shop.files(FRIDAY) for _number in range(3))
    Complaint.objects.filter(pk=lis.pk).update(assignee=li)
    numbers = [each.complaint_no for each in (lis, nobodys, quick)]
    with browser(shop.administrator, "2026-03-10T09:00:00+08:00") as client:
        response = client.post(ASSIGN, {"chosen": numbers, "assignee": "me"}, follow=True)
        assert "3 complaints were assigned." in text_of(response)
        assert set(Complaint.objects.values_list("assignee", flat=True)) == {me.pk}
        Complaint.objects.filter(pk=quick.pk).update(assignee=li)  # another member, meanwhile
        offer = undo_of(response)
        assert "2 complaints are as before." in text_of(client.post(offer["url"], offer, follow=True))
    whose = dict(Complaint.objects.values_list("pk", "assignee"))
    assert whose == {lis.pk: li.pk, nobodys.pk: None, quick.pk: li.pk}


def test_an_assignment_is_not_taken_back_too_late_nor_by_another(shop, li):
    complaint = shop.files(FRIDAY)
    with browser(shop.administrator, "2026-03-10T09:00:00+08:00") as client:
        sent = {"one": complaint.complaint_no, "assignee": li.pk}
        offer = undo_of(client.post(ASSIGN, sent, follow=True))
        with browser(li.user, "2026-03-10T09:00:01+08:00") as other:
            assert "nothing to undo" in text_of(other.post(offer["url"], offer, follow=True))
    with freeze_time("2026-03-10T09:00:13+08:00"):
        assert "more than 10 seconds ago" in text_of(client.post(offer["url"], offer, follow=True))
    complaint.refresh_from_db()
    assert complaint.assignee == li


def test_to_whom_is_asked_on_a_page_where_no_script_runs(shop, li):
    complaint = shop.files(FRIDAY)
    with browser(shop.administrator, TUESDAY) as client:
        page = client.post(ASSIGN, {"one": complaint.complaint_no, "next": LIST + "?status=all"})
    assert page.status_code == 200
    assert re.search(rf'name="assignee" value="{li.pk}"', page.content.decode())
    assert f'name="chosen" value="{complaint.complaint_no}"' in page.content.decode()
    assert 'name="next" value="/complaints/?status=all"' in page.content.decode()


def test_a_number_that_the_database_cannot_even_look_for_is_of_no_complaint(shop, li):
    complaint = shop.files(FRIDAY)
    with browser(shop.administrator, TUESDAY) as client:
        for given in ({"assignee": li.pk}, {}):
            assert client.post(ASSIGN, {"one": "a\0b", **given}).status_code == 404
        client.post(ASSIGN, {"chosen": ["a\0b", complaint.complaint_no], "assignee": li.pk})
    complaint.refresh_from_db()
    assert complaint.assignee == li


def test_htmx_gets_the_cell_with_what_is_to_be_said(shop, li):
    complaint = shop.files(FRIDAY)
    with browser(shop.administrator, TUESDAY) as client:
        sent = {"one": complaint.complaint_no, "assignee": li.pk}
        response = client.post(ASSIGN, sent, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert f'id="whose-{complaint.complaint_no}"' in response.content.decode()
    assert "Lei Li" in text_of(response)
    assert has_undo(response)
    assert "<html" not in response.content.decode()


def test_what_is_so_already_is_said_and_offers_no_undo(shop):
    complaint = shop.files(FRIDAY)
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(ASSIGN, {"one": complaint.complaint_no, "assignee": "nobody"}, follow=True)
    assert "it was so already" in text_of(response)
    assert not has_undo(response)
    assert not InternalLine.objects.exists()


@pytest.mark.parametrize("assignee", ["999999", "x", "viewer"])
def test_whoever_does_not_handle_complaints_gets_none(shop, assignee):
    complaint = shop.files(FRIDAY)
    viewer = Membership.objects.get(user=member(shop, Grant.VIEW))
    to = str(viewer.pk) if assignee == "viewer" else assignee
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(ASSIGN, {"one": complaint.complaint_no, "assignee": to}, follow=True)
    assert "does not handle complaints here any more" in text_of(response)
    complaint.refresh_from_db()
    assert complaint.assignee is None


def test_who_may_not_assign_cannot_and_what_is_anothers_does_not_exist(shop, li):
    complaint = shop.files(FRIDAY)
    sent = {"one": complaint.complaint_no, "assignee": "me"}
    with browser(member(shop, Grant.VIEW), TUESDAY) as client:
        assert client.post(ASSIGN, sent).status_code == 403
    with browser(make_shop().administrator, TUESDAY) as client:
        assert client.post(ASSIGN, sent).status_code == 404
        assert client.post(ASSIGN, {"one": complaint.complaint_no}).status_code == 404
    complaint.refresh_from_db()
    assert complaint.assignee is None


def test_nothing_chosen_and_too_much_chosen_are_said(shop):
    with browser(shop.administrator, TUESDAY) as client:
        nothing = client.post(ASSIGN, {"assignee": "me"}, follow=True)
        too_much = client.post(ASSIGN, {"assignee": "me", "chosen": [str(n) for n in range(501)]}, follow=True)
    assert "Choose at least one complaint." in text_of(nothing)
    assert "You chose 501 complaints; at most 500" in text_of(too_much)
