"""The page of a complaint as a place to work, in a real browser: what is typed is never lost, whatever happens."""

import base64
import re
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from complaints.models import Complaint, Draft, Handling, InternalLine, Message
from complaints.services import leave_message
from complaints.tests.factories import consumer_actor, handle_at, member_actor
from complaints.tests.pages import member
from complaints.workspace.canned import CannedInput, save_canned
from evidence.services import keep_pictures
from evidence.tests.making import png
from merchants.models import Grant

RECORD = {"name": "record.png", "mimeType": "image/png", "buffer": png()}

PASTE = """([selector, name, type, text]) => {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const target = document.querySelector(selector);
  target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def complaint(file_ago: Callable[..., Complaint]) -> Complaint:
    return file_ago(20)


def open_case(page: Page, complaint: Complaint) -> None:
    page.goto(f"/complaints/{complaint.complaint_no}/")


def text(page: Page, name: str = "message_text"):
    return page.locator(f"#{name}")


def words(page: Page, form: str = "message"):
    return page.locator(f"#{form}-form [data-draft-words]")


def paste(page: Page, selector: str, name: str = "image.png", kind: str = "image/png") -> None:

    page.evaluate(PASTE, [selector, name, kind, base64.b64encode(png()).decode()])


def sign_in(page: Page) -> None:
    page.locator("[name=login]").fill("wang")
    page.locator("[name=password]").fill("password")
    page.get_by_role("button", name="Sign in").click()


def test_what_is_typed_keeps_itself_and_is_gone_when_it_is_sent(visitor, shop, complaint):
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    expect(words(page)).to_have_text("What you type is kept until you send it.")
    text(page).fill("Half a sentence")
    expect(words(page)).to_contain_text("Draft kept: ")
    assert Draft.objects.get().fields == {"text": "Half a sentence"}
    page.reload()
    expect(text(page)).to_have_value("Half a sentence")
    expect(words(page)).to_contain_text("You typed this at")
    text(page).fill("A whole sentence.")
    text(page).press("Control+Enter")
    expect(page.locator("#history")).to_contain_text("A whole sentence.")
    expect(text(page)).to_have_value("")
    page.reload()
    expect(text(page)).to_have_value("")
    assert not Draft.objects.exists()
    assert Message.objects.count() == 1


def test_a_session_that_ends_while_somebody_types_loses_nothing(visitor, shop, complaint):
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    Session.objects.all().delete()
    text(page).fill("Typed with care.")
    expect(words(page)).to_contain_text("You are signed out.")
    visitor.complaints.clear()  # the browser notes the status 401
    text(page).press("Control+Enter")
    expect(page.locator("[name=login]")).to_be_visible()
    sign_in(page)
    expect(text(page)).to_have_value("Typed with care.")
    expect(page.locator("#messages")).to_contain_text("Nothing was sent")
    text(page).press("Control+Enter")
    expect(page.locator("#history")).to_contain_text("Typed with care.")
    assert Message.objects.get().text == "Typed with care."


def test_what_the_window_keeps_is_there_after_signing_in_on_another_way(visitor, shop, complaint):
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    Session.objects.all().delete()
    page.locator("label[for=id_method_shipped]").click()
    page.get_by_label("Carrier and tracking number").fill("SF 1234")
    text(page, "handling_note").fill("Sent on Monday.")
    expect(words(page, "handling")).to_contain_text("You are signed out.")
    visitor.complaints.clear()
    page.goto("/accounts/login/")
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(shop.merchant.name)
    open_case(page, complaint)
    expect(text(page, "handling_note")).to_have_value("Sent on Monday.")
    expect(page.get_by_label("Carrier and tracking number")).to_have_value("SF 1234")
    expect(page.locator("#id_method_shipped")).to_be_checked()
    expect(words(page, "handling")).to_contain_text("You typed this at")
    assert Draft.objects.get().fields["note"] == "Sent on Monday."


@pytest.mark.parametrize("script", [True, False])
def test_signing_in_again_elsewhere_loses_nothing(visitor, shop, complaint, script):
    page = visitor.page(shop.administrator, java_script_enabled=script)
    open_case(page, complaint)
    page.context.add_cookies([{"name": "portal_csrf", "value": "x" * 32, "url": visitor.server}])
    text(page).fill("Typed with care.")
    if script:
        expect(words(page)).to_contain_text("You signed in again elsewhere.")
    page.locator("#message-form").get_by_role("button", name="Leave a message").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This form is no longer valid")
    expect(page.locator("textarea")).to_have_value("Typed with care.")
    visitor.complaints.clear()  # the browser notes the status 403
    page.get_by_role("link", name="Open the page again").click()
    expect(text(page)).to_have_value("Typed with care." if script else "")
    assert not Message.objects.exists()


def test_a_reply_is_filled_in_and_nothing_is_lost(visitor, shop, complaint):
    own = {"platform_id": shop.merchant.platform_id, "merchant_id": shop.merchant.pk}
    now = timezone.now()
    (proof,) = keep_pictures([("proof.png", png())], actor=member_actor(shop.merchant), now=now, **own)
    given = CannedInput(
        title="Refunded", text="We refunded {amount}.", method="other_refund", refund="trade",
        pictures=(proof,),
    )  # fmt: skip
    save_canned(given, actor=member_actor(shop.merchant), now=timezone.now())
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    page.keyboard.press("h")
    expect(page.locator("#handling-form-reply")).to_be_focused()
    page.locator("label[for=id_method_other]").click()
    text(page, "handling_note").fill("Dear customer,")
    page.locator("#handle input[type=file]").set_input_files(RECORD)
    page.locator("#handling-form-reply").select_option(index=1)
    page.locator("#handle").get_by_role("button", name="Fill in").click()
    expect(page.locator("#id_method_other_refund")).to_be_checked()
    expect(text(page, "handling_note")).to_have_value("Dear customer,\n\nWe refunded ¥1,234,567.50.")
    expect(text(page, "handling_note")).to_be_focused()
    expect(page.locator("#messages")).to_contain_text("Filled in: Refunded.")
    expect(page.locator("#handle .pictures__kept")).to_have_count(2)
    text(page, "handling_note").press("Control+Enter")
    expect(page.locator("#messages")).to_contain_text("The complaint was handled.")
    assert Handling.objects.get().evidence.count() == 2
    assert not Draft.objects.exists()


def test_enter_in_a_field_sends_and_fills_in_nothing(visitor, shop, complaint):
    given = CannedInput(title="Sorry", text="Sorry.")
    save_canned(given, actor=member_actor(shop.merchant), now=timezone.now())
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    page.locator("label[for=id_method_other_refund]").click()
    page.locator("#handling_refund_amount").fill("12")
    page.locator("#handling_refund_reference").fill("R-1")
    page.locator("#handling_refund_reference").press("Enter")
    expect(page.locator("#messages")).to_contain_text("The complaint was handled.")
    assert Handling.objects.get().note == ""


def test_a_name_is_shown_in_its_place(visitor, shop, complaint):
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    expect(page.locator("#contact")).to_contain_text("138****1234")
    page.locator("#contact").get_by_role("button").click()
    expect(page.locator("#contact")).to_contain_text("欧阳娜娜 13812341234")
    expect(page.locator("#lines")).to_contain_text("looked at name and phone")
    assert InternalLine.objects.count() == 1
    page.reload()
    expect(page.locator("#contact")).to_contain_text("138****1234")


def test_pictures_go_where_one_writes(visitor, shop, complaint):
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    page.locator("label[for=id_method_other]").click()
    handling, message = (page.locator(f"#{name} .pictures__new") for name in ("handle", "message"))
    paste(page, "#message_text")
    expect(message).to_have_count(1)
    expect(handling).to_have_count(0)
    expect(page.locator("#message .pictures__said")).to_have_text("New pictures in this form: 1")
    paste(page, "body")
    expect(handling).to_have_count(1)
    paste(page, "#handling_note", "list.pdf", "application/pdf")
    expect(page.locator("#handle .pictures__problem")).to_have_text(re.compile("Not a JPEG.*list.pdf"))
    expect(handling).to_have_count(1)
    text(page, "handling_note").fill("See the picture.")
    text(page, "handling_note").press("Control+Enter")
    expect(page.locator("#messages")).to_contain_text("The complaint was handled.")
    assert Handling.objects.get().evidence.count() == 1


def test_two_who_work_on_the_same_case_see_each_other_and_lose_nothing(visitor, shop, complaint):
    colleague = member(shop, Grant.VIEW, Grant.HANDLE)
    colleague.first_name, colleague.last_name = "Li", "Lei"
    colleague.save()
    mine, theirs = visitor.page(shop.administrator), visitor.page(colleague)
    open_case(mine, complaint)
    open_case(theirs, complaint)
    expect(theirs.locator("#presence")).to_contain_text("Wang Fang is looking at this")
    text(mine, "handling_note").evaluate("field => field.closest('[data-reveal]').style.display = 'block'")
    mine.locator("label[for=id_method_other]").click()
    text(mine, "handling_note").fill("Typed with care.")
    theirs.clock.install()
    theirs.reload()
    expect(mine.locator("#presence")).to_contain_text("Li Lei is looking at this")
    theirs.clock.run_for(10_500)
    expect(theirs.locator("#presence")).to_contain_text("Wang Fang is handling this")
    handle_at(timezone.now().isoformat(), complaint)
    mine.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(mine.locator("#unsent")).to_contain_text("Li Lei handled this complaint meanwhile")
    expect(text(mine)).to_have_value("Typed with care.")
    visitor.complaints.clear()  # the browser notes the status 409


def test_a_double_click_leaves_one_message(visitor, shop, complaint):
    page = visitor.page(shop.administrator)
    open_case(page, complaint)
    text(page).fill("Once.")
    page.locator("#message-form").get_by_role("button", name="Leave a message").dblclick()
    expect(page.locator("#history")).to_contain_text("Once.")
    assert Message.objects.count() == 1


def test_keys_lead_through_the_page_and_to_the_next(visitor, shop, file_ago):
    first, second = file_ago(30), file_ago(20)
    leave_message(first.pk, "When?", actor=consumer_actor(first), now=timezone.now())
    page = visitor.page(shop.administrator)
    open_case(page, first)
    for key, field in (("r", "message_text"), ("i", "note_text"), ("a", "assignee")):
        page.keyboard.press(key)
        expect(page.locator(f"#{field}")).to_be_focused()
        page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(f"/complaints/{second.complaint_no}/"))
    page.wait_for_load_state()  # keys are heard once the scripts have run
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile(f"/complaints/{first.complaint_no}/"))
    page.wait_for_load_state()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_moves_while_somebody_works(visitor, shop, complaint, width):
    page = visitor.page(shop.administrator, width=width)
    page.add_init_script(
        "window.shift = []; new PerformanceObserver((list) => { for (const each of list.getEntries())"
        " if (!each.hadRecentInput) window.shift.push(each.sources.map((one) => one.node?.outerHTML));"
        " }).observe({ type: 'layout-shift', buffered: true });"
    )
    open_case(page, complaint)
    text(page).press_sequentially("Half")
    expect(words(page)).to_contain_text("Draft kept: ")
    page.reload()
    expect(words(page)).to_contain_text("You typed this at")
    assert page.evaluate("window.shift") == []
