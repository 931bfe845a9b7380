"""A merchant's day in a real browser: with the mouse, with the keyboard alone, on a phone, and without scripts."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from complaints.models import Handling, Message
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from evidence.tests.making import png
from merchants.models import ContactPoint

RECORD = {"name": "record.png", "mimeType": "image/png", "buffer": png()}


def sign_in(page: Page) -> None:
    page.goto("/")
    page.locator("[name=login]").fill("wang")
    page.locator("[name=password]").fill("password")
    page.get_by_role("button", name="Sign in").click()


def choose(page: Page, method: str) -> None:
    """Choose a way of handling; the whole card is the label."""
    page.locator(f"label[for=id_method_{method}]").click()
    expect(page.locator(f"#id_method_{method}")).to_be_checked()


def test_a_day_from_signing_in_to_a_message(visitor, shop, file_ago):
    urgent, later = file_ago(95), file_ago(20)
    page = visitor.page()
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(shop.merchant.name)
    card = page.locator(".card--link").first
    box = card.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 8, box["y"] + box["height"] - 8)  # the whole card is the link
    expect(page).to_have_url(re.compile("/complaints/$"))
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tbody tr").first.get_by_role("link", name="Handle complaint").click()
    expect(page).to_have_url(re.compile(f"/complaints/{urgent.complaint_no}/#handle$"))

    choose(page, "other")
    page.get_by_label("Explanation").fill("We agreed on a voucher.")
    page.locator("#handle input[type=file]").set_input_files(RECORD)
    page.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(page.get_by_role("status")).to_contain_text("The complaint was handled.")
    expect(page.locator(".badge").first).to_have_text("in review")
    picture = page.locator("#history .evidence img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") == 60
    assert Handling.objects.get().in_time

    page.goto(f"/complaints/{later.complaint_no}/")
    page.locator("#message").get_by_label("Message", exact=True).fill("We are looking into it.")
    page.locator("#message input[type=file]").set_input_files(RECORD)
    page.get_by_role("button", name="Leave a message").click()
    expect(page.get_by_role("status")).to_contain_text("a message is not handling")
    expect(page.locator("#history")).to_contain_text("We are looking into it.")
    assert Deadline.objects.get(kind="handle").subject_id == later.pk


def test_a_complaint_is_handled_with_the_keyboard_alone(visitor, shop, file_ago):
    file_ago(20)
    page = visitor.page()
    page.goto("/")
    tab_to(page, "[name=login]")
    page.keyboard.type("wang")
    tab_to(page, "[name=password]")
    page.keyboard.type("password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(shop.merchant.name)
    tab_to(page, "a.row-link")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/complaints/\d+/$"))
    tab_to(page, "input[name=method]")
    page.keyboard.press("Space")  # the first way that can be chosen
    tab_to(page, "[name=refund_reference]")
    page.keyboard.type("R-77")
    tab_to(page, "[name=refund_amount]")
    page.keyboard.type("12.50")
    tab_to(page, "#handle button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The complaint was handled.")
    assert Handling.objects.get().refund_reference == "R-77"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there, on a page that is whole."""
    page.wait_for_load_state()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the Tab key never comes to {selector}")


def test_what_is_missing_has_the_focus_and_pictures_survive(visitor, shop, file_ago):
    complaint = file_ago(20)
    page = visitor.page(shop.administrator)
    page.goto(f"/complaints/{complaint.complaint_no}/")
    choose(page, "shipped")
    page.locator("#handle input[type=file]").set_input_files(RECORD)
    visitor.complaints.clear()
    page.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(page.locator(".error-summary")).to_be_focused()
    visitor.complaints.clear()  # the browser notes the status 400
    expect(page.locator("#handle .pictures__kept img")).to_be_visible()
    page.get_by_label("Carrier and tracking number").fill("SF 1234")
    page.get_by_label("Explanation").fill("Sent on Monday.")
    page.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(page.get_by_role("status")).to_contain_text("The complaint was handled.")
    assert Handling.objects.get().evidence.count() == 1


def test_everything_works_without_scripts(visitor, shop, file_ago):
    complaint = file_ago(20)
    page = visitor.page(shop.administrator, java_script_enabled=False, width=360)
    page.goto(f"/complaints/{complaint.complaint_no}/")
    choose(page, "not_liable")
    page.get_by_label("Explanation").fill("Ordered elsewhere.")
    page.locator("#handle input[type=file]").set_input_files(RECORD)
    page.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(page.locator(".toast")).to_contain_text("The complaint was handled.")
    page.locator("#message").get_by_label("Message", exact=True).fill("Ask us again any time.")
    page.get_by_role("button", name="Leave a message").click()
    expect(page.locator("#history")).to_contain_text("Ask us again any time.")
    assert Message.objects.count() == 1


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_page_is_wider_than_the_window(visitor, shop, file_ago, language):
    penalised = file_ago(100)
    now = timezone.now()
    run_sweep("handle", cut_off=now, issued_at=now, ran_by="test")
    late, pending = file_ago(97), file_ago(20)
    page = visitor.page(shop.administrator, language=language)
    addresses = [
        "/",
        "/complaints/",
        "/complaints/?q=nothing",
        "/complaints/?due=48&protection=yes",
        f"/complaints/{pending.complaint_no}/",
        f"/complaints/{penalised.complaint_no}/",
        f"/complaints/{late.complaint_no}/",
    ]
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.lang") == language
        assert overflows(page) == [], address
    choose(page, "shipped")
    assert overflows(page) == []


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_what_was_lost_stands_beside_who_has_the_case_and_never_over_it(visitor, shop, file_ago, language):
    file_ago(400)
    file_ago(20)
    now = timezone.now()
    run_sweep("handle", cut_off=now, issued_at=now, ran_by="test")
    page = visitor.page(shop.administrator, language=language)
    for width in (1440, 1300, 1100, 900, 780, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/complaints/")
        assert page.evaluate(POINTS_OUTSIDE) == [], width
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 800})
    assert page.evaluate(POINTS_OUTSIDE) == []


def test_a_filter_opens_within_the_window(visitor, shop, file_ago):
    file_ago(20)
    page = visitor.page(shop.administrator)
    for width in (1280, 1100, 900, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/complaints/")
        for opener in page.locator(".filter > summary").all():
            opener.click()
            values = opener.locator("xpath=../*[2]")
            expect(values).to_be_visible()
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            box = values.bounding_box()
            assert box
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
            page.keyboard.press("Escape")


def test_no_card_is_empty_on_paper(visitor, shop, file_ago):
    page = visitor.page(shop.administrator)
    page.emulate_media(media="print")
    page.goto(f"/complaints/{file_ago(20).complaint_no}/")
    cards = page.locator(".card:visible").evaluate_all(
        "cards => cards.map(each => [each.innerText.trim(), each.querySelector('.card__head')?.innerText.trim()])"
    )
    assert cards
    assert [said for said, head in cards if said == head] == []


POINTS_OUTSIDE = """() => [...document.querySelectorAll("td .clocks__points")].filter(each => {
  const words = document.createRange();
  words.selectNodeContents(each);
  return words.getBoundingClientRect().right > each.closest("td").getBoundingClientRect().right + 1;
}).map(each => each.textContent.trim())"""


def test_an_address_without_blanks_stays_within_its_card(visitor, shop):
    url = "https://service.example.com/qinghe/customers/chat?from=complaints"
    shown_at = timezone.now()
    ContactPoint.objects.create(mini_program=shop.program, url=url, changed_by="wang", changed_at=shown_at)
    page = visitor.page(shop.administrator, width=320)
    page.goto("/settings/contacts/")
    link, card = page.locator("td a[href^=https]").bounding_box(), page.locator(".card").first.bounding_box()
    assert link
    assert card
    assert link["x"] + link["width"] <= card["x"] + card["width"]


def overflows(page: Page) -> list[str]:
    """The windows, from a desk's to a phone's, that the page is wider than."""
    found = []
    for width in (1440, 768, 360):
        page.set_viewport_size({"width": width, "height": 800})
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over:
            found.append(f"{over} pixels over {width}")
    return found
