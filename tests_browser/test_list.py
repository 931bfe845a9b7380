"""The list as a work queue in a real browser: rows by key, choosing several, assigning in place and taking it back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from complaints.models import Complaint
from complaints.tests.factories import make_member
from complaints.tests.pages import Shop
from merchants.models import Grant, Membership
from tests_browser.conftest import Visitor

File = Callable[..., Complaint]


@pytest.fixture
def li(shop: Shop) -> Membership:
    user = make_member(shop.merchant, Grant.VIEW, Grant.HANDLE, last_name="李雷")
    return Membership.objects.get(user=user)


def focused(page: Page) -> str:
    words: str = page.evaluate("document.activeElement.textContent.trim()")
    return words


def chosen(page: Page) -> int:
    return page.locator("[name=chosen]:checked").count()


def test_rows_are_reached_chosen_and_opened_by_key(visitor: Visitor, shop: Shop, file_ago: File) -> None:
    for number in (3, 2, 1):
        file_ago(number, dispute_type=f"Case {number}")
    page = visitor.page(shop.administrator)
    page.goto("/complaints/")
    page.keyboard.press("j")
    assert focused(page) == "Case 3"
    for _press in range(5):
        page.keyboard.press("j")  # stays at the last one
    assert focused(page) == "Case 1"
    page.keyboard.press("x")
    page.keyboard.press("k")
    assert focused(page) == "Case 2"
    page.keyboard.press("x")
    assert chosen(page) == 2
    expect(page.locator("[data-chosen-number]").first).to_have_text("2")
    page.keyboard.press("x")
    assert chosen(page) == 1
    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1)).to_have_text("Case 2")
    page.wait_for_load_state()  # keys are heard once the scripts have run
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("Case 1")
    page.wait_for_load_state()
    page.keyboard.press("p")
    expect(page.get_by_role("heading", level=1)).to_have_text("Case 2")
    page.wait_for_load_state()
    page.keyboard.press("p")
    expect(page.get_by_role("heading", level=1)).to_have_text("Case 3")
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("/complaints/$"))
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page).to_have_url(re.compile(r"^[^/]+//[^/]+/$"))


def test_keys_rest_while_somebody_types_and_the_dialog_lists_them(visitor: Visitor, shop: Shop, file_ago: File) -> None:
    file_ago(1)
    page = visitor.page(shop.administrator)
    page.goto("/complaints/")
    page.keyboard.press("/")
    page.keyboard.type("jxo?gh")
    expect(page.locator("[name=q]")).to_have_value("jxo?gh")
    assert chosen(page) == 0
    page.locator("h1").click()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    page.keyboard.press("x")
    assert chosen(page) == 0
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_with_shift_all_rows_between_are_chosen(visitor: Visitor, shop: Shop, file_ago: File) -> None:
    for number in range(5):
        file_ago(number + 1)
    page = visitor.page(shop.administrator)
    page.goto("/complaints/")
    boxes = page.locator("[name=chosen]")
    boxes.nth(3).click()
    boxes.nth(1).click(modifiers=["Shift"])
    assert chosen(page) == 3
    everything = page.locator("thead [data-choose-all]")
    expect(everything).to_have_js_property("indeterminate", True)
    everything.click()
    assert chosen(page) == 5
    everything.click()
    assert chosen(page) == 0


def test_a_row_is_assigned_in_place_by_key_and_given_back(
    visitor: Visitor, shop: Shop, file_ago: File, li: Membership
) -> None:
    complaint = file_ago(60)
    page = visitor.page(shop.administrator)
    page.goto("/complaints/?due=48&status=all")
    page.evaluate("window.isTheSamePage = true")
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.get_by_role("dialog", name="Assign to")).to_contain_text(complaint.complaint_no)
    page.keyboard.press("Tab")  # oneself stands first, then Li Lei
    page.keyboard.press("Enter")
    expect(page.locator(".queue__whose")).to_contain_text("李雷")
    expect(page.get_by_role("status").filter(has_text="Assigned to")).to_be_visible()
    assert page.evaluate("window.isTheSamePage")
    page.wait_for_function("() => document.activeElement.matches('.assignee')")
    complaint.refresh_from_db()
    assert complaint.assignee == li
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".queue__whose")).to_contain_text("nobody")
    expect(page).to_have_url(re.compile(r"/complaints/\?due=48&status=all$"))
    complaint.refresh_from_db()
    assert complaint.assignee is None


def test_chosen_rows_are_assigned_together(visitor: Visitor, shop: Shop, file_ago: File, li: Membership) -> None:
    for number in range(3):
        file_ago(number + 1)
    page = visitor.page(shop.administrator)
    page.goto("/complaints/")
    page.locator("thead [data-choose-all]").click()
    page.locator("h1").click()
    page.keyboard.press("a")
    page.get_by_role("dialog", name="Assign to").get_by_role("button", name="李雷").click()
    expect(page.get_by_role("status").filter(has_text="3 complaints were assigned.")).to_be_visible()
    assert set(Complaint.objects.values_list("assignee", flat=True)) == {li.pk}


def test_without_scripts_filters_views_and_assigning_work(
    visitor: Visitor, shop: Shop, file_ago: File, li: Membership
) -> None:
    complaint = file_ago(1)
    page = visitor.page(shop.administrator, java_script_enabled=False)
    page.goto("/complaints/")
    menu = page.locator("details.filter", has_text="Assigned to")
    menu.locator("summary").click()
    menu.get_by_label("Nobody").check()
    menu.get_by_role("button", name="Apply").click()
    chip = page.get_by_role("link", name="Remove Assigned to: nobody")
    expect(chip).to_be_visible()
    page.locator(".views__save summary").click()
    page.get_by_label("Name of the view").fill("没人管的")
    page.get_by_role("button", name="Save as a view").click()
    expect(page.locator(".view[aria-current]")).to_have_text("没人管的")
    page.locator("button.assignee").click()
    page.get_by_role("button", name="李雷").click()
    expect(page.locator("tbody tr")).to_have_count(0)
    complaint.refresh_from_db()
    assert complaint.assignee == li
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Remove Assigned to: nobody").click()
    expect(page.locator(".chips")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_narrow_phone_never_scrolls_sideways(visitor: Visitor, shop: Shop, file_ago: File, language: str) -> None:
    file_ago(1)
    file_ago(100)
    page = visitor.page(shop.administrator, width=360, language=language)
    page.goto("/complaints/?status=all&due=48&due=overdue&assignee=me&assignee=nobody")
    for summary in [None, *page.locator("details.filter > summary, .views__save > summary").all()]:
        if summary:
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.keyboard.press("Escape")
