"""Pending refunds on the pages of other floors: the time line, the home page, the pages of their penalties."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from appeals.services import AppealInput, submit
from complaints import services as complaints
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_picture,
    member_actor,
    moment,
)
from complaints.tests.pages import Shop, browser, make_shop, text_of
from complaints.timeline import SENTENCES, TELLERS, timeline
from deadlines.sweeping import run_sweep
from penalties.models import Penalty
from penalties.queries import rule_of
from refunds import claims, services
from refunds.gateways import Answer, Outcome
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.queries import standing
from refunds.states import NO_REFUND_CLAIM, REFUND, REFUND_CASE
from refunds.tests.making import case_at, claim_at, fund_at, refund_at, rule_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

RULED = "2026-03-06T09:00+08:00"
NOON = "2026-03-07T12:00+08:00"
MISSED = "2026-03-13T09:00+08:00"
ISSUED = "2026-03-13T09:30+08:00"


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


def told(case: RefundCase) -> list[str]:
    """What the time line says about a case, the oldest first, with the words of whoever acted."""
    case.complaint.refresh_from_db()
    return [f"{entry.sentence} {entry.text}".strip() for entry in reversed(timeline(case.complaint))]


def refuse(case: RefundCase, at: str) -> NoRefundClaim:
    given = [make_picture(case.merchant)]
    return claims.refuse(case.pk, "It came.", evidence=given, actor=member_actor(case.merchant), now=moment(at))


# The time line


def test_a_case_is_told_in_words_a_merchant_reads(shop):
    complaint = file_at(RULED, shop.program, trade_amount=Decimal("100.00"))
    rule_at("2026-03-06T10:00+08:00", claim_at(RULED, complaint))
    case = RefundCase.objects.get()
    refusal = refuse(case, "2026-03-06T11:00+08:00")
    rule_at("2026-03-06T12:00+08:00", refusal)
    fund_at(NOON, shop.merchant, "500.00")
    paid = refund_at("2026-03-07T13:00+08:00", case, "100.00")
    services.reverse_refund(paid.pk, reason="It bounced.", actor=staff(), now=moment("2026-03-07T14:00+08:00"))
    case.complaint.refresh_from_db()
    complaints.cancel(
        complaint.pk, reason="Solved.", actor=consumer_actor(complaint), now=moment("2026-03-07T15:00+08:00")
    )
    assert sorted(told(case)) == sorted(
        [
            "Filed the complaint.",
            "Handled the complaint in time: shipped.",
            "Asked support staff to rule that no refund is due.",
            "A pending refund of ¥100.00 began. Refund by 2026-03-13 10:00 Beijing time.",
            "Ruled that a refund is due. We looked at it.",
            "Refused to refund. The clock stands still while staff look at why.",
            "Round 2 of the pending refund began. Refund by 2026-03-13 12:00 Beijing time.",
            "Ruled that the refund is due all the same. We looked at it.",
            "Refunded ¥100.00 from the guarantee fund. From the bonus ¥33.33, from the deposit ¥66.67.",
            "All that was due is refunded.",
            "Nothing more is due. The complaint is finished.",
            "Took the refund of ¥100.00 back: it did not reach the consumer. It bounced.",
            "Round 3 of the pending refund began. Refund by 2026-03-14 14:00 Beijing time.",
            "A refund is due after all. The complaint is open again.",
            "Withdrew the complaint. Solved.",
            "The pending refund ended: nothing is due.",
        ]
    )


def test_a_refund_that_failed_and_a_refusal_that_was_right_are_told(shop, monkeypatch):
    class Gateway:
        name = "sandbox"

    monkeypatch.setattr("refunds.refunding.refund_gateway", Gateway)
    case = case_at(RULED, program=shop.program, amount="100.00")
    refund_at("2026-03-06T10:00+08:00", case, "100.00", channel="api")
    services.learn(Refund.objects.get().pk, Answer(Outcome.FAILED, "X", "No."), now=moment("2026-03-06T11:00+08:00"))
    refund_at("2026-03-06T12:00+08:00", case, "40.00", channel="elsewhere", reference="R-1")
    made = Refund.objects.get(refund_no="R-1")
    services.learn(made.pk, Answer(Outcome.SUCCEEDED), now=moment("2026-03-06T13:00+08:00"))
    rule_at("2026-03-06T15:00+08:00", refuse(case, "2026-03-06T14:00+08:00"), "accept")
    assert set(told(case)) >= {
        "Asked the payment system to refund ¥100.00.",
        "The refund of ¥100.00 failed; no money moved.",
        "The clock of the pending refund runs on, with the time that was left.",
        "Recorded a refund of ¥40.00 that was made elsewhere.",
        "The payment system confirmed the refund of ¥40.00.",
        "Ruled that the refusal is right: no refund is due. We looked at it.",
        "The pending refund ended: nothing is due.",
    }


def test_every_move_of_the_nouns_of_refunds_has_its_sentence():
    named = {*SENTENCES, *TELLERS}
    ruled = {("no_refund_claim", verb) for verb in ("accept", "overrule")}  # told by what the claim is about
    for noun, table in (("no_refund_claim", NO_REFUND_CLAIM), ("refund_case", REFUND_CASE), ("refund", REFUND)):
        assert {(noun, verb) for verb in table.moves} <= named | ruled
    assert {("refund_case", "open"), ("refund_case", "run_again")} <= named


def test_a_contest_is_told_once_and_its_ruling_with_its_words(shop):
    complaint = file_at(RULED, shop.program)
    handle_at("2026-03-06T10:00+08:00", complaint)
    complaints.contest(
        complaint.pk, reason="It never came.", actor=consumer_actor(complaint), now=moment("2026-03-06T11:00+08:00")
    )
    claim = NoRefundClaim.objects.get()
    rule_at("2026-03-06T12:00+08:00", claim, "accept")
    complaint.refresh_from_db()
    sentences = [f"{entry.sentence} {entry.text}".strip() for entry in timeline(complaint)]
    assert sentences[0] == "Ruled that no refund is due. We looked at it."
    assert sentences[1] == "Said that the problem is not solved. Support staff look at the case. It never came."
    assert "Ruled on the complaint." not in sentences


# The home page


@pytest.mark.parametrize(
    ("at", "due", "overdue", "points", "has_next"),
    [
        ("2026-03-12T23:59:59+08:00", 1, 0, 0, True),
        ("2026-03-13T00:00+08:00", 1, 0, 1, True),
        (MISSED, 1, 0, 1, True),
        ("2026-03-13T09:00:00.000001+08:00", 1, 1, 0, False),
    ],
)
def test_how_a_merchant_stands_with_their_refunds(shop, at, due, overdue, points, has_next):
    case = case_at(RULED, program=shop.program)
    case_at(RULED)
    found = standing(shop.merchant.pk, now=moment(at))
    assert (found.due, found.overdue, found.points_at_stake) == (due, overdue, points)
    assert found.next_deadline == (case.refund_by if has_next else None)


def test_the_card_counts_the_points_of_complaints_and_refunds_together(shop):
    case_at(RULED, program=shop.program)
    shop.files("2026-03-09T12:00+08:00")
    with browser(shop.administrator, "2026-03-13T08:00+08:00") as client:
        shown = text_of(client.get("/"))
        assert "Points at stake today 2 with refunds, until midnight" in shown
        assert "Next 1 h 0 min left 2026-03-13 09:00" in shown
        assert "Refunds due 1 Refunds that are overdue 0" in shown
    with browser(shop.administrator, "2026-03-13T10:00+08:00") as client:
        page = client.get("/")
        assert "1 refund was not made in time." in text_of(page)
        assert client.get("/refunds/?due=overdue").content.decode().count("row-link") == 1
        assert 'href="/refunds/?due=overdue"' in page.content.decode()


def test_a_refund_whose_clock_stands_still_is_neither_next_nor_overdue(shop, monkeypatch):
    class Gateway:
        name = "sandbox"

    monkeypatch.setattr("refunds.refunding.refund_gateway", Gateway)
    case = case_at(RULED, program=shop.program, amount="100.00")
    refund_at(NOON, case, "100.00", channel="api")
    found = standing(shop.merchant.pk, now=moment("2026-03-20T09:00+08:00"))
    assert (found.due, found.overdue, found.points_at_stake, found.next_deadline) == (1, 0, 0, None)


# Penalties for overdue refunds


@pytest.fixture
def penalty(shop: Shop) -> Penalty:
    case_at(RULED, program=shop.program, amount="100.00")
    run_sweep("refund", cut_off=moment(ISSUED), issued_at=moment(ISSUED), ran_by="test")
    return Penalty.objects.get()


def test_the_violation_names_its_rule_and_leads_to_the_refund(shop, penalty):
    case = RefundCase.objects.get()
    with browser(shop.administrator, "2026-03-14T09:00+08:00") as client:
        page = client.get(f"/violations/{penalty.penalty_no}/")
        shown = text_of(page)
        assert "A refund that support ruled due must be completed within 7 days (168 hours)." in shown
        assert "Each time that it is not costs 1 point." in shown
        assert "appealed within 30 days (720 hours) after it was issued, with proof that the refund was made" in shown
        assert "The refund is still due Pay the refund first. While the penalty can be appealed" in shown
        assert f'href="/refunds/{case.case_no}/"' in page.content.decode()
        form = client.get(f"/violations/{penalty.penalty_no}/appeal/")
        assert f'href="/refunds/{case.case_no}/"' in form.content.decode()
        fund_at("2026-03-14T09:00+08:00", shop.merchant, "500.00")
        refund_at("2026-03-14T09:00+08:00", case, "100.00")
        paid = text_of(client.get(f"/violations/{penalty.penalty_no}/"))
    assert "The refund is still due" not in paid
    assert case.case_no in paid


def test_the_rule_is_that_of_the_time_when_the_round_began(shop, policy_file):
    policy_file("[[policy]]\nsince = 2026-03-07T00:00:00+08:00\nrefund_hours = 24\n")
    case = case_at(RULED, program=shop.program)
    rule_at("2026-03-08T09:00+08:00", refuse(case, "2026-03-06T12:00+08:00"))
    run_sweep("refund", cut_off=moment(ISSUED), issued_at=moment(ISSUED), ran_by="test")
    second = Penalty.objects.get()
    assert (second.round, second.missed_at) == (2, moment("2026-03-09T09:00+08:00"))
    assert rule_of(second).hours == 24

    old = case_at(RULED, program=shop.program)
    assert old.refund_by == moment(MISSED)
    run_sweep("refund", cut_off=moment(ISSUED), issued_at=moment(ISSUED), ran_by="test")
    assert rule_of(Penalty.objects.get(subject_id=old.pk)).hours == 168


def test_the_case_shows_the_penalty_of_each_missed_round(shop, penalty):
    case = RefundCase.objects.get()
    rule_at("2026-03-14T10:00+08:00", refuse(case, "2026-03-14T09:00+08:00"))
    at = moment("2026-03-22T09:00+08:00")
    run_sweep("refund", cut_off=at, issued_at=at, ran_by="test")
    submit(
        penalty.pk,
        AppealInput(description="Paid.", evidence=(make_picture(shop.merchant),), knowingly=True),
        actor=member_actor(shop.merchant),
        now=at,
    )
    with browser(shop.administrator, "2026-03-22T10:00+08:00") as client:
        page = client.get(f"/refunds/{case.case_no}/").content.decode()
        rows = text_of(client.get("/refunds/"))
    assert page.count("Show the violation") == 2
    assert page.count('id="penalty"') == page.count('id="penalty-2"') == 1
    assert "2 points lost" in rows


def test_no_template_of_these_pages_carries_a_number_of_the_policy():
    templates = Path(settings.BASE_DIR, "templates", "refunds")
    pages = "".join(path.read_text(encoding="utf-8") for path in templates.glob("*.html"))
    assert "policy.bonus_percent" in pages
    for number in ("3 working days", "7 days", "30 %", "10,000", "1/3"):
        assert number not in pages


def test_what_the_fund_paid_is_told_in_chinese_as_well(shop):
    case = case_at(RULED, program=shop.program, amount="100.00")
    fund_at(NOON, shop.merchant, "500.00")
    refund_at("2026-03-07T13:00+08:00", case, "100.00")
    with override("zh-hans"):
        assert "使用体验保障金退款¥100.00。 其中奖励金支付¥33.33，体验保障金支付¥66.67。" in told(case)


def test_the_pages_speak_of_refusing_only_while_a_case_can_be_refused(shop):
    case = case_at("2026-03-06T10:00+08:00", program=shop.program)

    def pages(at: str) -> tuple[str, str]:
        with browser(shop.administrator, at) as client:
            own = text_of(client.get(f"/refunds/{case.case_no}/"))
            return own, text_of(client.get(f"/complaints/{case.complaint.complaint_no}/"))

    own, complaint = pages("2026-03-06T10:30+08:00")
    assert "Refunded in full or refused by then, it costs nothing." in own
    assert "Refund it in time, or refuse once with proof." in complaint
    refusal = refuse(case, "2026-03-06T11:00+08:00")
    own, complaint = pages("2026-03-06T11:30+08:00")
    assert "it costs nothing" not in own
    assert "Refund it in time" not in complaint
    rule_at("2026-03-06T12:00+08:00", refusal)
    own, complaint = pages("2026-03-06T12:30+08:00")
    assert "Refunded in full by then, it costs nothing." in own
    assert "Refund it in time. It was refused before, so it cannot be refused again." in complaint
    _own, complaint = pages("2026-03-13T12:00:00.000001+08:00")
    assert "Refund it in time" not in complaint
    assert "the refund must be made all the same" in complaint
