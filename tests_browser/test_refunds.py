"""The choices of a pending refund in a real browser, on a payment system that answers: pay, record, or refuse."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from complaints.models import Complaint, Method
from complaints.tests.factories import handle_at, make_user, member_actor
from deadlines.models import Deadline
from deadlines.tests.publishing import publish_the_known_years
from evidence.services import keep_pictures
from evidence.tests.making import png
from merchants.models import User
from refunds.fund import Balance, balance_of
from refunds.models import GuaranteeAccount, NoRefundClaim, Refund, RefundCase, TopUp
from refunds.tasks import ask_payment_system
from refunds.tests.making import fund_at, rule_at

RECORD: FilePayload = {"name": "record.png", "mimeType": "image/png", "buffer": png()}
BACK = "Back to the page that sent you here"


@pytest.fixture
def reviewer(transactional_db: None) -> User:
    """Li Na of the support staff rules on claims."""
    publish_the_known_years()
    user = make_user("li", first_name="Na", last_name="Li", is_staff=True)
    user.groups.add(Group.objects.get(name="reviewer"))
    return user


@pytest.fixture
def due_ago(file_ago: Callable[..., Complaint]) -> Callable[[float], RefundCase]:
    """Let staff rule so many hours ago that 100 yuan are due."""

    def rule(hours: float) -> RefundCase:
        complaint = file_ago(hours, trade_amount=Decimal("100.00"))
        merchant, at = complaint.merchant, complaint.filed_at
        pictures = keep_pictures(
            [("parcel.png", png())],
            platform_id=merchant.platform_id,
            merchant_id=merchant.pk,
            actor=member_actor(merchant),
            now=at,
        )
        handle_at(at, complaint, Method.SHIPPED, evidence=tuple(pictures))
        rule_at(at.isoformat(), NoRefundClaim.objects.get(complaint=complaint))
        return RefundCase.objects.get(complaint=complaint)

    return rule


def ask_about(page: Page, case: RefundCase, channel: str) -> None:
    """Choose a way of refunding all that is due, and come to the page that asks once more."""
    page.goto(f"/refunds/{case.case_no}/")
    page.locator(f"label[for=id_channel_{channel}]").click()
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(re.compile(rf"/refund/\?channel={channel}&amount=100\.00(#|$)"))


def rows_of(page: Page, table: str) -> list[str]:
    """What the rows of a table say, a line each, when all of the page is there."""
    page.wait_for_load_state()
    return [" ".join(text.split()) for text in page.locator(f"{table} tbody tr").all_inner_texts()]


def test_the_fund_pays_once_after_a_double_click_and_the_way_back(visitor, shop, due_ago, sandbox):
    case, account = due_ago(2), fund_at(timezone.now(), shop.merchant, "200.00")
    page = visitor.page(shop.administrator)
    ask_about(page, case, "fund")
    assert rows_of(page, ".split") == ["From the bonus ¥33.33 ¥26.67", "From the deposit ¥66.67 ¥133.33"]
    assert balance_of(account) == Balance(Decimal("200.00"), Decimal("60.00"), Decimal("60.00"))

    other_tab = page.context.new_page()
    ask_about(other_tab, case, "fund")
    page.get_by_role("button", name="Refund 100.00 yuan now").dblclick()
    expect(page.locator("h1 + .badge")).to_have_text("refunded")
    page.go_back()
    for tab in (page, other_tab):
        tab.get_by_role("button", name="Refund 100.00 yuan now").click()
        expect(tab.get_by_role("status").first).to_contain_text("Nothing moved twice.")

    made = Refund.objects.get()
    assert (made.channel, made.amount, made.status) == ("fund", Decimal("100.00"), "succeeded")
    assert balance_of(account) == Balance(Decimal("133.33"), Decimal("26.67"), Decimal("60.00"))
    assert not Deadline.objects.filter(kind="refund").exists()
    page.goto("/guarantee/statement/")
    latest = rows_of(page, ".entries")[0]
    assert latest.startswith(f"Refund Pending refund {case.case_no}"), latest
    assert latest.endswith("−¥66.67 −¥33.33 ¥133.33 ¥26.67"), latest


def test_a_fund_that_falls_short_is_topped_up_online_and_the_refund_finished_where_it_stopped(
    visitor, shop, due_ago, sandbox
):
    case, account = due_ago(2), fund_at(timezone.now(), shop.merchant, "60.00")
    page = visitor.page(shop.administrator, width=390)
    ask_about(page, case, "fund")
    waits_at = page.url.partition("#")[0]
    short = page.get_by_role("alert")
    expect(short).to_contain_text("The bonus would pay ¥18.00; ¥22.00 is missing in the deposit.")
    expect(short).to_contain_text("A top-up of ¥16.93, with the bonus on it, is enough.")
    expect(page.get_by_role("button", name="Refund 100.00 yuan now")).to_have_count(0)

    short.get_by_role("link", name="Top up and come back").click()
    expect(page.get_by_label("Amount in yuan")).to_have_value("16.93")
    expect(page.locator("#preview")).to_contain_text("+¥5.07 bonus")
    page.get_by_role("button", name="Pay online").click()
    page.get_by_role("link", name="Continue to payment").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(sandbox.address)}/"))
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_role("status")).to_contain_text("The money is in the deposit")
    page.get_by_role("link", name=BACK).click()
    expect(page).to_have_url(waits_at)
    assert rows_of(page, ".split") == ["From the bonus ¥23.07 ¥0.00", "From the deposit ¥76.93 ¥0.00"]
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    page.get_by_role("button", name="Refund 100.00 yuan now").click()
    expect(page.locator("h1 + .badge")).to_have_text("refunded")

    top_up = TopUp.objects.get(channel="online")
    assert (top_up.status, top_up.amount) == ("credited", Decimal("16.93"))
    assert balance_of(account) == Balance(Decimal("0.00"), Decimal("0.00"), Decimal("23.07"))


def test_who_has_not_joined_the_plan_is_invited_and_comes_back(visitor, shop, due_ago, sandbox):
    case = due_ago(2)
    page = visitor.page(shop.administrator)
    page.goto(f"/refunds/{case.case_no}/")
    expect(page.locator("#id_channel_fund")).to_be_disabled()
    page.locator("#choices").get_by_role("link", name="Join the guarantee plan").click()
    page.get_by_role("button", name="Join the guarantee plan").click()
    expect(page).to_have_url(re.compile(f"/refunds/{case.case_no}/$"))
    expect(page.get_by_role("status")).to_contain_text("You have joined the guarantee plan.")
    expect(page.locator("#id_channel_fund")).to_be_checked()
    assert GuaranteeAccount.objects.get().merchant == shop.merchant


def test_a_refund_through_the_api_is_processed_and_then_through(visitor, shop, due_ago, sandbox):
    case = due_ago(100)
    sandbox.trade(case.complaint.trade_no, "100.00")
    page = visitor.page(shop.administrator)
    ask_about(page, case, "api")
    page.get_by_role("button", name="Refund 100.00 yuan now").click()
    expect(page.locator("#waiting")).to_contain_text("A refund is being processed")
    expect(page.locator("#refunds .badge")).to_have_text("processing")
    expect(page.locator("aside .clock")).to_contain_text(re.compile("stands still, 2 d 19 h left"))
    assert sandbox.refunds()["count"] == 0

    assert ask_payment_system() == {"refunds": 1, "payments": 0}
    expect(page.locator("h1 + .badge")).to_have_text("refunded")  # the page has looked by itself
    expect(page.locator("#refunds .badge")).to_have_text("succeeded")
    expect(page.locator("#waiting")).to_have_count(0)
    assert (sandbox.refunds()["count"], sandbox.refunds()["cents"]) == (1, 10000)
    case.refresh_from_db()
    assert (case.status, case.complaint.status) == ("refunded", "finished")


def test_a_refund_made_elsewhere_is_recorded_with_number_and_picture(visitor, shop, due_ago, sandbox):
    case = due_ago(2)
    sandbox.trade(case.complaint.trade_no, "100.00")
    page = visitor.page(shop.administrator, width=390)
    page.goto(f"/refunds/{case.case_no}/")
    page.locator("label[for=id_channel_elsewhere]").click()
    page.locator("#choices input[type=file]").set_input_files(RECORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".error-summary")).to_contain_text("Give the refund's number, as the payment system has it.")
    visitor.complaints.clear()  # the browser notes the status 400
    assert not Refund.objects.exists()

    page.get_by_label("Refund number").fill("RF-2026-7")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#refunds .badge")).to_have_text("processing")
    expect(page.locator("#refunds")).to_contain_text("RF-2026-7")
    picture = page.locator("#refunds .evidence img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") == 60
    made = Refund.objects.get()
    assert (made.channel, made.refund_no, made.amount) == ("elsewhere", "RF-2026-7", Decimal("100.00"))


def test_a_refusal_is_overruled_at_the_desk_and_a_new_round_begins(visitor, shop, due_ago, reviewer, sandbox):
    case = due_ago(121)
    merchant, staff = visitor.page(shop.administrator), visitor.page(reviewer)
    merchant.goto(f"/refunds/{case.case_no}/")
    expect(merchant.locator("aside .clock")).to_contain_text("1 d 22 h left")
    merchant.get_by_role("link", name="Refuse to refund").click()
    merchant.get_by_label("Why no refund is due").fill("The parcel was signed for by the consumer.")
    merchant.locator("input[type=file]").set_input_files(RECORD)
    merchant.get_by_role("button", name="Refuse to refund").click()
    expect(merchant.get_by_role("status").first).to_contain_text("The clock stands still until staff have ruled.")
    expect(merchant.locator("aside .clock").first).to_contain_text("stands still, 1 d 22 h left")
    expect(merchant.locator("#choices")).to_have_count(0)
    assert not Deadline.objects.filter(kind="refund").exists()

    claim = NoRefundClaim.objects.get(status="submitted")
    staff.goto("/admin/refunds/norefundclaim/")
    staff.locator(f"a[href*='/admin/refunds/norefundclaim/{claim.pk}/']").first.press("Enter")
    expect(staff.locator("#content")).to_contain_text("The parcel was signed for by the consumer.")
    expect(staff.locator(".decision")).to_have_count(0)
    staff.wait_for_load_state()  # keys are heard once the scripts have run
    staff.keyboard.press("c")
    expect(staff.locator(".desk-head__claim")).to_contain_text("You are working on this.")
    staff.wait_for_load_state()
    staff.keyboard.press("r")
    form = staff.locator("form[data-decision=overrule]")
    expect(form.locator("[name=reason_code]")).to_be_focused()
    form.locator("[name=reason_code]").select_option("not_proven")  # a busy browser takes typed words for several
    expect(form.locator("[name=reason_code]")).to_have_value("not_proven")
    expect(form.locator("[name=message]")).to_have_value(re.compile("does not prove|不足以证明"))
    form.locator("[name=message]").focus()
    staff.keyboard.press("Control+A")
    staff.keyboard.type("The signature is not the consumer's.")
    staff.keyboard.press("Control+Enter")
    expect(staff.locator(".messagelist")).to_contain_text("a refund is due, and its clock runs")

    claim.refresh_from_db()
    case.refresh_from_db()
    assert (claim.status, claim.reason_code, claim.decided_by) == ("overruled", "not_proven", reviewer)
    assert claim.decided_at is not None
    assert (case.status, case.round, case.refund_by) == ("due", 2, claim.decided_at + timedelta(days=7))
    assert Deadline.objects.get(kind="refund").due_at == case.refund_by

    merchant.reload()
    expect(merchant.locator(".page-header")).to_contain_text("round 2")
    expect(merchant.locator("aside .clock").first).to_contain_text("6 d 23 h left")
    expect(merchant.locator("#rulings")).to_contain_text("The signature is not the consumer's.")
    expect(merchant.get_by_role("link", name="Refuse to refund")).to_have_count(0)
    expect(merchant.locator("#choices .refuse")).to_contain_text("This refund was refused before")
    expect(merchant.get_by_role("button", name="Continue")).to_be_visible()
