"""From the list to a handled complaint with a canned reply: by mouse, by keyboard alone, on a phone, without scripts.

Every press of the mouse and of a key is counted by the page itself. Three are enough.
"""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from complaints.models import CannedReply, Complaint, Handling, Message
from complaints.tests.factories import member_actor
from complaints.tests.pages import Shop
from complaints.workspace.canned import CannedInput, save_canned
from evidence.models import Evidence
from evidence.services import keep_pictures
from evidence.tests.making import png

COUNTING = """
  addEventListener("click", (event) => {
    if (event.isTrusted && event.detail) sessionStorage.actions = Number(sessionStorage.actions || 0) + 1;
  }, true);
  addEventListener("keydown", () => sessionStorage.actions = Number(sessionStorage.actions || 0) + 1, true);
"""
"""Counts real clicks and keys; the click that a browser makes of a key is no second one."""


def kept(shop: Shop) -> list[Evidence]:
    """A picture that is really there."""
    owner = {"platform_id": shop.merchant.platform_id, "merchant_id": shop.merchant.pk}
    return keep_pictures([("record.png", png())], **owner, actor=member_actor(shop.merchant), now=timezone.now())


@pytest.fixture
def replies(shop: Shop) -> list[CannedReply]:
    def make(title: str, text: str, method: str = "", refund: str = "") -> CannedReply:
        pictures = tuple(kept(shop)) if method else ()
        given = CannedInput(title=title, text=text, method=method, refund=refund, pictures=pictures)
        return save_canned(given, actor=member_actor(shop.merchant), now=timezone.now())

    return [
        make("Refunded", "{consumer}, {refund} went back.", "other_refund", "asked"),
        make("Voucher", "{consumer}, a voucher is yours.", "other"),
        make("Zu spät", "{consumer}, we are looking into it."),
    ]


@pytest.fixture
def cases(file_ago: Callable[..., Complaint]) -> list[Complaint]:
    return [file_ago(hours, trade_no=f"T-{hours}", trade_amount=Decimal("12.50")) for hours in (90, 50, 20)]


def listed(page: Page) -> None:
    page.add_init_script(COUNTING)
    page.goto("/complaints/")
    expect(page.locator("[data-row]")).to_have_count(3)


def actions(page: Page) -> int:
    return int(page.evaluate("sessionStorage.actions || 0"))


def is_handled(page: Page, complaint: Complaint, method: str = "other_refund") -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 complaint was handled")
    handling = Handling.objects.get()
    assert (handling.complaint, handling.method, handling.in_time) == (complaint, method, True)


def test_with_the_mouse_it_takes_three_actions(visitor, shop, replies, cases):
    page = visitor.page(shop.administrator)
    listed(page)
    bar = page.get_by_role("group", name="With the chosen complaints")
    expect(bar).to_be_hidden()
    page.locator("[name=chosen]").first.click()
    expect(bar).to_contain_text("1 chosen")
    bar.get_by_role("button", name="Refunded").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Handle with “Refunded”")
    expect(page.locator(".bulk-said")).to_have_text("欧***, ¥12.50 went back.")
    page.get_by_role("button", name="Handle 1 complaint").click()
    is_handled(page, cases[0])
    assert actions(page) == 3


def test_with_the_keyboard_alone_it_takes_three_actions(visitor, shop, replies, cases):
    page = visitor.page(shop.administrator)
    listed(page)
    page.keyboard.press("j")  # the first row
    page.keyboard.press("2")  # the second reply that handles: it takes the row that has the focus
    expect(page.get_by_role("heading", level=1)).to_have_text("Handle with “Voucher”")
    expect(page.get_by_role("button", name="Handle 1 complaint")).to_be_focused()
    page.keyboard.press("Enter")
    is_handled(page, cases[0], "other")
    assert actions(page) == 3
    expect(page.get_by_role("link", name="Back to the list")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(2)


def test_several_are_chosen_by_keys_and_get_one_reply(visitor, shop, replies, cases):
    page = visitor.page(shop.administrator)
    listed(page)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    bar = page.get_by_role("group", name="With the chosen complaints")
    expect(bar).to_contain_text("2 chosen")
    bar.get_by_text("Reply with").press("Enter")
    bar.get_by_role("button", name="Zu spät").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Reply with “Zu spät”")
    page.get_by_role("button", name="Leave 2 messages").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 messages were left")
    assert set(Message.objects.values_list("complaint_id", flat=True)) == {cases[0].pk, cases[1].pk}


def test_the_preview_counts_what_stays_ticked(visitor, shop, replies, cases):
    page = visitor.page(shop.administrator)
    listed(page)
    for box in page.locator("[name=chosen]").all():
        box.click()
    page.get_by_role("group", name="With the chosen complaints").get_by_role("button", name="Refunded").click()
    expect(page.locator("[data-total]")).to_have_text("¥37.50")
    page.locator("[name=chosen]").first.uncheck()
    expect(page.locator("[data-total]")).to_have_text("¥25.00")
    page.get_by_role("button", name="Handle 2 complaints").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 complaints were handled")


def test_an_assignment_is_taken_back_on_the_result(visitor, shop, replies, cases):
    page = visitor.page(shop.administrator)
    listed(page)
    page.locator("[name=chosen]").first.click()
    page.get_by_role("group", name="With the chosen complaints").get_by_role(
        "button", name="Assign", exact=True
    ).click()
    page.get_by_role("button", name="Assign 1 complaint").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 complaint was assigned")
    assert Complaint.objects.get(pk=cases[0].pk).assignee is not None
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").first).to_be_visible()
    assert Complaint.objects.get(pk=cases[0].pk).assignee is None


@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_phone_with_and_without_scripts(visitor, shop, replies, cases, scripts):
    page = visitor.page(shop.administrator, width=360, java_script_enabled=scripts)
    page.goto("/complaints/")
    page.locator("[name=chosen]").first.check()
    bar = page.get_by_role("group", name="With the chosen complaints")
    box = bar.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 801, "the bar sticks to the bottom of the window"
    bar.get_by_text("Handle with", exact=True).click()
    bar.get_by_role("button", name=re.compile("^Refunded")).locator("visible=true").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Handle with “Refunded”")
    page.get_by_role("button", name="Handle 1 complaint").click()
    is_handled(page, cases[0])
    if scripts:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
