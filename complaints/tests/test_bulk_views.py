"""The bar under the list, the preview, doing it, and the result, as a browser without scripts uses them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from complaints.models import BulkRun, CannedReply, Complaint, Handling, InternalLine, Message
from complaints.tests.factories import handle_at, make_picture, member_actor, moment
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from complaints.workspace import bulk
from complaints.workspace.canned import CannedInput, delete_canned, save_canned
from merchants.models import Grant, Membership, User

pytestmark = pytest.mark.django_db

FILED = "2026-03-09T09:00+08:00"
AT = "2026-03-10T12:00+08:00"
PREVIEW, DO, LIST = "/complaints/bulk/", "/complaints/bulk/do/", "/complaints/"


@contextmanager
def visit(user: User) -> Iterator[Any]:
    """The browser of a person at the usual moment; its answers are untyped, for they are of many kinds."""
    with browser(user, AT) as client:
        yield client


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def cases(shop: Shop) -> list[Complaint]:
    names = ("张小明", "李四", "王五")
    return [shop.files(FILED, trade_amount=Decimal("10.00"), consumer_name=name) for name in names]


def reply(shop: Shop, title: str = "Refunded", method: str = "other_refund", **fields: Any) -> CannedReply:
    given = {"text": "{consumer}, it is done.", "pictures": (make_picture(shop.merchant),), **fields}
    refund = "asked" if method.endswith("_refund") else ""
    wanted = CannedInput(title=title, method=method, refund=refund, **given)
    return save_canned(wanted, actor=member_actor(shop.merchant), now=moment(FILED))


def chosen(complaints: list[Complaint], do: str, **fields: Any) -> dict[str, Any]:
    return {"chosen": [complaint.complaint_no for complaint in complaints], "do": do, **fields}


def sent_by(response: Any) -> dict[str, Any]:
    """What the preview's form sends when nothing in it is touched."""
    page = response.content.decode()
    form = page[page.index('<form class="stack" id="chosen"') :]
    form = form[: form.index("</form>")]
    fields: dict[str, Any] = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    fields.pop("csrfmiddlewaretoken", None)
    fields["chosen"] = re.findall(r'name="chosen" value="(\d+)" checked', form)
    fields |= dict(re.findall(r'name="(typed-\d+)" value="([^"]*)"', form))
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", form, re.DOTALL)
    return fields | ({"text": text[1]} if text else {})


# The bar


def test_the_bar_offers_what_there_is_to_members_who_handle_and_to_nobody_else(shop, cases):
    canned = reply(shop)
    with visit(shop.administrator) as client:
        page = client.get(LIST).content.decode()
        assert page.count(f'value="handle-{canned.pk}"') == 2  # at hand, and in the menu
        assert page.count(f'value="reply-{canned.pk}"') == 1
        assert 'name="do" value="assign"' in page
    with visit(member(shop, Grant.VIEW)) as client:
        page = client.get(LIST).content.decode()
        assert 'name="do"' not in page
        assert canned.title not in page


def test_without_replies_the_bar_leads_to_making_some(shop, cases):
    with visit(shop.administrator) as client:
        assert "Make canned replies" in text_of(client.get(LIST))


# From the list to handled complaints


def test_three_complaints_are_handled_in_one_go(shop, cases):
    canned = reply(shop)
    with visit(shop.administrator) as client:
        preview = client.post(PREVIEW, chosen(cases, f"handle-{canned.pk}", next="/complaints/?due=24"))
        assert preview.status_code == 200
        text = text_of(preview)
        for part in ("Nothing is done yet", "cannot be undone", "张**, it is done.", "Refunded in all ¥30.00"):
            assert part in text
        assert "Handle 3 complaints" in text
        assert not Handling.objects.exists()
        answer = client.post(DO, sent_by(preview))
        assert answer.status_code == 302
        result = client.get(answer.url)
        assert "3 of 3 complaints were handled" in text_of(result)
        assert text_of(result).count("Handled: refunded in another way, ¥10.00.") == 3
        assert 'href="/complaints/?due=24"' in result.content.decode()
    assert Handling.objects.count() == 3


def test_a_row_can_be_left_out_and_what_is_typed_in_a_row_is_taken(shop, cases):
    canned = reply(shop, "Sent", "shipped")
    with visit(shop.administrator) as client:
        preview = client.post(PREVIEW, chosen(cases, f"handle-{canned.pk}"))
        assert "In 3 rows something must be filled in first." in text_of(preview)
        fields = sent_by(preview) | {f"typed-{cases[0].complaint_no}": "SF 1"}
        fields["chosen"] = fields["chosen"][:2]
        result = client.get(client.post(DO, fields).url)
        assert "1 of 2 complaints were handled" in text_of(result)
        assert "Give the carrier and the tracking number." in text_of(result)
    assert Handling.objects.get().tracking == "SF 1"


def test_what_the_database_cannot_keep_is_left_out_of_what_is_typed(shop, cases):
    canned = reply(shop)
    with visit(shop.administrator) as client:
        given = sent_by(client.post(PREVIEW, chosen(cases, f"handle-{canned.pk}", text="{consumer}, it\0 is done.")))
        given |= {f"typed-{cases[0].complaint_no}": "R-\0 1", "text": "{consumer}, it\0 is done."}
        assert client.post(DO, given).status_code == 302
    first = Handling.objects.get(complaint=cases[0])
    assert (first.refund_reference, first.note) == ("R- 1", "张**, it is done.")


def test_a_row_that_changed_meanwhile_is_told_and_can_be_tried_again(shop, cases):
    canned = reply(shop)
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"handle-{canned.pk}")))
        handle_at("2026-03-10T11:59+08:00", cases[1])
        result = client.get(client.post(DO, fields).url)
        assert "2 of 3 complaints were handled" in text_of(result)
        assert "Li Lei, 2026-03-10 11:59 Beijing time: Handled the complaint in time" in text_of(result)
        page = result.content.decode()
        again = dict(re.findall(r'<input type="hidden" name="(do|to|next)" value="([^"]*)"', page))
        numbers = re.findall(r'name="chosen" value="(\d+)"', page)
        assert numbers == [cases[1].complaint_no]
        assert again["do"] == f"handle-{canned.pk}"
        preview = client.post(PREVIEW, again | {"chosen": numbers, "text": "Again."})
        assert "None of them can be done." in text_of(preview)


def test_complaints_are_assigned_and_the_assignment_is_taken_back(shop, cases):
    han = Membership.objects.get(user=member(shop, Grant.VIEW, Grant.HANDLE))
    Complaint.objects.filter(pk=cases[0].pk).update(assignee=han)
    before = list(Complaint.objects.order_by("pk").values_list("assignee_id", flat=True))
    with visit(shop.administrator) as client:
        preview = client.post(PREVIEW, chosen(cases, "assign", to=str(han.pk)))
        assert "It can be undone for 10 seconds afterwards." in text_of(preview)
        assert "already." in text_of(preview)
        result = client.get(client.post(DO, sent_by(preview)).url)
        assert set(Complaint.objects.values_list("assignee_id", flat=True)) == {han.pk}
        token = re.search(r'name="undo" value="([^"]+)"', result.content.decode())
        assert token
        assert client.post("/complaints/assign/undo/", {"undo": token[1]}).status_code == 302
    assert list(Complaint.objects.order_by("pk").values_list("assignee_id", flat=True)) == before
    assert InternalLine.objects.filter(kind="assign").count() == 4


# Nothing is done that was not shown, and nothing twice


def test_sent_twice_it_is_done_once_and_leads_to_the_same_result(shop, cases):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}")))
        first, again = client.post(DO, fields), client.post(DO, fields)
        assert first.url == again.url
        assert "3 of 3 messages were left" in text_of(client.get(again.url))
    assert Message.objects.count() == 3


def test_sent_twice_it_is_done_once_also_when_the_reply_is_gone_by_then(shop, cases):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}")))
        first = client.post(DO, fields)
        delete_canned(canned.pk, actor=member_actor(shop.merchant))
        assert client.post(DO, fields).url == first.url
    assert Message.objects.count() == 3


def test_who_goes_back_and_changes_the_text_sees_first_what_was_done(shop, cases):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}")))
        client.post(DO, fields)
        answer = client.post(DO, fields | {"text": "Something else."})
        assert answer.status_code == 409
        assert "done from this page already" in text_of(answer)
        assert f"/complaints/bulk/{fields['key']}/" in answer.content.decode()
        assert sent_by(answer)["key"] != fields["key"]
    assert Message.objects.count() == 3


def test_a_text_that_was_edited_is_shown_filled_in_before_it_is_said(shop, cases):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}")))
        again = client.post(DO, fields | {"text": "{order} soon,\r\n{consumer}."})
        assert again.status_code == 200
        assert "Look at it once more" in text_of(again)
        assert f"{cases[0].trade_no} soon, 张**." in text_of(again)
        assert not Message.objects.exists()
        client.post(DO, sent_by(again))
    assert Message.objects.order_by("pk")[0].text == f"{cases[0].trade_no} soon,\n张**."


def test_a_reply_that_somebody_changed_is_shown_again(shop, cases):
    canned = reply(shop)
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"handle-{canned.pk}")))
        given = CannedInput(
            title="Refunded", text=canned.text, method="not_liable", pictures=(make_picture(shop.merchant),)
        )
        save_canned(given, canned_id=canned.pk, actor=member_actor(shop.merchant), now=moment(AT))
        again = client.post(DO, fields)
        assert "Not our responsibility" in text_of(again)
    assert not Handling.objects.exists()


def test_an_unknown_variable_is_refused_beside_the_text_and_all_stay_chosen(shop, cases):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        answer = client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}", text="Dear {nobody}"))
        assert answer.status_code == 400
        assert "There is no variable {nobody}" in text_of(answer)
        assert "Dear {nobody}" in text_of(answer)
        assert len(sent_by(answer)["chosen"]) == 3


def test_a_reply_that_is_gone_leaves_all_chosen_for_another(shop, cases):
    gone, other = reply(shop), reply(shop, "Other")
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"handle-{gone.pk}")))
        delete_canned(gone.pk, actor=member_actor(shop.merchant))
        for address in (PREVIEW, DO):
            answer = client.post(address, fields)
            assert answer.status_code == 400
            assert "not there any more" in text_of(answer)
            assert len(sent_by(answer)["chosen"]) == 3
            assert f'value="handle-{other.pk}"' in answer.content.decode()
    assert not Handling.objects.exists()


def test_a_run_that_took_too_long_can_be_gone_on_with(shop, cases, monkeypatch):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        fields = sent_by(client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}")))
        monkeypatch.setattr(bulk, "LONGEST", -1.0)
        result = client.get(client.post(DO, fields).url)
        assert "3 complaints wait for their turn" in text_of(result)
        assert not Message.objects.exists()
        monkeypatch.undo()
        result = client.get(client.post(DO, {"key": fields["key"], "go_on": "1"}).url)
        assert "3 of 3 messages were left" in text_of(result)
    assert Message.objects.count() == 3


# Too many, none, and what is not theirs


def test_five_hundred_and_one_are_refused_with_a_sentence_and_stay_chosen_in_parts(shop, cases):
    canned = reply(shop, "Hello", "")
    numbers = [f"{number:028d}" for number in range(500)] + [cases[0].complaint_no]
    with visit(shop.administrator) as client:
        answer = client.post(PREVIEW, {"chosen": numbers, "do": f"reply-{canned.pk}"})
        assert answer.status_code == 400
        assert "You chose 501 complaints; at most 500 can be done at once." in text_of(answer)
        assert "Complaints 1 to 500" in text_of(answer)
        assert answer.content.decode().count('name="chosen"') == 501
        assert client.post(DO, {"chosen": numbers, "do": f"reply-{canned.pk}", "key": "a" * 32}).status_code == 400
    assert not Message.objects.exists()


def test_ten_thousand_are_refused_at_once_on_a_page_that_says_why(shop):
    with visit(shop.administrator) as client, CaptureQueriesContext(connection) as queries:
        client.raise_request_exception = False
        answer = client.post(PREVIEW, {"chosen": [f"{number:028d}" for number in range(10_000)], "do": "assign"})
    assert answer.status_code == 400
    assert "at most 500 complaints" in text_of(answer)
    assert not any("complaints_complaint" in query["sql"] for query in queries)


@pytest.mark.parametrize("numbers", [[], ["1"], ["\x00"]])
def test_with_nothing_chosen_one_is_back_on_the_list_and_told(shop, cases, numbers):
    canned = reply(shop)
    with visit(shop.administrator) as client:
        answer = client.post(PREVIEW, {"chosen": numbers, "do": f"handle-{canned.pk}", "next": "/complaints/?due=24"})
        assert answer.url == "/complaints/?due=24"
        assert "Choose at least one complaint." in text_of(client.get(answer.url))


def test_what_belongs_to_another_merchant_is_not_there(shop, cases):
    other = make_shop()
    canned = reply(other)
    own = other.files(FILED)
    with visit(other.administrator) as client:
        preview = client.post(PREVIEW, chosen([*cases, own], f"handle-{canned.pk}"))
        assert sent_by(preview)["chosen"] == [own.complaint_no]
        assert cases[0].complaint_no not in preview.content.decode()
        fields = sent_by(preview)
        fields["chosen"] = [*[each.complaint_no for each in cases], own.complaint_no]
        result = client.get(client.post(DO, fields).url)
        assert "1 of 1 complaint was handled" in text_of(result)
    assert [handling.complaint for handling in Handling.objects.all()] == [own]
    run = BulkRun.objects.get()
    with visit(shop.administrator) as client:
        assert client.get(f"/complaints/bulk/{run.key}/").status_code == 404


@pytest.mark.parametrize("grants", [(), (Grant.VIEW,), (Grant.VIEW, Grant.REFUND)])
def test_who_may_not_handle_sees_and_does_nothing(shop, cases, grants):
    canned = reply(shop)
    with visit(member(shop, *grants)) as client:
        for address in (PREVIEW, DO):
            assert client.post(address, chosen(cases, f"handle-{canned.pk}", key="a" * 32)).status_code == 403
    assert not Handling.objects.exists()
    assert not BulkRun.objects.exists()


def test_who_reads_the_addresses_without_sending_anything_is_led_to_the_list(shop):
    with visit(shop.administrator) as client:
        for address in (PREVIEW, DO):
            assert client.get(address).url == LIST
        assert client.get(f"/complaints/bulk/{'a' * 32}/").status_code == 404


def test_the_way_back_leads_to_no_other_host(shop, cases):
    canned = reply(shop, "Hello", "")
    with visit(shop.administrator) as client:
        preview = client.post(PREVIEW, chosen(cases, f"reply-{canned.pk}", next="https://example.com/"))
        assert "example.com" not in preview.content.decode()
        answer = client.post(DO, sent_by(preview))
        result = client.get(answer.url.partition("?")[0] + "?next=//example.com")
        assert re.search(r'href="[^"]*example', result.content.decode()) is None
        assert f'href="{LIST}"' in result.content.decode()


def test_the_pages_take_as_many_statements_for_eight_as_for_two(shop, cases):
    canned = reply(shop)
    more = cases + [shop.files(FILED) for _ in range(5)]
    with visit(shop.administrator) as client:

        def statements(complaints: list[Complaint]) -> tuple[int, int]:
            with CaptureQueriesContext(connection) as previewing:
                preview = client.post(PREVIEW, chosen(complaints, f"handle-{canned.pk}"))
            number = len(previewing)
            url = client.post(DO, sent_by(preview)).url
            with CaptureQueriesContext(connection) as looking:
                client.get(url)
            return number, len(looking)

        assert statements(more[:2]) == statements(more[2:])
