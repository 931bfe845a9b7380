"""What a consumer sees of a case in which everything happened, and that it is nothing of the shop's own."""

import re
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.utils import translation

from appeals.services import AppealInput, submit
from complaints import services
from complaints.consumer.history import TELLERS, history, refunds_seen
from complaints.intake import HandledElsewhere, file_complaint
from complaints.models import Complaint, Draft, HistoryLine, InternalLine, Method
from complaints.queries import with_everything
from complaints.tests.consumers import actor_of, answer_at, asked_at, page_of, phone
from complaints.tests.factories import (
    STAFF,
    handle_at,
    make_filing,
    make_member,
    make_picture,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import Shop, make_shop, text_of
from complaints.timeline import SENTENCES
from complaints.workspace.drafts import save_draft
from complaints.workspace.notes import write_note
from deadlines.sweeping import run_sweep
from deadlines.tests.publishing import publish_the_known_years
from merchants.models import Grant
from penalties.models import Penalty
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.services import Ruling, accept, claim, correct, overrule, refuse, reverse_refund
from refunds.tests.making import fund_at, refund_at, staff

pytestmark = pytest.mark.django_db

MONDAY = "2026-03-02T09:00+08:00"
LATE = "2026-03-06T10:00+08:00"  # an hour after the 96 hours of Monday
RULED = "2026-03-09T10:00+08:00"
OVERDUE = "2026-03-16T11:00+08:00"  # an hour after the seven days of the ruling
REFUSED = "2026-03-16T12:00+08:00"
AGAIN = "2026-03-17T10:00+08:00"
PAID = "2026-03-18T10:00+08:00"
REVERSED = "2026-03-19T10:00+08:00"
END = "2026-03-20T10:00+08:00"

HIDDEN = (
    "penalt",
    "Penalt",
    "points",
    " point",
    "ppeal",
    "bonus",
    "deposit",
    "guarantee",
    "not_proven",
    "NOTE-OF-THE-SHOP",
    "DRAFT-OF-THE-SHOP",
    "WHY-IT-WAS-REVERSED",
    "OF-ANOTHER-CASE",
    "APPEAL-TEXT",
    "REFUSAL-TEXT",
    "root cause",
    "Li Lei",
    "Xiao Er",
    "Wang Fang",
    "张小明",
    "13812341234",
)


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()
    yield
    translation.activate("en")


@pytest.fixture
def shop() -> Shop:
    publish_the_known_years()
    return make_shop("Tea House")


@pytest.fixture
def everything(shop) -> Complaint:
    """Asked, complained, missed, penalised, appealed, handled late, ruled, missed again, refused, overruled, paid."""
    merchant = shop.merchant
    consultation = asked_at("2026-03-01T09:00+08:00", shop.program, "ASKED-BEFORE")
    answer_at("2026-03-01T10:00+08:00", consultation, "ANSWERED-BEFORE")
    complaint: Complaint = shop.files(
        MONDAY,
        trade_amount=Decimal("100.00"),
        description="WHAT-HAPPENED",
        consumer_name="张小明",
        consumer_phone="13812341234",
    )
    consultation.status, consultation.closed_at, consultation.complaint = "closed", moment(MONDAY), complaint
    consultation.waiting_since = None
    consultation.save()
    shop.files(MONDAY, description="OF-ANOTHER-CASE", trade_no=complaint.trade_no)
    run_sweep("handle", cut_off=moment(LATE), issued_at=moment(LATE), ran_by="test")
    penalty = Penalty.objects.get(complaint=complaint)
    appeal = AppealInput(
        description="APPEAL-TEXT", evidence=[make_picture(merchant, name="appeal.png")], knowingly=True
    )
    submit(penalty.pk, appeal, actor=member_actor(merchant), now=moment(LATE))
    note_and_draft(shop, complaint)
    services.leave_message(complaint.pk, "SAID-BY-SHOP", actor=member_actor(merchant), now=moment(LATE))
    services.leave_message(complaint.pk, "SAID-BY-CONSUMER", actor=actor_of(complaint), now=moment(LATE))
    services.leave_message(complaint.pk, "SAID-BY-STAFF", actor=STAFF, now=moment(LATE))
    handle_at(LATE, complaint, Method.SHIPPED, note="HOW-IT-WAS-HANDLED", tracking="SF-4711", root_cause="delivery")
    judge(NoRefundClaim.objects.get(complaint=complaint), RULED, "THE-RULING")
    run_sweep("refund", cut_off=moment(OVERDUE), issued_at=moment(OVERDUE), ran_by="test")
    case = RefundCase.objects.get(complaint=complaint)
    picture = make_picture(merchant, name="refusal.png")
    refused = refuse(case.pk, "REFUSAL-TEXT", evidence=[picture], actor=member_actor(merchant), now=moment(REFUSED))
    judge(refused, AGAIN, "THE-SECOND-RULING")
    fund_at(MONDAY, merchant, "500.00")
    refund_at(PAID, case, "100.00")
    assert Complaint.objects.get(pk=complaint.pk).status == "finished"
    return complaint


def judge(review: NoRefundClaim, at: str, words: str) -> None:
    by = staff()
    claim(review.pk, actor=by, now=moment(at))
    overrule(review.pk, Ruling(reason_code="not_proven", message=words), actor=by, now=moment(at))


def note_and_draft(shop: Shop, complaint: Complaint) -> None:
    handler = make_member(shop.merchant, Grant.VIEW, Grant.HANDLE)
    own = member_actor(shop.merchant)
    write_note(complaint.pk, "NOTE-OF-THE-SHOP", actor=own, now=moment(LATE))
    typing = type(own)(kind=own.kind, name="Li Lei", id=handler.pk, merchant_id=shop.merchant.pk, grants=own.grants)
    save_draft(complaint.pk, Draft.Form.MESSAGE, {"text": "DRAFT-OF-THE-SHOP"}, actor=typing, now=moment(LATE))
    assert InternalLine.objects.exists()
    assert Draft.objects.exists()


def shown(complaint: Complaint, at: str, language: str = "en") -> str:
    with phone(at, language) as client:
        response = client.get(page_of(complaint))
    assert response.status_code == 200
    return response.content.decode()


def of(complaint: Complaint) -> Complaint:
    found: Complaint = with_everything(actor_of(complaint)).get(pk=complaint.pk)
    return found


def test_all_that_is_theirs_is_told_and_nothing_that_is_the_shops(everything):
    assert Penalty.objects.filter(complaint=everything).count() == 2
    page = shown(everything, END)
    for told in (
        "ASKED-BEFORE",
        "ANSWERED-BEFORE",
        "WHAT-HAPPENED",
        "SAID-BY-SHOP",
        "SAID-BY-CONSUMER",
        "SAID-BY-STAFF",
        "HOW-IT-WAS-HANDLED",
        "SF-4711",
        "The shop says that it has sent the goods.",
        "THE-RULING",
        "THE-SECOND-RULING",
        "The platform ruled that a refund is due to you.",
        "The shop must refund ¥100.00 to you by 2026-03-16 10:00 Beijing time.",
        "The shop refuses the refund. The platform looks at why.",
        "The platform ruled that the shop must refund all the same.",
        "The shop must refund ¥100.00 to you by 2026-03-24 10:00 Beijing time.",
        "The shop refunded ¥100.00.",
        "All that was due to you is refunded.",
    ):
        assert told in page, told
    for hidden in HIDDEN:
        assert hidden not in page, hidden
    for name in ("appeal.png", "refusal.png", "33.33", "66.67"):
        assert name not in page


def test_the_same_in_chinese(everything):
    page = shown(everything, END, "zh-CN")
    assert "THE-SECOND-RULING" in page
    for hidden in ("处罚", "扣分", "申诉", "奖励金", "保障金", "NOTE-OF-THE-SHOP", "DRAFT-OF-THE-SHOP", "Li Lei"):
        assert hidden not in page, hidden


def test_the_history_stands_in_its_order_newest_first(everything):
    moments = [entry.at for entry in history(of(everything))]
    assert moments == sorted(moments, reverse=True)
    assert len(moments) >= 14


def test_refunds_are_listed_with_amount_and_state(everything):
    assert [(each.amount, each.label) for each in refunds_seen(of(everything))] == [(Decimal("100.00"), "refunded")]
    made = Refund.objects.get(channel="fund")
    reverse_refund(made.pk, reason="WHY-IT-WAS-REVERSED", actor=staff(), now=moment(REVERSED))
    assert [each.label for each in refunds_seen(of(everything))] == ["did not arrive"]
    page = shown(everything, END)
    assert "did not reach you, and no longer counts" in page
    assert "A refund of ¥100.00 is due to you" in page
    assert "The shop must pay by 2026-03-26 10:00 Beijing time." in page
    for hidden in HIDDEN:
        assert hidden not in page, hidden


def test_who_refuses_is_said_while_the_platform_looks(shop):
    complaint = shop.files(MONDAY, trade_amount=Decimal("100.00"))
    handle_at(MONDAY, complaint, Method.SHIPPED)
    judge(NoRefundClaim.objects.get(complaint=complaint), RULED, "Pay.")
    case = RefundCase.objects.get(complaint=complaint)
    assert "The shop must pay by 2026-03-16 10:00 Beijing time." in shown(complaint, "2026-03-16T10:00+08:00")
    late = shown(complaint, "2026-03-16T10:00:00.000001+08:00")
    assert "The shop should have paid by 2026-03-16 10:00 Beijing time" in late
    picture = make_picture(shop.merchant)
    refuse(case.pk, "No.", evidence=[picture], actor=member_actor(shop.merchant), now=moment("2026-03-11T09:00+08:00"))
    page = shown(complaint, "2026-03-11T10:00+08:00")
    assert "The shop refuses it. The platform looks whether it may." in page
    assert "It decides by 2026-03-16 " in page


def test_what_is_not_due_after_a_part_was_refunded_is_not_said_to_be_refunded(shop):
    complaint = shop.files(MONDAY, trade_amount=Decimal("100.00"))
    handle_at(MONDAY, complaint, Method.SHIPPED)
    judge(NoRefundClaim.objects.get(complaint=complaint), RULED, "Pay.")
    case = RefundCase.objects.get(complaint=complaint)
    fund_at(MONDAY, shop.merchant, "500.00")
    refund_at("2026-03-10T10:00+08:00", case, "30.00")
    picture = make_picture(shop.merchant)
    now = moment("2026-03-11T09:00+08:00")
    refused = refuse(case.pk, "No more.", evidence=[picture], actor=member_actor(shop.merchant), now=now)
    by = staff()
    claim(refused.pk, actor=by, now=moment("2026-03-12T09:00+08:00"))
    ruling = Ruling(reason_code="not_entitled", message="THE-REST-IS-NOT-DUE")
    accept(refused.pk, ruling, actor=by, now=moment("2026-03-12T10:00+08:00"))
    page = shown(complaint, END)
    assert "The platform ruled on 2026-03-12 10:00 Beijing time that no refund is due." in page
    assert "All that was due to you" not in page
    assert "THE-REST-IS-NOT-DUE" in page


def test_words_to_the_shop_are_not_read_as_words_to_the_consumer(shop):
    complaint = shop.files(MONDAY, trade_amount=Decimal("100.00"))
    handle_at(MONDAY, complaint, Method.SHIPPED)
    judge(NoRefundClaim.objects.get(complaint=complaint), RULED, "您需向用户退款。")
    services.leave_message(complaint.pk, "SAID-BY-STAFF", actor=STAFF, now=moment(OVERDUE))
    leads = {entry.text: entry.lead for entry in history(of(complaint)) if entry.text}
    assert leads["您需向用户退款。"] == "The platform wrote to the shop:"
    assert leads["SAID-BY-STAFF"] == ""
    words = " ".join(re.sub(r"<[^>]+>", " ", shown(complaint, END, "zh-CN")).split())
    assert "平台对商家的说明： 您需向用户退款。" in words


def test_a_corrected_ruling_is_told_with_both_words(shop):
    complaint = shop.files(MONDAY, trade_amount=Decimal("100.00"))
    handle_at(MONDAY, complaint, Method.SHIPPED)
    review = NoRefundClaim.objects.get(complaint=complaint)
    judge(review, RULED, "FIRST-WORDS")
    correct(
        review.pk, Ruling(reason_code="decided_wrongly", message="SECOND-WORDS"), actor=staff(), now=moment(OVERDUE)
    )
    page = shown(complaint, END)
    assert "FIRST-WORDS" in page
    assert "The platform corrected its ruling." in page
    assert "SECOND-WORDS" in page


def test_a_refund_that_answers_the_complaint_is_told_once(shop):
    complaint = shop.files(MONDAY, trade_amount=Decimal("100.00"))
    handle_at(MONDAY, complaint, refund_amount=Decimal("60.00"), refund_reference="RF-9", note="Sorry.")
    entries = [entry.sentence for entry in history(of(complaint))]
    assert entries == ["The shop says that it refunded you.", "You complained."]
    assert [each.label for each in refunds_seen(of(complaint))] == ["refunded, as the shop says"]
    page = text_of_page(complaint)
    assert "¥60.00" in page
    assert "RF-9" in page


def text_of_page(complaint: Complaint) -> str:
    with phone(MONDAY) as client:
        return text_of(client.get(page_of(complaint)))


def test_a_move_that_nobody_gave_a_sentence_stays_unseen(shop):
    complaint = shop.files(MONDAY)
    for noun, verb in (("complaint", "be_seized"), ("insurance", "pay"), ("refund", "audit"), ("penalty", "issue")):
        HistoryLine.objects.create(
            complaint=complaint,
            noun=noun,
            noun_id=1,
            verb=verb,
            to_state="secret",
            actor_kind="system",
            actor_name="system",
            at=moment(MONDAY),
            detail={"reason": "SECRET-DETAIL", "message": "SECRET-DETAIL", "amount": "1.00"},
        )
    entries = history(of(complaint))
    assert [entry.sentence for entry in entries] == ["You complained."]
    assert "SECRET-DETAIL" not in shown(complaint, MONDAY)


def test_nothing_that_merchants_read_of_penalties_and_appeals_has_a_sentence_here():
    told = {noun for noun, _verb in SENTENCES}
    assert {"penalty", "appeal"} <= told
    assert set(TELLERS) == told - {"penalty", "appeal"} | {"refund"}


def test_a_case_that_was_handled_before_it_came_here_reads_well(shop):
    done = HandledElsewhere(method="other_refund", at=moment(MONDAY))
    filing = make_filing(shop.program, filed_at=moment(MONDAY), handled=done)
    platform = shop.merchant.platform
    complaint = file_complaint(
        filing, platform_id=platform.pk, actor=platform_actor(platform), now=moment(LATE)
    ).complaint
    page = shown(complaint, LATE)
    assert "The shop says that it refunded you." in page
    assert "None" not in page
