"""One complaint from filing to points back, in a real browser: the merchant's pages, and the desk of support staff."""

import re

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from appeals.models import Appeal
from complaints.models import HistoryLine
from complaints.tests.factories import make_user
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from deadlines.tests.publishing import publish_the_known_years
from evidence.tests.making import png
from merchants.models import User
from penalties.models import Penalty

RECORD: FilePayload = {"name": "refund.png", "mimeType": "image/png", "buffer": png()}


@pytest.fixture
def reviewer(transactional_db: None) -> User:
    """Li Na of the support staff reviews appeals."""
    publish_the_known_years()
    user = make_user("li", first_name="Na", last_name="Li", is_staff=True)
    user.groups.add(Group.objects.get(name="reviewer"))
    return user


def appeal(page: Page, penalty: Penalty) -> None:
    """Appeal a penalty from its page: the form, the confirmation, the submission."""
    page.goto("/violations/")
    page.locator(f"main a[href='/violations/{penalty.penalty_no}/']").locator("visible=true").first.click()
    expect(page).to_have_url(re.compile(f"/violations/{penalty.penalty_no}/$"))
    page.locator(f"a[href='/violations/{penalty.penalty_no}/appeal/']").first.click()
    page.get_by_label("Description").fill("We refunded the consumer in full today.")
    page.locator("input[type=file]").set_input_files(RECORD)
    page.locator("input[name=proofs]").first.check()
    page.get_by_role("button", name="Check and submit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Submit this appeal?")
    expect(page.locator("main")).to_contain_text("3 attempts are left.")
    page.get_by_role("button", name="Submit the appeal").click()


def test_from_filing_over_a_missed_deadline_to_points_back(visitor, shop, file_ago, reviewer):
    complaint = file_ago(97)
    now = timezone.now()
    assert run_sweep("handle", cut_off=now, issued_at=now, ran_by="test").acted == 1
    penalty = Penalty.objects.get(complaint=complaint)
    assert (penalty.status, penalty.points) == ("in_effect", 1)

    merchant = visitor.page(shop.administrator)
    merchant.goto(f"/complaints/{complaint.complaint_no}/")
    merchant.locator("label[for=id_method_other_refund]").click()
    merchant.locator("[name=refund_amount]").fill("1234567.50")
    merchant.locator("[name=refund_reference]").fill("R-2026-1")
    merchant.locator("#handle").get_by_role("button", name="Handle complaint").click()
    expect(merchant.get_by_role("status").first).to_contain_text("The complaint was handled.")
    assert not complaint.__class__.objects.get(pk=complaint.pk).handling.in_time

    appeal(merchant, penalty)
    submitted = Appeal.objects.get(penalty=penalty)
    expect(merchant).to_have_url(re.compile(f"/appeals/{submitted.pk}/$"))
    expect(merchant.locator("main")).to_contain_text("under review")
    penalty.refresh_from_db()
    assert (penalty.status, submitted.unsolved_knowingly) == ("under_appeal", False)

    desk = visitor.page(reviewer)
    desk.goto("/admin/appeals/appeal/")
    desk.locator(f"a[href*='/admin/appeals/appeal/{submitted.pk}/']").first.click()
    expect(desk.locator("main, #content").first).to_contain_text("We refunded the consumer in full today.")
    desk.wait_for_load_state()  # keys are heard once the scripts have run
    desk.keyboard.press("c")
    expect(desk.locator(".desk-head__claim")).to_contain_text("You are working on this.")
    desk.wait_for_load_state()
    desk.keyboard.press("a")
    form = desk.locator("form[data-decision=approve]")
    form.locator("[name=reason_code]").select_option("solved")
    expect(form.locator("[name=message]")).not_to_have_value("")
    form.get_by_role("button", name="Approve").click()
    expect(desk.locator(".messagelist")).to_contain_text("the points are given back")

    penalty.refresh_from_db()
    submitted.refresh_from_db()
    assert (penalty.status, submitted.status, submitted.decided_by) == ("revoked", "approved", reviewer)
    assert not Deadline.objects.filter(kind__in=["appeal", "review", "supplement"]).exists()
    verbs = HistoryLine.objects.filter(complaint=complaint).order_by("id").values_list("noun", "verb")
    assert list(verbs) == [
        ("complaint", "file"),
        ("penalty", "issue"),
        ("complaint", "handle"),
        ("refund", "record"),
        ("penalty", "appeal"),
        ("appeal", "submit"),
        ("penalty", "revoke"),
        ("appeal", "approve"),
    ]

    merchant.goto(f"/violations/{penalty.penalty_no}/")
    expect(merchant.locator(".badge").first).to_have_text("revoked")
    expect(merchant.locator(f"a[href='/violations/{penalty.penalty_no}/appeal/']")).to_have_count(0)
    merchant.goto(f"/complaints/{complaint.complaint_no}/")
    expect(merchant.locator("main")).to_contain_text(submitted.message)
