"""The public form: how the shop is reached, asking, complaining, machines; and the same for programs."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import translation

from complaints.consumer.contact_views import dial
from complaints.consumer.public import Visitor
from complaints.models import Complaint, Consultation
from complaints.tests.calling import merchant_caller
from complaints.tests.consumers import found, phone
from complaints.tests.factories import make_program, moment
from complaints.tests.pages import Shop, make_shop, picture, text_of
from evidence.models import Evidence
from merchants.contacts import is_phone
from merchants.models import ContactPoint, Platform

pytestmark = pytest.mark.django_db

MONDAY = "2026-03-02T09:00+08:00"
ASK = {"kind": "ask", "text": "Is it in stock?", "trade_no": "", "name": "", "phone": ""}
FILE = {
    "kind": "complain",
    "text": "Nothing came.",
    "dispute_type": "未收到货",
    "demand": "退款",
    "trade_no": "2026030122001",
    "trade_amount": "128.50",
    "name": "张小明",
    "phone": "138 0000 1234",
}


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()
    yield
    translation.activate("en")


@pytest.fixture
def shop() -> Shop:
    shop = make_shop("Tea House")
    ContactPoint.objects.create(
        mini_program=shop.program,
        phone="0571-8888 1234转8",
        hours="9:00-21:00",
        url="https://tea.example/help",
        changed_by="test",
        changed_at=moment(MONDAY),
    )
    return shop


def address(shop: Shop, end: str = "/") -> str:
    return f"/contact/{shop.merchant.platform.code}/{shop.program.app_id}{end}"


def opened(client, shop: Shop, query: str = "") -> tuple[str, str]:
    """Open the form; return the page and the number of the visitor in it."""
    page = client.get(address(shop) + query).content.decode()
    return page, found(r'name="visitor" value="(\w+)"', page)


def send(shop: Shop, given: dict[str, Any], **options):
    with phone(MONDAY, **options) as client:
        _page, visitor = opened(client, shop)
        return client.post(address(shop), {"visitor": visitor, **given})


# How the shop is reached


def test_the_shops_own_contact_comes_first(shop):
    with phone(MONDAY) as client:
        page, _visitor = opened(client, shop)
    assert 'href="tel:057188881234;ext=8"' in page
    assert "0571-8888 1234转8" in page
    assert "9:00-21:00" in page
    assert 'href="https://tea.example/help"' in page
    assert page.index("tel:") < page.index("<form")
    assert "Somebody answers:" in page


def test_a_shop_that_says_nothing_is_asked_in_writing(shop):
    ContactPoint.objects.all().delete()
    with phone(MONDAY) as client:
        page, _visitor = opened(client, shop)
    assert "has not said yet how it is reached" in page
    assert "tel:" not in page


@pytest.mark.parametrize(
    ("given", "dialled"),
    [
        ("95188", "tel:95188"),
        ("0571-8888 1234", "tel:057188881234"),
        ("+86 571 8888 1234", "tel:+8657188881234"),
        ("(0571) 88881234", "tel:057188881234"),
        ("88881234 ext. 12", "tel:88881234;ext=12"),
        ("88881234转12", "tel:88881234;ext=12"),
        ("", ""),
    ],
)
def test_what_a_phone_dials(given, dialled):
    assert dial(given) == dialled


@pytest.mark.parametrize("end", ["/", ".json", ".js"])
def test_a_program_that_is_not_there_does_not_exist(shop, end):
    other = make_program()
    with phone(MONDAY) as client:
        for path in (
            f"/contact/{shop.merchant.platform.code}/nothing{end}",
            f"/contact/{shop.merchant.platform.code}/{other.app_id}{end}",
            f"/contact/nowhere/{shop.program.app_id}{end}",
            f"/contact/{shop.merchant.platform.code}/%00{end}",
        ):
            assert client.get(path).status_code == 404
            assert client.post(path, ASK).status_code in (404, 405)
    assert not Consultation.objects.exists()


@pytest.mark.parametrize(("language", "said"), [("zh-hans", "联系您购买所在平台的客服"), ("en", "where you bought")])
def test_a_consumer_who_mistyped_is_not_taken_for_a_member(shop, language, said):
    with phone(MONDAY) as client:
        response = client.get(f"/contact/{shop.merchant.platform.code}/nothing/", {"language": language})
    page = response.content.decode()
    assert response.status_code == 404
    assert said in page
    assert 'href="/"' not in page  # that is where members sign in
    assert response.headers["Cache-Control"] == "no-store"


# Asking and complaining


def test_a_question_becomes_a_consultation_and_gives_a_link(shop):
    with phone(MONDAY, enforce_csrf_checks=True) as client:
        page, visitor = opened(client, shop)
        forged = client.post(address(shop), {"visitor": visitor, **ASK})
        assert forged.status_code == 403
        token = found(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        sent = {**ASK, "visitor": visitor, "csrfmiddlewaretoken": token, "pictures": picture()}
        response = client.post(address(shop), sent, headers={"origin": "null"})
        assert response.status_code == 302
        assert "portal_session" not in client.cookies
        arrived = client.get(response.headers["Location"])
        own = response.headers["Location"].removesuffix("sent/")
        assert f"http://127.0.0.1:8000{own}" in arrived.content.decode()
        assert "Nothing but this link leads to it" in text_of(arrived)
        assert "Is it in stock?" in text_of(client.get(own))
    consultation = Consultation.objects.get()
    assert (consultation.text, consultation.asked_at) == ("Is it in stock?", moment(MONDAY))
    assert consultation.mini_program == shop.program
    assert consultation.pictures.count() == 1
    assert (consultation.consumer_name, consultation.consumer_phone) == ("", "")


def test_a_complaint_starts_its_clock(shop):
    with phone(MONDAY) as client:
        page, _visitor = opened(client, shop, "?complain")
        assert "Asking first is usually quicker" in page
    assert send(shop, FILE).status_code == 302
    complaint = Complaint.objects.get()
    assert (complaint.trade_no, complaint.trade_amount) == ("2026030122001", Decimal("128.50"))
    assert (complaint.dispute_type, complaint.demand) == ("未收到货", "退款")
    assert (complaint.consumer_name, complaint.consumer_phone) == ("张小明", "138 0000 1234")
    assert complaint.handle_by == moment("2026-03-06T09:00+08:00")
    assert complaint.history.get().actor_kind == "consumer"


def test_the_same_form_sent_twice_is_one_case_and_leads_there_again(shop):
    with phone(MONDAY) as client:
        _page, visitor = opened(client, shop)
        for given in (ASK, FILE):
            for _again in range(2):
                assert client.post(address(shop), {"visitor": visitor, **given}).status_code == 302
    assert Consultation.objects.count() == Complaint.objects.count() == 1


def test_a_form_that_was_changed_after_it_was_sent_loses_nothing(shop):
    with phone(MONDAY) as client:
        _page, visitor = opened(client, shop)
        client.post(address(shop), {"visitor": visitor, **ASK})
        response = client.post(address(shop), {"visitor": visitor, **ASK, "text": "And in green?"})
    assert response.status_code == 409
    assert "This form was sent before" in text_of(response)
    assert "And in green?" in text_of(response)
    assert 'href="/c/' in response.content.decode()
    assert Consultation.objects.get().text == "Is it in stock?"


def test_the_shop_cannot_work_out_the_visitor_from_what_it_is_given(shop):
    with phone(MONDAY) as client:
        _page, visitor = opened(client, shop)
        client.post(address(shop), {"visitor": visitor, **FILE, "pictures": picture()})
    listed = merchant_caller(shop.merchant).get("/api/v1/complaints/").json()["results"][0]
    assert listed["upstream_id"].startswith("form-")
    assert visitor not in json.dumps(listed)
    assert visitor not in Evidence.objects.get().sent_through
    assert "consumer_url" not in listed


@pytest.mark.parametrize(
    ("given", "change", "why"),
    [
        (ASK, {"text": ""}, "required"),
        (ASK, {"text": "   "}, "required"),
        (ASK, {"text": "字" * 10_000}, "at most 2000"),
        (ASK, {"phone": "call me"}, "This is no phone number."),
        (ASK, {"phone": "1234"}, "This is no phone number."),
        (ASK, {"name": "n" * 101}, "at most 100"),
        (ASK, {"trade_no": "1" * 65}, "at most 64"),
        (FILE, {"trade_no": ""}, "required"),
        (FILE, {"trade_amount": "much"}, "at most two decimals"),
        (FILE, {"trade_amount": "0.00"}, "0.01"),
        (FILE, {"dispute_type": ""}, "required"),
        (FILE, {"demand": "x"}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_or_picked_is_lost(shop, given, change, why):
    whole = {**given, "name": "Han Meimei", **change}
    with phone(MONDAY) as client:
        _page, visitor = opened(client, shop)
        response = client.post(address(shop), {"visitor": visitor, **whole, "pictures": picture("my.png")})
        page = response.content.decode()
        assert response.status_code == 400
        assert why in text_of(response)
        for name, value in whole.items():
            if name not in ("kind", "dispute_type", "demand") and value.strip():
                assert value in page, name
        shown = found(r'src="(/contact/[^"]+)"', page)
        kept = found(r'name="pictures_kept" value="(\w+)"', page)
        assert client.get(shown).getvalue().startswith(b"\x89PNG")
        assert client.get(shown.replace(visitor, "0" * 32)).status_code == 404
        assert f'name="visitor" value="{visitor}"' in page
        again = client.post(address(shop), {"visitor": visitor, **given, "pictures_kept": kept})
        assert again.status_code == 302
    case = Complaint.objects.get() if given is FILE else Consultation.objects.get()
    assert case.pictures.get().name == "my.png"


def test_pictures_of_another_visitor_cannot_be_sent_along(shop):
    with phone(MONDAY) as client:
        _page, first = opened(client, shop)
        client.post(address(shop), {"visitor": first, **ASK, "text": "", "pictures": picture()})
        theirs = Evidence.objects.get().token
        _page, second = opened(client, shop)
        response = client.post(address(shop), {"visitor": second, **ASK, "pictures_kept": theirs})
    assert first != second
    assert response.status_code == 400
    assert "A picture that was sent earlier is no longer there." in text_of(response)
    assert not Consultation.objects.exists()


@pytest.mark.parametrize("visitor", ["", "x", "0" * 31, "0" * 33, "Z" * 32])
def test_a_form_without_its_number_is_not_taken(shop, visitor):
    with phone(MONDAY) as client:
        assert client.post(address(shop), {**ASK, "visitor": visitor}).status_code == 400
    assert not Consultation.objects.exists()


def test_a_machine_that_fills_in_everything_is_refused_and_a_person_is_not_lost(shop):
    response = send(shop, {**ASK, "website": "https://spam.example", "pictures": picture()})
    assert response.status_code == 400
    page = response.content.decode()
    assert "a field that must stay empty" in text_of(response)
    assert "Is it in stock?" in page
    assert "spam.example" not in page
    assert "pick your new pictures again" in text_of(response)
    assert Consultation.objects.count() == Evidence.objects.count() == 0
    assert 'class="trap" aria-hidden="true"' in page
    assert 'tabindex="-1"' in page


# What the platform takes


@pytest.mark.parametrize(
    ("kind", "asks", "complains"),
    [
        (Platform.PublicForm.FILE, True, True),
        (Platform.PublicForm.ASK, True, False),
        (Platform.PublicForm.OFF, False, False),
    ],
)
def test_the_platform_says_what_anybody_may_send(shop, kind, asks, complains):
    visitor = Visitor("a" * 32)
    Platform.objects.update(public_form=kind)
    with phone(MONDAY) as client:
        page = client.get(address(shop) + "?complain").content.decode()
        assert ("<form" in page) == asks
        assert ("Send the complaint" in page) == complains
        assert "tel:" in page
        for given, taken in ((ASK, asks), (FILE, complains)):
            sent = {"visitor": visitor.number, **given, "pictures": picture()}
            response = client.post(address(shop), sent)
            assert response.status_code == (302 if taken else 409)
            if not taken:
                assert "The platform does not take this here." in text_of(response)
                assert given["text"] in response.content.decode()
    assert (Consultation.objects.count(), Complaint.objects.count()) == (int(asks), int(complains))
    assert Evidence.objects.count() == asks + complains


# For programs and other pages


def test_any_page_may_ask_how_the_shop_is_reached(shop):
    with phone(MONDAY) as client:
        response = client.get(address(shop, ".json"), headers={"origin": "https://shop.example"})
    assert response.json() == {
        "name": shop.program.name,
        "phone": "0571-8888 1234转8",
        "dial": "tel:057188881234;ext=8",
        "hours": "9:00-21:00",
        "url": "https://tea.example/help",
        "form": f"http://127.0.0.1:8000{address(shop)}",
    }
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert not response.cookies


def test_without_a_public_form_no_address_of_one_is_given(shop):
    Platform.objects.update(public_form=Platform.PublicForm.OFF)
    with phone(MONDAY) as client:
        assert client.get(address(shop, ".json")).json()["form"] == ""


def test_the_script_holds_no_text_that_could_end_it(shop):
    evil = "</script><script>alert(1)</script>\u2028<!-- & \"'"
    shop.program.name = evil
    shop.program.save()
    ContactPoint.objects.update(hours=evil)
    with phone(MONDAY) as client:
        response = client.get(address(shop, ".js"))
    script = response.content.decode()
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "</script" not in script
    assert "\u2028" not in script
    for way in ("innerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script
    given = json.loads(found(r"var given = (\{.*\});", script))
    assert given["contact"]["hours"] == evil
    assert given["words"]["phone"] == "Service phone"


def test_the_form_is_where_the_others_say(shop):
    code, app_id = shop.merchant.platform.code, shop.program.app_id
    assert reverse("consumer:contact", args=[code, app_id]) == address(shop)
    assert reverse("consumer:contact_json", args=[code, app_id]) == address(shop, ".json")
    assert reverse("consumer:contact_js", args=[code, app_id]) == address(shop, ".js")
    assert is_phone("138 0000 1234")
