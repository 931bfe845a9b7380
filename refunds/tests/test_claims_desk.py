"""The desk of a no-refund claim, through its door: who may rule, what is refused and how, and what stays as typed."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from complaints import services as complaints
from complaints.models import HistoryLine
from complaints.tests.factories import consumer_actor, file_at, make_picture, make_program, make_user, moment
from merchants.models import User
from refunds import services
from refunds.models import NoRefundClaim, Refund, RefundCase, RulingTemplate
from refunds.tests.desk import (
    ACCEPT,
    NOW,
    OVERRULE,
    SOON_AFTER,
    SUBMITTED,
    act,
    acting,
    contested_at,
    desk,
    look,
    member_of,
    refusal_at,
    signed_in,
    state,
    text_of,
)
from refunds.tests.making import claim_at, fund_at, refund_at, rule_at, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def li():
    return member_of("reviewer", "Li")


@pytest.fixture
def wang():
    return member_of("reviewer", "Wang")


@pytest.fixture
def claim():
    return claim_at(SUBMITTED)


def value_of(response, field):
    """What stands in a field of the page: of an input, of a textarea."""
    text = text_of(response)
    found = re.search(rf'<input[^>]*value="([^"]*)"[^>]*id="{field}"', text)
    found = found or re.search(rf'<textarea[^>]*id="{field}"[^>]*>\s*([^<]*)</textarea>', text)
    return found[1] if found else None


def test_a_claim_is_accepted_and_the_next_review_is_shown_but_not_claimed(li, claim):
    following = claim_at("2026-11-17T11:00+08:00")
    client = signed_in(li)
    assert act(client, claim, "claim").status_code == 302
    done = act(client, claim, "accept", **ACCEPT)
    assert (done.status_code, done.url) == (302, desk(following))
    claim.refresh_from_db()
    following.refresh_from_db()
    assert (claim.status, claim.decided_by, claim.message) == ("accepted", li, "It was delivered.")
    assert claim.complaint.status == "finished"
    assert following.claimed_by is None
    assert not RefundCase.objects.exists()


def test_a_claim_is_overruled_with_the_amount_that_is_due(li, claim):
    client = signed_in(li)
    act(client, claim, "claim")
    assert value_of(look(client, claim), "id_overrule_amount") == "128.00"
    done = act(client, claim, "overrule", **OVERRULE)
    assert done.url == reverse("admin:refunds_norefundclaim_changelist")
    case = RefundCase.objects.get(complaint=claim.complaint)
    assert (case.amount, case.status, case.refund_by) == (Decimal("50.00"), "due", moment("2026-11-25T10:00+08:00"))
    claim.refresh_from_db()
    assert (claim.status, claim.reason_code) == ("overruled", "not_proven")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Give the amount that is due."),
        ("0", "Give an amount above zero."),
        ("-5.00", "Give an amount above zero."),
        ("1.234", "Give the amount in yuan with at most two decimals."),
        ("NaN", "Give the amount in yuan with at most two decimals."),
        ("twelve", "Give the amount in yuan with at most two decimals."),
        ("128.01", "At most ¥128.00 of this trade can still be refunded."),
    ],
)
def test_an_amount_that_cannot_be_due_is_refused_and_everything_stays_as_typed(li, claim, typed, sentence):
    client = signed_in(li)
    act(client, claim, "claim")
    before = state(claim)
    refused = act(client, claim, "overrule", **{**OVERRULE, "amount": typed, "message": "Kept as typed."})
    assert refused.status_code == 400
    assert sentence in text_of(refused)
    assert (value_of(refused, "id_overrule_amount") or "") == typed
    assert value_of(refused, "id_overrule_message") == "Kept as typed."
    assert state(claim) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"reason_code": "", "message": "Kept as typed."}, "Choose a reason from the list."),
        ({"reason_code": "delivered", "message": " "}, "Write a message to the merchant; they read why."),
        ({"reason_code": "not_proven", "message": "Kept as typed."}, "not_proven is not one of the available choices."),
        ({"reason_code": "delivered", "message": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_ruling_needs_a_reason_of_its_own_and_a_message_and_keeps_the_text(li, claim, words, sentence):
    client = signed_in(li)
    act(client, claim, "claim")
    before = state(claim)
    refused = act(client, claim, "accept", **words)
    assert refused.status_code == 400
    assert sentence in text_of(refused)
    assert words["message"].strip() in text_of(refused)
    assert state(claim) == before


def test_the_second_of_two_rulings_is_refused_by_name_and_what_was_typed_is_shown(li, wang, claim):
    """Wang had claimed it long ago; Li took the cold claim over and ruled while Wang was still writing."""
    services.claim(claim.pk, actor=acting(wang), now=moment("2026-11-17T15:00+08:00"))
    assert act(signed_in(li), claim, "claim").status_code == 302
    assert act(signed_in(li), claim, "accept", **ACCEPT).status_code == 302
    before = state(claim)
    words = {**OVERRULE, "amount": "77.70", "message": "I wrote this for long."}
    late = act(signed_in(wang), claim, "overrule", at=SOON_AFTER, **words)
    assert late.status_code == 409
    assert "Li decided this 10 s ago." in text_of(late)
    assert "I wrote this for long." in text_of(late)
    assert "77.70" in text_of(late)
    assert state(claim) == before


def test_who_comes_late_reads_that_and_not_what_is_missing(li, wang, claim):
    rule_at(NOW, claim, "accept", by=acting(li))
    late = act(signed_in(wang), claim, "overrule", at=SOON_AFTER, reason_code="", message="", amount="")
    assert late.status_code == 409
    assert "Li decided this 10 s ago." in text_of(late)


def test_a_ruling_of_somebody_else_than_who_claimed_it_is_refused_by_name(li, wang, claim):
    act(signed_in(li), claim, "claim")
    before = state(claim)
    for verb, words in (("claim", {}), ("release", {}), ("accept", ACCEPT), ("overrule", OVERRULE)):
        refused = act(signed_in(wang), claim, verb, at=SOON_AFTER, **words)
        assert refused.status_code == 409
        assert "Li claimed this 10 s ago and is working on it." in text_of(refused)
    assert state(claim) == before


def test_a_ruling_without_a_claim_is_refused(li, claim):
    before = state(claim)
    refused = act(signed_in(li), claim, "accept", **ACCEPT)
    assert refused.status_code == 409
    assert "Claim this review before you decide it." in text_of(refused)
    assert state(claim) == before


def test_a_ruling_on_what_the_consumer_withdrew_is_refused(li, claim):
    client = signed_in(li)
    act(client, claim, "claim")
    consumer = consumer_actor(claim.complaint)
    complaints.cancel(claim.complaint_id, reason="Solved.", actor=consumer, now=moment(NOW))
    before = state(claim)
    refused = act(client, claim, "overrule", at=SOON_AFTER, **OVERRULE)
    assert refused.status_code == 409
    assert "The complaint was withdrawn or closed meanwhile" in text_of(refused)
    assert "there is nothing to rule on" in text_of(look(client, claim, at=SOON_AFTER))
    assert state(claim) == before


def test_a_review_goes_back_to_the_queue(li, wang, claim):
    act(signed_in(li), claim, "claim")
    assert act(signed_in(li), claim, "release").status_code == 302
    assert act(signed_in(wang), claim, "claim").status_code == 302


class TestContest:
    """The merchant named a refund of 110.00 elsewhere for a trade of 220.00, and the consumer contests it."""

    def test_the_desk_shows_both_sides_and_the_money(self, li):
        claim = contested_at(SUBMITTED)
        act(signed_in(li), claim, "claim")
        shown = look(signed_in(li), claim)
        amounts = shown.context["amounts"]
        assert (amounts.trade, amounts.asked, amounts.refunded, amounts.refundable) == (
            Decimal("220.00"),
            Decimal("220.00"),
            Decimal("110.00"),
            Decimal("110.00"),
        )
        text = text_of(shown)
        for words in ("Nothing came back.", "RF-7", "What the consumer said against it", "At most ¥110.00; at most"):
            assert words in text
        assert value_of(shown, "id_overrule_amount") == "110.00"
        assert 'id="id_overrule_refund_not_made"' in text

    def test_what_was_not_made_counts_no_longer_and_can_be_due(self, li):
        claim = contested_at(SUBMITTED)
        client = signed_in(li)
        act(client, claim, "claim")
        words = {"reason_code": "refund_not_made", "message": "It never arrived.", "amount": "220.00"}
        before = state(claim)
        refused = act(client, claim, "overrule", **words)
        assert refused.status_code == 400
        assert "At most ¥110.00 of this trade can still be refunded." in text_of(refused)
        assert value_of(refused, "id_overrule_amount") == "220.00"
        assert state(claim) == before
        assert act(client, claim, "overrule", **words, refund_not_made="on").status_code == 302
        assert RefundCase.objects.get().amount == Decimal("220.00")
        assert Refund.objects.get().status == "reversed"

    def test_the_tick_is_kept_when_something_else_is_missing(self, li):
        claim = contested_at(SUBMITTED)
        client = signed_in(li)
        act(client, claim, "claim")
        refused = act(client, claim, "overrule", amount="1.00", message="", reason_code="", refund_not_made="on")
        assert re.search(r'<input[^>]*id="id_overrule_refund_not_made"[^>]*checked', text_of(refused))

    def test_a_trade_that_is_refunded_in_full_on_the_merchants_word_proposes_that_amount(self, li):
        claim = contested_at(SUBMITTED, refunded="220.00")
        client = signed_in(li)
        act(client, claim, "claim")
        assert value_of(look(client, claim), "id_overrule_amount") == "220.00"
        refused = act(client, claim, "overrule", **{**OVERRULE, "amount": "220.00"})
        assert refused.status_code == 409
        assert value_of(refused, "id_overrule_amount") == "220.00"
        assert "What you wrote:" not in text_of(refused)


class TestRefusal:
    def test_the_desk_asks_for_no_amount_and_a_new_round_begins(self, li):
        claim = refusal_at("2026-11-17T10:00+08:00")
        client = signed_in(li)
        act(client, claim, "claim")
        shown = look(client, claim)
        assert 'name="amount"' not in text_of(shown)
        assert "Why the merchant refuses" in text_of(shown)
        assert [each.status for each in shown.context["others"]] == ["overruled"]
        words = {name: text for name, text in OVERRULE.items() if name != "amount"}
        assert act(client, claim, "overrule", **words).status_code == 302
        case = RefundCase.objects.get(refusals=claim)
        assert (case.status, case.round, case.refund_by) == ("due", 2, moment("2026-11-25T10:00+08:00"))

    def test_accepted_it_is_waived(self, li):
        claim = refusal_at("2026-11-17T10:00+08:00")
        client = signed_in(li)
        act(client, claim, "claim")
        assert act(client, claim, "accept", **ACCEPT).status_code == 302
        assert RefundCase.objects.get(refusals=claim).status == "waived"


class TestCorrection:
    def test_an_accepted_claim_is_corrected_with_an_amount(self, li, wang, claim):
        rule_at(NOW, claim, "accept", by=acting(wang))
        client = signed_in(li)
        assert value_of(look(client, claim, at=SOON_AFTER), "id_correct_amount") == "128.00"
        words = {"reason_code": "decided_wrongly", "message": "Two cases mixed up.", "amount": "60.00"}
        missing = act(client, claim, "correct", at=SOON_AFTER, **{**words, "message": ""})
        assert missing.status_code == 400
        assert value_of(missing, "id_correct_amount") == "60.00"
        done = act(client, claim, "correct", at=SOON_AFTER, **words)
        assert (done.status_code, done.url) == (302, desk(claim))
        claim.refresh_from_db()
        assert (claim.status, claim.decided_by, RefundCase.objects.get().amount) == ("overruled", li, Decimal("60.00"))
        lines = HistoryLine.objects.filter(noun="no_refund_claim", noun_id=claim.pk).order_by("pk")
        assert list(lines.values_list("verb", flat=True)) == ["submit", "accept", "correct"]

    def test_an_overruled_one_needs_none_and_once_paid_it_stays(self, li, wang, claim):
        rule_at(NOW, claim, "overrule", by=acting(wang))
        client = signed_in(li)
        assert 'name="amount"' not in text_of(look(client, claim, at=SOON_AFTER))
        case = RefundCase.objects.get()
        fund_at(NOW, case.merchant, "10.00")
        refund_at(SOON_AFTER, case, "1.00")
        before = state(claim)
        words = {"reason_code": "decided_wrongly", "message": "Mixed up."}
        refused = act(client, claim, "correct", at=SOON_AFTER, **words)
        assert refused.status_code == 409
        assert "A refund was made because of this ruling." in text_of(refused)
        assert value_of(refused, "id_correct_message") == "Mixed up."
        assert state(claim) == before


@pytest.mark.parametrize(
    ("group", "sees", "acts"), [("reviewer", 200, 302), ("ops", 200, 403), ("auditor", 200, 403), (None, 403, 403)]
)
def test_who_may_see_the_desk_and_who_may_use_it(claim, group, sees, acts):
    user = member_of(group, "Zhao") if group else make_user("zhao", is_staff=True)
    client = signed_in(user)
    before = state(claim)
    shown = look(client, claim)
    assert shown.status_code == sees
    assert ("/claim/act/" in text_of(shown)) == (group == "reviewer")
    for verb, words in (("accept", ACCEPT), ("overrule", OVERRULE), ("release", {})):
        assert act(client, claim, verb, **words).status_code == (403 if acts == 403 else 409)
    assert act(client, claim, "correct", **ACCEPT).status_code == (403 if acts == 403 else 400)
    assert state(claim) == before
    assert act(client, claim, "claim").status_code == acts


def test_members_and_strangers_are_sent_away(claim):
    for client in (Client(), signed_in(make_user("member"))):
        assert look(client, claim).status_code in (302, 403)
        assert act(client, claim, "claim").status_code in (302, 403)
    claim.refresh_from_db()
    assert claim.claimed_by is None


def test_what_is_not_there_is_404_and_verbs_are_posted(li, claim):
    client = signed_in(li)
    address = f"/admin/refunds/norefundclaim/{claim.pk}"
    assert client.get("/admin/refunds/norefundclaim/999999/change/").status_code == 404
    assert client.get("/admin/refunds/norefundclaim/nonsense/change/").status_code == 404
    assert client.post(f"{address}/submit/act/").status_code == 404
    assert client.post(f"{address}/approve/act/").status_code == 404
    assert client.get(f"{address}/accept/act/").status_code == 405


def test_a_reason_brings_its_text_in_the_language_of_whoever_handled_and_keeps_the_amount(li, claim):
    RulingTemplate.objects.filter(verb="overrule", reason_code="not_proven").update(text_zh="不足。", text_en="Weak.")
    client = signed_in(li)
    act(client, claim, "claim")
    chosen = look(client, claim, verb="overrule", reason="not_proven")
    assert value_of(chosen, "id_overrule_message") == "不足。"
    assert value_of(chosen, "id_overrule_amount") == "128.00"
    User.objects.filter(pk=claim.handling.actor_id).delete()
    member = make_user("member", language="en")
    type(claim.handling).objects.filter(pk=claim.handling.pk).update(actor_id=member.pk)
    posted = act(client, claim, "overrule", **{**OVERRULE, "amount": "12,5", "template": "1"})
    assert posted.status_code == 200
    assert value_of(posted, "id_overrule_message") == "Weak."
    assert value_of(posted, "id_overrule_amount") == "12,5"
    claim.refresh_from_db()
    assert claim.status == "submitted"


def test_a_picture_that_was_used_in_another_case_is_flagged(li):
    claim, other = claim_at(SUBMITTED), claim_at(SUBMITTED)
    picture, again = claim.evidence.get(), make_picture(other.merchant)
    type(again).objects.filter(pk=again.pk).update(sent_sha256=picture.sent_sha256)
    assert "Same picture" not in text_of(look(signed_in(li), claim))
    other.evidence.add(again)
    shown = text_of(look(signed_in(li), claim))
    assert shown.count("Same picture in 1 other case") == 1
    assert other.complaint.complaint_no in shown


def test_the_desk_shows_the_merchants_record_and_their_latest_rulings(li):
    program = make_program()
    told = {"trade_amount": Decimal("9.00"), "advance_protection": True}
    old = claim_at("2026-11-11T10:00+08:00", file_at("2026-11-11T10:00+08:00", program))
    rule_at("2026-11-12T10:00+08:00", old, "accept", by=staff("Wang"))
    claim = claim_at(SUBMITTED, file_at(SUBMITTED, program, **told))
    shown = look(signed_in(li), claim)
    record = {str(tally.label): tally.words for tally in shown.context["record"]}
    assert (record["claims accepted in 90 days"], record["claims overruled in 90 days"]) == ("1", "0")
    assert {"points in effect or under appeal", "penalties in 90 days", "appeals approved"} <= set(record)
    assert shown.context["latest"] == [old]
    text = text_of(shown)
    assert f'href="{desk(old)}"' in text
    for words in (claim.complaint.trade_no, "Sent again.", "SF 1", "advance protection", "We looked at it."):
        assert words in text
    services.claim(claim.pk, actor=acting(li), now=moment(NOW))
    forms = text_of(look(signed_in(li), claim))
    assert forms.count("The consumer reads it as well, as what the platform wrote to the shop.") == 2
    latest = text.split("Latest rulings on this merchant")[1].split("</section>")[0]
    assert "2026-11-12 10:00" in latest
    assert "2026-11-11" not in latest.replace(desk(old), "").replace(old.complaint.complaint_no, "")


def test_next_and_previous_follow_the_queue_past_what_colleagues_work_on(li, wang, claim):
    theirs, later = claim_at("2026-11-18T01:00+08:00"), claim_at("2026-11-18T02:00+08:00")
    services.claim(theirs.pk, actor=acting(wang), now=moment(NOW))
    shown = look(signed_in(li), claim)
    assert (shown.context["before"], shown.context["after"]) == (None, later.pk)
    assert look(signed_in(li), later).context["before"] == claim.pk


def test_the_keys_are_also_shown_as_text_and_nothing_is_inline(li, claim):
    act(signed_in(li), claim, "claim")
    shown = text_of(look(signed_in(li), claim))
    for key in "jkcar?":
        assert f"<kbd>{key}</kbd>" in shown
    assert 'data-key="a"' in shown
    assert 'data-key="r"' in shown
    assert " style=" not in shown
    assert " onclick=" not in shown


def test_a_desk_asks_a_fixed_number_of_questions(li, claim):
    client = signed_in(li)
    act(client, claim, "claim")
    look(client, claim)
    with CaptureQueriesContext(connection) as few:
        look(client, claim)
    claim.evidence.add(*(make_picture(claim.merchant) for _ in range(6)))
    for _ in range(3):
        program = claim.mini_program
        rule_at(NOW, claim_at(NOW, file_at(NOW, program)), "accept")
    with CaptureQueriesContext(connection) as many:
        look(client, claim)
    assert len(many) == len(few)
    assert len(many) <= 35
    assert NoRefundClaim.objects.count() == 4
