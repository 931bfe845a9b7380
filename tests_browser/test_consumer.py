"""Two people at once in a real browser: a consumer on a phone without an account, and the shop; then the staff."""

import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from complaints.consumer.links import token_of
from complaints.models import Complaint, Consultation
from complaints.tests.consumers import answer_at
from complaints.tests.factories import handle_at, make_user
from deadlines.tests.publishing import publish_the_known_years
from evidence.tests.making import png
from merchants.models import ContactPoint, User
from refunds.models import NoRefundClaim, RefundCase

PHOTO: FilePayload = {"name": "photo.png", "mimeType": "image/png", "buffer": png()}


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests():
    cache.clear()


@pytest.fixture
def reviewer(transactional_db: None) -> User:
    """Li Na of the support staff rules on claims."""
    publish_the_known_years()
    user = make_user("li", first_name="Na", last_name="Li", is_staff=True)
    user.groups.add(Group.objects.get(name="reviewer"))
    return user


@pytest.fixture
def form(shop) -> str:
    """The address of the shop's public form; the shop is reached by phone."""
    ContactPoint.objects.create(
        mini_program=shop.program,
        phone="0571-8888 1234",
        hours="9:00–21:00",
        changed_by="Wang Fang",
        changed_at=timezone.now(),
    )
    return f"/contact/{shop.merchant.platform.code}/{shop.program.app_id}/"


def fits(page: Page) -> None:
    """Nothing of the page stands beyond its edge."""
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def has_no_session(page: Page) -> bool:
    return "portal_session" not in {cookie.get("name") for cookie in page.context.cookies()}


def own_page_of(page: Page) -> None:
    """Read the link that the page shows, large and to copy, and open it as somebody would who kept it."""
    expect(page.get_by_role("heading", level=1)).to_contain_text("was sent")
    link = page.get_by_label("The link to this case").input_value()
    page.goto(urlsplit(link).path)


def complain_with_a_mistake(consumer: Page, visitor, form: str) -> None:
    """Complain by the public form: a phone that is none is refused, and nothing else has to be given again."""
    consumer.goto(form)
    assert consumer.get_by_role("link", name="Call the shop").get_attribute("href") == "tel:057188881234"
    fits(consumer)
    consumer.get_by_role("link", name="Complain", exact=True).click()
    expect(consumer.locator("#form")).to_contain_text("Asking first is usually quicker")
    consumer.get_by_label("What happened?").fill("The parcel never came.")
    consumer.locator("input[type=file]").set_input_files(PHOTO)
    consumer.get_by_label("What is wrong?").select_option(label="I did not get what I paid for")
    consumer.get_by_label("What do you want?").select_option(label="My money back")
    consumer.get_by_label("Trade number").fill("2026 1126 2200 77")
    consumer.get_by_label("How much did you pay, in yuan?").fill("128.50")
    consumer.get_by_label("Your phone").fill("call me")
    consumer.get_by_role("button", name="Send the complaint").click()
    expect(consumer.locator(".error-summary")).to_contain_text("This is no phone number.")
    visitor.complaints.clear()  # the browser notes the status 400
    kept = consumer.locator(".pictures__kept img")
    assert kept.evaluate("image => image.decode().then(() => image.naturalWidth)") == 60
    expect(consumer.get_by_label("What happened?")).to_have_value("The parcel never came.")
    consumer.get_by_label("Your phone").fill("138 0000 1234")
    consumer.get_by_role("button", name="Send the complaint").dblclick()


def test_from_the_form_to_solved(visitor, shop, form):
    consumer, merchant = visitor.page(width=360), visitor.page(shop.administrator)
    complain_with_a_mistake(consumer, visitor, form)
    own_page_of(consumer)
    expect(consumer.locator(".outlook")).to_contain_text("The shop must answer by")
    fits(consumer)

    complaint = Complaint.objects.get()
    assert (complaint.trade_no, complaint.trade_amount) == ("20261126220077", Decimal("128.50"))
    merchant.goto(f"/complaints/{complaint.complaint_no}/")
    expect(merchant.locator("main")).to_contain_text("The parcel never came.")
    merchant.locator("#message textarea").fill("Sorry, we send the money at once.")
    merchant.locator("#message").get_by_role("button", name="Leave a message").click()
    merchant.locator("label[for=id_method_other_refund]").click()
    merchant.locator("[name=refund_amount]").fill("128.50")
    merchant.locator("[name=refund_reference]").fill("R-77")
    merchant.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(merchant.get_by_role("status").first).to_contain_text("The complaint was handled.")

    consumer.reload()
    expect(consumer.locator("#history")).to_contain_text("Sorry, we send the money at once.")
    expect(consumer.locator(".outlook")).to_contain_text("The shop says that it refunded ¥128.50.")
    consumer.locator("#message textarea").fill("It has arrived, thank you.")
    consumer.locator("#message input[type=file]").set_input_files(PHOTO)
    consumer.get_by_role("button", name="Send").click()
    expect(consumer.get_by_role("status").first).to_contain_text("Your message was sent.")
    picture = consumer.locator("#history .evidence img").first
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 60
    consumer.get_by_role("link", name="Yes, it is solved").click()
    fits(consumer)
    consumer.get_by_role("button", name="Yes, it is solved").click()
    expect(consumer.locator(".outlook")).to_contain_text("This case has ended")
    expect(consumer.locator("#message")).to_have_count(0)

    merchant.reload()
    expect(merchant.locator("main")).to_contain_text("It has arrived, thank you.")
    expect(merchant.locator("h1 + .badge")).to_have_text("finished")
    complaint.refresh_from_db()
    assert (complaint.status, complaint.messages.count()) == ("finished", 2)
    assert has_no_session(consumer)


def test_from_contest_to_a_ruling_of_staff(visitor, shop, file_ago, reviewer):
    complaint = file_ago(30, trade_amount=Decimal("100.00"))
    handle_at(timezone.now() - timedelta(hours=2), complaint, refund_amount=Decimal("60.00"))
    consumer, staff = visitor.page(width=390), visitor.page(reviewer)
    consumer.goto(f"/c/{token_of(complaint, now=timezone.now())}/")
    consumer.get_by_role("link", name="No, it is not solved").click()
    consumer.get_by_label("What is not solved?").fill("Only a part of my money came.")
    consumer.locator("input[type=file]").set_input_files(PHOTO)
    fits(consumer)
    consumer.get_by_role("button", name="Send it to the platform").click()
    expect(consumer.locator(".outlook")).to_contain_text("The platform looks at your case")
    expect(consumer.locator("#history")).to_contain_text("Only a part of my money came.")
    expect(consumer.get_by_role("link", name="Yes, it is solved")).to_have_count(0)

    claim = NoRefundClaim.objects.get()
    staff.goto(f"/admin/refunds/norefundclaim/{claim.pk}/change/")
    expect(staff.locator("#content")).to_contain_text("Only a part of my money came.")
    staff.keyboard.press("c")
    expect(staff.locator(".desk-head__claim")).to_contain_text("You are working on this.")
    staff.wait_for_load_state()  # keys are heard once the scripts have run
    staff.keyboard.press("r")
    ruling = staff.locator("form[data-decision=overrule]")
    expect(ruling.locator("[name=reason_code]")).to_be_focused()
    ruling.locator("[name=reason_code]").select_option("not_proven")
    ruling.locator("[name=message]").fill("The rest of the money is due.")
    ruling.locator("[name=message]").press("Control+Enter")
    expect(staff.locator(".messagelist")).to_contain_text("a refund is due, and its clock runs")

    case = RefundCase.objects.get(complaint=complaint)
    consumer.reload()
    expect(consumer.locator(".outlook")).to_contain_text(f"A refund of ¥{case.amount} is due to you")
    expect(consumer.locator("#history")).to_contain_text("The rest of the money is due.")
    expect(consumer.locator("body")).not_to_contain_text(re.compile("penalt|point|appeal|Na Li", re.IGNORECASE))
    fits(consumer)
    assert has_no_session(consumer)


def test_a_question_is_answered_and_becomes_a_complaint_without_scripts(visitor, shop, form):
    consumer = visitor.page(width=360, java_script_enabled=False)
    consumer.goto(form)
    consumer.get_by_label("What do you want to ask?").fill("Where is my parcel?")
    consumer.get_by_role("button", name="Send the question").click()
    own_page_of(consumer)
    expect(consumer.locator(".outlook")).to_contain_text("The shop has your question")
    answer_at(timezone.now().isoformat(), Consultation.objects.get(), "On its way.")
    consumer.reload()
    expect(consumer.locator("#history")).to_contain_text("On its way.")
    consumer.get_by_role("link", name="Complain about it").click()
    consumer.get_by_label("What is wrong?").select_option(label="Nobody at the shop answers")
    consumer.get_by_label("What do you want?").select_option(label="An explanation or an apology")
    consumer.get_by_label("Trade number").fill("T-1")
    consumer.get_by_label("How much did you pay, in yuan?").fill("9.90")
    consumer.get_by_role("button", name="Send the complaint").click()
    own_page_of(consumer)
    expect(consumer.locator("#history")).to_contain_text("On its way.")
    consumer.get_by_role("link", name="中文").click()
    expect(consumer.locator("html")).to_have_attribute("lang", "zh-hans")
    consumer.reload()
    expect(consumer.locator("html")).to_have_attribute("lang", "zh-hans")
    consumer.get_by_role("link", name="English").click()
    consumer.get_by_role("link", name="Withdraw the complaint").click()
    consumer.get_by_role("button", name="Withdraw it").click()
    expect(consumer.locator(".outlook")).to_contain_text("You withdrew this complaint")
    assert Complaint.objects.get().status == "cancelled"
    assert has_no_session(consumer)


def test_the_link_is_copied_with_one_touch(visitor, shop, file_ago):
    complaint = file_ago(3)
    page = visitor.page(width=390, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/c/{token_of(complaint, now=timezone.now())}/sent/")
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    link = page.get_by_label("The link to this case").input_value()
    assert page.evaluate("navigator.clipboard.readText()") == link


def test_another_page_shows_how_the_shop_is_reached(visitor, shop, form):
    shop.program.name = "<b>Tea</b>"
    shop.program.save()
    ContactPoint.objects.update(hours="<img src=x onerror=alert(1)>")
    page = visitor.page()
    page.route(
        "**/elsewhere/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"<!doctype html><title>Shop</title><div id=service></div>"
            f"<script src='{form.rstrip('/')}.js' data-into=service defer></script>",
        ),
    )
    page.goto("/elsewhere/")
    service = page.locator("#service.complaints-contact")
    expect(service).to_contain_text("<img src=x onerror=alert(1)>")
    assert service.get_by_role("link", name="0571-8888 1234").get_attribute("href") == "tel:057188881234"
    assert service.locator("img").count() == 0
    assert str(service.get_by_role("link", name="Ask the shop in writing").get_attribute("href")).endswith(form)
