"""Admin of money: what staff record, approve, take back and ask about, who may, and what is refused and how."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from freezegun import freeze_time

from appeals.tests.test_desk import member_of, signed_in, text_of
from complaints.models import HistoryLine
from complaints.tests.factories import (
    file_at,
    handle_at,
    make_merchant,
    make_picture,
    make_program,
    member_actor,
    moment,
)
from notifications.models import Event
from refunds import services
from refunds.fund import Balance, balance_of
from refunds.models import FundEntry, FundTransfer, GuaranteeAccount, Refund, RefundCase, RefundedTrade, TopUp
from refunds.tests.fakes import ABSENT, FAILED, SUCCEEDED, UNKNOWN
from refunds.tests.making import case_at, fund_at, refund_at

NOW = "2026-11-23T10:00:00+08:00"
HIGH = "50000.01"
"""The least amount that needs a second person."""

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept(db):
    cache.clear()


@pytest.fixture
def chen():
    return member_of("ops", "Chen")


@pytest.fixture
def gao():
    return member_of("ops", "Gao")


@pytest.fixture
def account():
    """A merchant in the plan, with 100.00 in the deposit and 30.00 of bonus."""
    return fund_at("2026-11-20T10:00+08:00", make_merchant("Blue Orchard"), "100.00")


def page(name, *arguments):
    return reverse(f"admin:refunds_{name}", args=arguments)


def get(client, address, at=NOW, **query):
    with freeze_time(moment(at)):
        return client.get(address, query)


def post(client, address, at=NOW, **data):
    with freeze_time(moment(at)):
        return client.post(address, data)


def rows_of(client, name, at=NOW, **query):
    """The rows that a list shows."""
    shown = get(client, page(f"{name}_changelist"), at, **query)
    assert shown.status_code == 200
    return list(shown.context["cl"].result_list)


ALL = {name: {"queue": "all"} for name in ("refundcase", "refund", "topup")}
"""How a list is asked for all its rows; the others have no queue."""


def everything():
    """All that a verb of this app would change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (TopUp, FundTransfer, FundEntry, Refund, RefundCase, RefundedTrade, HistoryLine, Event)
    ]


def recording(account):
    return f"{page('topup_record')}?account={account.pk}"


def record(client, account, amount, reference="B-1", **more):
    return post(client, recording(account), amount=amount, bank_reference=reference, **more)


def record_high(user, account, reference="B-1"):
    record(signed_in(user), account, HIGH, reference, confirm="1")
    return TopUp.objects.get(bank_reference=reference)


class TestRecording:
    def test_the_account_is_found_by_a_part_of_the_name_and_by_the_number(self, chen, account):
        client = signed_in(chen)
        other = fund_at("2026-11-20T10:00+08:00", make_merchant("Red Barn"), "1.00")
        for text in ("orchard", str(account.merchant_id)):
            found = text_of(get(client, page("topup_record"), q=text))
            assert f"?account={account.pk}" in found
            assert f"?account={other.pk}" not in found
        assert "No merchant in the guarantee plan is called so." in text_of(get(client, page("topup_record"), q="zzz"))

    @pytest.mark.parametrize("query", [{"q": "\0"}, {"q": "9" * 30}, {"account": "x"}, {"account": "9" * 30}])
    def test_nonsense_finds_nothing(self, chen, account, query):
        assert get(signed_in(chen), page("topup_record"), **query).status_code == 200

    def test_what_it_does_is_shown_before_anything_is_saved(self, chen, account):
        client, before = signed_in(chen), everything()
        shown = text_of(record(client, account, "¥1,000.00"))
        assert "¥300.00" in shown  # the bonus
        assert "¥1,100.00" in shown  # the deposit afterwards
        assert "¥330.00" in shown  # the bonus afterwards
        assert "It is credited at once." in shown
        assert everything() == before

    def test_it_is_credited_when_it_was_confirmed(self, chen, account):
        client = signed_in(chen)
        done = record(client, account, "1000.00", confirm="1")
        top_up = TopUp.objects.get(bank_reference="B-1")
        assert (done.status_code, done.url) == (302, page("topup_change", top_up.pk))
        assert (top_up.status, top_up.actor_name, top_up.requested_at) == ("credited", "Chen", moment(NOW))
        assert balance_of(account) == Balance(Decimal("1100.00"), Decimal("330.00"), Decimal("330.00"))
        told = text_of(get(client, done.url))
        assert f"Top-up {top_up} was credited: ¥1,000.00, and a bonus of ¥300.00." in told

    def test_what_was_typed_can_be_changed_after_the_preview(self, chen, account):
        shown = text_of(record(signed_in(chen), account, "1000.00", change="1"))
        assert 'value="1000.00"' in shown
        assert 'value="B-1"' in shown
        assert not TopUp.objects.filter(bank_reference="B-1").exists()

    @pytest.mark.parametrize("confirm", [{}, {"confirm": "1"}])
    @pytest.mark.parametrize(
        ("amount", "reference", "sentence"),
        [
            ("0", "B-1", "Give an amount above zero."),
            ("-5", "B-1", "Give an amount above zero."),
            ("1.005", "B-1", "Give the amount in yuan with at most two decimals."),
            ("NaN", "B-1", "Give the amount in yuan with at most two decimals."),
            ("10000000.01", "B-1", "Top up at most"),
            ("", "B-1", "Give the amount."),
            ("5.00", "  ", "Give the reference of the bank transfer, as the bank statement has it."),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_lost(self, chen, account, amount, reference, sentence, confirm):
        before = everything()
        refused = record(signed_in(chen), account, amount, reference, **confirm)
        assert refused.status_code == 400
        assert sentence in text_of(refused)
        assert f'value="{amount}"' in text_of(refused) or not amount
        assert everything() == before

    def test_a_double_click_records_one(self, chen, account):
        client = signed_in(chen)
        record(client, account, "1000.00", confirm="1")
        before = everything()
        again = record(client, account, "1000.00", confirm="1")
        assert again.status_code == 400
        assert "A top-up with this reference was recorded before." in text_of(again)
        assert everything() == before

    @pytest.mark.parametrize(("amount", "status"), [("50000.00", "credited"), (HIGH, "pending")])
    def test_above_the_policys_amount_a_second_person_is_needed_and_the_preview_says_so(
        self, chen, account, amount, status
    ):
        client = signed_in(chen)
        waits = "a second person must look at it" in text_of(record(client, account, amount))
        assert waits == (status == "pending")
        record(client, account, amount, confirm="1")
        assert TopUp.objects.get(bank_reference="B-1").status == status


class TestSecondPerson:
    def test_a_colleague_approves_it_and_the_bonus_comes_with_it(self, chen, gao, account):
        top_up = record_high(chen, account)
        client = signed_in(gao)
        assert str(top_up) in text_of(get(client, page("topup_changelist")))
        shown = text_of(get(client, page("topup_change", top_up.pk)))
        assert page("topup_approve", top_up.pk) in shown
        assert "¥9,970.00" in shown  # what the cap of 10,000 leaves after 30.00
        assert post(client, page("topup_approve", top_up.pk)).status_code == 302
        top_up.refresh_from_db()
        assert (top_up.status, top_up.decided_by) == ("credited", gao)
        assert balance_of(account) == Balance(Decimal("50100.01"), Decimal("10000.00"), Decimal("10000.00"))
        assert not rows_of(client, "topup")

    def test_who_recorded_it_is_refused_and_told_so_beforehand(self, chen, account):
        top_up = record_high(chen, account)
        client, before = signed_in(chen), everything()
        shown = text_of(get(client, page("topup_change", top_up.pk)))
        assert "You recorded this top-up yourself, so a colleague must look at it." in shown
        assert page("topup_approve", top_up.pk) not in shown
        for verb in ("approve", "decline", "reverse"):
            refused = post(client, page(f"topup_{verb}", top_up.pk), reason="Because.")
            assert refused.status_code in (403, 409)
        refused = post(client, page("topup_approve", top_up.pk))
        assert refused.status_code == 403
        assert 'role="alert"' in text_of(refused)
        assert everything() == before

    def test_it_is_approved_once(self, chen, gao, account):
        top_up = record_high(chen, account)
        client = signed_in(gao)
        post(client, page("topup_approve", top_up.pk))
        before = everything()
        assert post(client, page("topup_approve", top_up.pk)).status_code == 409
        assert everything() == before

    def test_several_are_approved_from_the_list_and_each_is_reported(self, chen, gao, account):
        own, others = record_high(gao, account, "B-1"), record_high(chen, account, "B-2")
        client = signed_in(gao)
        chosen = {"action": "approve_chosen", "_selected_action": [own.pk, others.pk]}
        with freeze_time(moment(NOW)):
            told = text_of(client.post(page("topup_changelist"), chosen, follow=True))
        assert f"{own}: You recorded this top-up yourself" in told
        assert f"Top-up {others} was credited: ¥50,000.01, and a bonus of ¥9,970.00." in told
        own.refresh_from_db()
        others.refresh_from_db()
        assert (own.status, others.status) == ("pending", "credited")

    def test_it_is_declined_with_a_reason_only_and_can_be_recorded_anew(self, chen, gao, account):
        top_up = record_high(chen, account)
        client = signed_in(gao)
        before = everything()
        refused = post(client, page("topup_decline", top_up.pk), reason="  ")
        assert refused.status_code == 400
        assert "Give the reason; it stays with the record." in text_of(refused)
        assert everything() == before
        assert post(client, page("topup_decline", top_up.pk), reason="Another merchant's.").status_code == 302
        top_up.refresh_from_db()
        assert (top_up.status, top_up.decided_by, top_up.reason) == ("declined", gao, "Another merchant's.")
        assert balance_of(account).deposit == Decimal("100.00")
        assert record(signed_in(chen), account, HIGH, "B-1", confirm="1").status_code == 302

    def test_an_online_payment_is_not_credited_by_hand(self, gao, account):
        actor = member_actor(account.merchant)
        top_up = services.start_online_top_up(account.merchant_id, Decimal("10.00"), actor=actor, now=moment(NOW))
        client, before = signed_in(gao), everything()
        shown = text_of(get(client, page("topup_change", top_up.pk)))
        assert page("topup_approve", top_up.pk) not in shown
        assert page("topup_decline", top_up.pk) not in shown
        assert post(client, page("topup_approve", top_up.pk)).status_code == 409
        assert post(client, page("topup_decline", top_up.pk), reason="No.").status_code == 409
        assert everything() == before


class TestReversingATopUp:
    def test_what_it_takes_back_is_shown_first(self, gao, account):
        top_up = account.top_ups.get()
        client, before = signed_in(gao), everything()
        back = get(client, page("topup_reverse", top_up.pk)).context["back"]
        assert (back.deposit, back.bonus) == (Decimal("-100.00"), Decimal("-30.00"))
        assert (back.after.deposit, back.after.bonus, back.is_possible) == (0, 0, True)
        assert everything() == before
        assert post(client, page("topup_reverse", top_up.pk), reason="Bounced.").status_code == 302
        top_up.refresh_from_db()
        assert (top_up.status, top_up.reason) == ("reversed", "Bounced.")
        assert balance_of(account) == Balance(Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))

    def test_money_that_is_spent_is_not_taken_back_and_the_preview_says_so(self, gao, account):
        program = make_program(merchant=account.merchant)
        refund_at("2026-11-21T10:00+08:00", case_at("2026-11-20T12:00+08:00", program=program, amount="30.00"), "30.00")
        top_up = account.top_ups.get()
        client, before = signed_in(gao), everything()
        shown = get(client, page("topup_reverse", top_up.pk))
        assert not shown.context["back"].is_possible
        assert "Part of this money is spent" in text_of(shown)
        refused = post(client, page("topup_reverse", top_up.pk), reason="My long reason.")
        assert refused.status_code == 409
        assert "My long reason." in text_of(refused)
        assert everything() == before


REQUESTED = "2026-11-23T10:00:00+08:00"


@pytest.fixture
def sent(gateway):
    """A refund that the payment system is to make, and the gateway that has not been told an answer yet."""
    return refund_at(REQUESTED, case_at("2026-11-20T12:00+08:00"), "128.00", channel="api"), gateway


def asking(refund):
    return page("refund_ask", refund.pk)


class TestAsking:
    def test_what_was_never_sent_is_sent_and_the_answer_is_taken_in(self, gao, sent):
        refund, system = sent
        system.will_answer(SUCCEEDED)
        client = signed_in(gao)
        assert asking(refund) in text_of(get(client, page("refund_change", refund.pk)))
        done = post(client, asking(refund), at="2026-11-23T12:00+08:00")
        assert done.status_code == 302
        assert system.calls == [("refund", refund.refund_no)]
        refund.refresh_from_db()
        assert (refund.status, refund.is_verified, refund.reference) == ("succeeded", True, "2026112022001")
        assert refund.refund_case.status == "refunded"
        assert "The payment system says: refunded." in text_of(get(client, done.url))
        assert asking(refund) not in text_of(get(client, done.url))

    def test_what_was_sent_is_asked_about_and_sent_again_only_when_it_never_arrived(self, gao, sent):
        refund, system = sent
        system.will_answer(UNKNOWN, UNKNOWN, ABSENT, SUCCEEDED)
        client = signed_in(gao)
        post(client, asking(refund))
        told = post(client, asking(refund), at="2026-11-23T10:01+08:00")
        assert "does not say yet" in text_of(get(client, told.url))
        refund.refresh_from_db()
        assert (refund.status, refund.asked) == ("processing", 2)
        assert refund.ask_at > moment("2026-11-23T10:01+08:00")
        post(client, asking(refund), at="2026-11-23T10:02+08:00")
        assert [what for what, _number in system.calls] == ["refund", "query", "query", "refund"]
        assert {number for _what, number in system.calls} == {refund.refund_no}
        refund.refresh_from_db()
        assert refund.status == "succeeded"

    def test_a_refusal_of_the_payment_system_is_said_with_its_reason(self, gao, sent):
        refund, system = sent
        system.will_answer(FAILED)
        client = signed_in(gao)
        told = text_of(get(client, post(client, asking(refund)).url))
        why = "The trade is closed: the payment system refunds it no more."
        assert f"The payment system says: not refunded. {why}" in told
        assert "ACQ.TRADE_HAS_CLOSE" in told
        refund.refresh_from_db()
        assert refund.status == "failed"

    def test_what_is_known_already_is_not_asked_about(self, gao, sent):
        refund, system = sent
        system.will_answer(SUCCEEDED)
        client = signed_in(gao)
        post(client, asking(refund))
        before = everything()
        refused = post(client, asking(refund))
        assert refused.status_code == 409
        assert "The result of this refund is known already" in text_of(refused)
        assert len(system.calls) == 1
        assert everything() == before

    def test_another_payment_system_than_the_one_that_was_asked_is_not_asked(self, gao, sent):
        refund, system = sent
        system.name = "another"
        before = everything()
        refused = post(signed_in(gao), asking(refund))
        assert refused.status_code == 409
        assert "is not set up here" in text_of(refused)
        assert (system.calls, everything()) == ([], before)

    def test_who_asked_stays_in_the_records_of_the_admin(self, gao, sent):
        refund, system = sent
        system.will_answer(UNKNOWN)
        client = signed_in(gao)
        post(client, asking(refund))
        assert "Asked the payment system: processing" in text_of(get(client, page("refund_history", refund.pk)))

    @pytest.mark.parametrize(
        ("at", "is_in_doubt"),
        [
            ("2026-11-23T10:59:59.999999+08:00", False),
            ("2026-11-23T11:00:00+08:00", True),
            ("2026-11-23T11:00:00.000001+08:00", True),
        ],
    )
    def test_a_refund_is_in_doubt_after_an_hour(self, gao, sent, at, is_in_doubt):
        refund, _system = sent
        client = signed_in(gao)
        listed = text_of(get(client, page("refund_changelist"), at=at, queue="in_doubt"))
        assert (refund.refund_no in listed) == is_in_doubt
        assert get(client, page("refund_change", refund.pk), at=at).context["is_in_doubt"] == is_in_doubt
        numbers = get(client, reverse("admin:index"), at=at).context["money"]
        assert numbers["in_doubt"][0] == int(is_in_doubt)


class TestReversingARefund:
    @pytest.fixture
    def paid(self, account):
        """A case that was paid from the fund: 10.00 from the bonus, 20.00 from the deposit."""
        program = make_program(merchant=account.merchant)
        case = case_at("2026-11-20T12:00+08:00", program=program, amount="30.00")
        return refund_at("2026-11-21T10:00+08:00", case, "30.00")

    def test_what_it_moves_is_shown_first_and_the_case_begins_anew(self, gao, account, paid):
        client, before = signed_in(gao), everything()
        shown = get(client, page("refund_reverse", paid.pk))
        back = shown.context["back"]
        assert (back.deposit, back.bonus) == (Decimal("20.00"), Decimal("10.00"))
        assert "a new round begins, with its whole time" in text_of(shown)
        assert everything() == before
        assert post(client, page("refund_reverse", paid.pk), reason="It bounced.").status_code == 302
        paid.refresh_from_db()
        case = paid.refund_case
        assert (paid.status, paid.failure) == ("reversed", "It bounced.")
        assert (case.status, case.round, case.refund_by) == ("due", 2, moment("2026-11-30T10:00+08:00"))
        assert balance_of(account).deposit == Decimal("100.00")
        story = text_of(get(client, page("refund_change", paid.pk)))
        assert "It bounced." in story
        assert "Gao" in story

    def test_without_a_reason_and_a_second_time_it_is_refused(self, gao, paid):
        client, before = signed_in(gao), everything()
        assert post(client, page("refund_reverse", paid.pk), reason="").status_code == 400
        assert everything() == before
        post(client, page("refund_reverse", paid.pk), reason="It bounced.")
        before = everything()
        refused = post(client, page("refund_reverse", paid.pk), reason="My words.")
        assert refused.status_code == 409
        assert "My words." in text_of(refused)
        assert everything() == before

    def test_of_a_refund_that_the_portal_did_not_pay_no_money_moves(self, gao):
        case = case_at("2026-11-20T12:00+08:00", amount="30.00")
        named = refund_at("2026-11-21T10:00+08:00", case, "10.00", channel="elsewhere", reference="X-1")
        shown = text_of(get(signed_in(gao), page("refund_reverse", named.pk)))
        assert "The portal moves no money" in shown
        assert "due again, within the time that runs" in shown

    def test_of_a_refund_that_handled_a_complaint_nothing_is_said_to_be_due_again(self, gao, paid):
        handle_at("2026-11-21T10:00+08:00", complaint := file_at("2026-11-20T12:00+08:00"))
        client, handled = signed_in(gao), Refund.objects.get(complaint=complaint)
        for shown in (get(client, page(name, handled.pk)) for name in ("refund_change", "refund_reverse")):
            assert "The complaint stays as it is" in text_of(shown)
            assert "due again" not in text_of(shown)
        assert "what it paid is due again" in text_of(get(client, page("refund_change", paid.pk)))


class TestCases:
    def test_what_is_due_first_comes_first_and_what_is_overdue_is_marked(self, chen):
        later = case_at("2026-11-20T10:00+08:00")
        overdue = case_at("2026-11-16T09:59:59+08:00")
        today = case_at("2026-11-16T12:00+08:00")
        client = signed_in(chen)
        shown = get(client, page("refundcase_changelist"))
        assert [case.pk for case in shown.context["cl"].result_list] == [overdue.pk, today.pk, later.pk]
        assert text_of(shown).count("<strong>overdue</strong>") == 1
        for queue, wanted in (
            ("overdue", [overdue]),
            ("today", [today]),
            ("ended", []),
            ("all", [today, overdue, later]),
        ):
            found = rows_of(client, "refundcase", queue=queue)
            assert {case.pk for case in found} == {case.pk for case in wanted}
        numbers = get(client, reverse("admin:index")).context["money"]
        assert (numbers["due_today"], numbers["overdue"]) == ((1, "1"), (1, "1"))

    @pytest.mark.parametrize(
        ("at", "queue"),
        [
            ("2026-11-27T09:59:59.999999+08:00", "today"),
            ("2026-11-27T10:00:00+08:00", "today"),
            ("2026-11-27T10:00:00.000001+08:00", "overdue"),
        ],
    )
    def test_at_its_very_deadline_a_case_is_not_overdue_yet(self, chen, at, queue):
        case_at("2026-11-20T10:00+08:00")
        client = signed_in(chen)
        found = [each for each in ("today", "overdue") if rows_of(client, "refundcase", at=at, queue=each)]
        assert found == [queue]

    def test_what_is_being_processed_stands_still_and_is_not_overdue(self, chen, sent):
        refund, _system = sent
        client = signed_in(chen)
        listed = text_of(get(client, page("refundcase_changelist"), at="2026-12-02T10:00+08:00", queue="processing"))
        assert "stands still" in listed
        shown = get(client, page("refundcase_change", refund.refund_case_id), at="2026-12-02T10:00+08:00")
        assert not shown.context["is_overdue"]
        assert "The clock stands still" in text_of(shown)

    def test_the_page_shows_facts_refunds_claims_and_ways_on(self, chen, account):
        program = make_program(merchant=account.merchant)
        case = case_at("2026-11-20T12:00+08:00", program=program, amount="90.00")
        refund = refund_at("2026-11-21T10:00+08:00", case, "30.00")
        shown = get(signed_in(chen), page("refundcase_change", case.pk))
        assert (shown.context["paid"], shown.context["rest"]) == (Decimal("30.00"), Decimal("60.00"))
        text = text_of(shown)
        assert page("refund_change", refund.pk) in text
        assert "the evidence does not prove it" in text  # why it was ruled so
        assert reverse("admin:complaints_complaint_change", args=[case.complaint_id]) in text
        assert "We looked at it." in text  # the words of the ruling
        assert "Sent again." in text  # what the merchant said

    def test_a_refusal_under_review_is_listed_as_such(self, chen):
        case = case_at("2026-11-20T12:00+08:00")
        member = member_actor(case.merchant)
        picture = make_picture(case.merchant)
        services.refuse(case.pk, "It came.", evidence=[picture], actor=member, now=moment("2026-11-21T10:00+08:00"))
        client = signed_in(chen)
        assert not rows_of(client, "refundcase")
        assert len(rows_of(client, "refundcase", queue="refused")) == 1

    def test_a_choice_that_does_not_exist_is_none(self, chen):
        case_at("2026-11-20T12:00+08:00")
        assert len(rows_of(signed_in(chen), "refundcase", queue="nonsense")) == 1


def test_numbers_are_found(chen, account):
    program = make_program(merchant=account.merchant)
    case = case_at("2026-11-20T12:00+08:00", program=program, amount="30.00")
    refund = refund_at("2026-11-21T10:00+08:00", case, "30.00")
    top_up = account.top_ups.get()
    other = refund_at(
        "2026-11-21T10:00+08:00", case_at("2026-11-20T12:00+08:00"), "1.00", channel="elsewhere", reference="X-1"
    )
    client = signed_in(chen)
    wanted = {
        "refundcase": (case, [case.case_no, case.case_no[:14], case.complaint.complaint_no]),
        "refund": (refund, [refund.refund_no, refund.refund_no[:14], case.case_no, case.complaint.complaint_no,
                            case.complaint.trade_no]),
        "topup": (top_up, [top_up.number, top_up.bank_reference]),
        "refundedtrade": (refund.trade, [refund.trade.trade_no]),
        "guaranteeaccount": (account, ["Orchard", str(account.merchant_id)]),
    }  # fmt: skip
    for name, (row, texts) in wanted.items():
        for text in texts:
            found = rows_of(client, name, q=text, **ALL.get(name, {}))
            assert [each.pk for each in found] == [row.pk], (name, text)
    for text, number in ((top_up.number, 2), (refund.refund_no, 1), (top_up.bank_reference, 2)):
        assert len(rows_of(client, "fundtransfer", q=text)) == number
    assert [each.pk for each in rows_of(client, "refund", q="X-1")] == [other.pk]


def test_an_account_shows_what_it_holds_what_waits_and_its_transfers(chen, account):
    waiting = record_high(chen, account)
    client = signed_in(chen)
    shown = get(client, page("guaranteeaccount_change", account.pk))
    assert shown.context["balance"] == Balance(Decimal("100.00"), Decimal("30.00"), Decimal("30.00"))
    assert shown.context["bonus_left"] == Decimal("9970.00")
    text = text_of(shown)
    assert page("topup_change", waiting.pk) in text
    assert f"{page('fundtransfer_changelist')}?account__id__exact={account.pk}" in text
    assert recording(account) in text
    fund_at("2026-11-20T10:00+08:00", make_merchant(), "5.00")
    listed = rows_of(client, "fundtransfer", account__id__exact=account.pk)
    assert {each.kind for each in listed} == {"top_up", "bonus"}
    assert {each.account_id for each in listed} == {account.pk}


def test_the_index_says_how_many_top_ups_wait(chen, account):
    record_high(chen, account)
    index = get(signed_in(chen), reverse("admin:index"))
    assert index.context["money"]["waiting"] == (1, "1")
    assert f"{page('topup_changelist')}?queue=waiting" in text_of(index)


MODELS = ("refundcase", "refund", "guaranteeaccount", "topup", "fundtransfer", "refundedtrade")
OF_THE_FUND = ("guaranteeaccount", "topup", "fundtransfer", "refundedtrade")


@pytest.fixture
def rows(chen, account):
    """One row of each kind: the first of each."""
    program = make_program(merchant=account.merchant)
    refund_at("2026-11-21T10:00+08:00", case_at("2026-11-20T12:00+08:00", program=program, amount="30.00"), "30.00")
    record_high(chen, account)
    models: tuple[Any, ...] = (RefundCase, Refund, GuaranteeAccount, TopUp, FundTransfer, RefundedTrade)
    return {name: model.objects.earliest("pk") for name, model in zip(MODELS, models, strict=True)}


def verbs(rows):
    waiting = TopUp.objects.get(status="pending")
    return [
        page("topup_record"),
        recording(rows["guaranteeaccount"]),
        page("topup_approve", waiting.pk),
        page("topup_decline", waiting.pk),
        page("topup_reverse", rows["topup"].pk),
        page("refund_ask", rows["refund"].pk),
        page("refund_reverse", rows["refund"].pk),
    ]


def test_auditors_read_all_and_change_nothing(rows):
    client, before = signed_in(member_of("auditor", "Zhao")), everything()
    for name, row in rows.items():
        assert row in rows_of(client, name, **ALL.get(name, {}))
        shown = get(client, page(f"{name}_change", row.pk))
        assert shown.status_code == 200
        text = text_of(shown)
        assert not any(address in text for address in verbs(rows)), name
    assert page("topup_record") not in text_of(get(client, page("topup_changelist")))
    for address in verbs(rows):
        refused = post(client, address, reason="Because.", amount="1.00", bank_reference="B-9", confirm="1")
        assert refused.status_code in (403, 409), address
    chosen = {"action": "approve_chosen", "_selected_action": [TopUp.objects.get(status="pending").pk]}
    post(client, page("topup_changelist"), **chosen)
    assert everything() == before


def test_reviewers_see_cases_but_no_fund(rows):
    client, before = signed_in(member_of("reviewer", "Li")), everything()
    for name, row in rows.items():
        wanted = 403 if name in OF_THE_FUND else 200
        assert get(client, page(f"{name}_changelist")).status_code == wanted, name
        assert get(client, page(f"{name}_change", row.pk)).status_code == wanted, name
    assert "How money moved" not in text_of(get(client, page("refund_change", rows["refund"].pk)))
    index = text_of(get(client, reverse("admin:index")))
    assert "refunds in doubt" in index
    assert "top-ups waiting" not in index
    for address in verbs(rows):
        assert post(client, address, reason="Because.").status_code in (403, 409), address
    assert everything() == before


def test_who_has_no_rights_sees_nothing(rows):
    user = member_of("ops", "Nobody")
    user.groups.clear()
    client, before = signed_in(user), everything()
    for name, row in rows.items():
        assert get(client, page(f"{name}_changelist")).status_code == 403
        assert get(client, page(f"{name}_change", row.pk)).status_code == 403
    for address in verbs(rows):
        assert get(client, address).status_code == 403
        assert post(client, address, reason="Because.").status_code == 403
    assert not get(client, reverse("admin:index")).context["money"]
    assert everything() == before


def test_nothing_is_sent_to_a_records_own_address(gao, rows):
    client, before = signed_in(gao), everything()
    for name, row in rows.items():
        assert post(client, page(f"{name}_change", row.pk), status="x").status_code == 403
        assert post(client, page(f"{name}_delete", row.pk), post="yes").status_code == 403
        assert post(client, page(f"{name}_add")).status_code == 403
        missing = get(client, page(f"{name}_change", 10**9))
        assert missing.status_code == 302
    assert everything() == before


@pytest.mark.parametrize("name", MODELS)
def test_a_list_asks_few_questions_and_no_more_when_it_is_longer(gao, rows, name):
    client = signed_in(gao)
    few = questions(client, page(f"{name}_changelist"), **ALL.get(name, {}))
    assert len(few) <= 9, few
    counts = [sql for sql in few if "COUNT(" in sql and f"refunds_{name}" in sql]
    assert counts
    assert all("LIMIT" in sql and "SUM(" not in sql for sql in counts)
    for number in range(3):
        program = make_program()
        fund_at(moment("2026-11-20T10:00+08:00") + timedelta(minutes=number), program.merchant, "100.00")
        refund_at("2026-11-21T10:00+08:00", case_at("2026-11-20T12:00+08:00", program=program), "30.00")
    assert len(questions(client, page(f"{name}_changelist"), **ALL.get(name, {}))) == len(few)


def test_the_pages_ask_no_more_questions_when_there_is_more_to_show(gao, account):
    program = make_program(merchant=account.merchant)
    case = case_at("2026-11-20T12:00+08:00", program=program, amount="60.00")
    refund_at("2026-11-21T10:00+08:00", case, "10.00")
    client = signed_in(gao)
    pages = (page("refundcase_change", case.pk), page("guaranteeaccount_change", account.pk))
    before = [len(questions(client, address)) for address in pages]
    for number in range(3):
        refund_at(f"2026-11-21T11:0{number}+08:00", case, "10.00")
        fund_at(f"2026-11-21T12:0{number}+08:00", account.merchant, "10.00")
    assert [len(questions(client, address)) for address in pages] == before


def questions(client, address, **query):
    with CaptureQueriesContext(connection) as asked:
        assert get(client, address, **query).status_code == 200
    return [query["sql"] for query in asked]


def test_the_lists_are_served_by_their_indexes(account):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        for index, sql in {
            "refund_case_due_for_staff": "refunds_refundcase WHERE status = 'due' ORDER BY refund_by, id LIMIT 50",
            "refund_by_number": "refunds_refund WHERE refund_no LIKE '20261123%' LIMIT 50",
            "trade_by_number": "refunds_refundedtrade WHERE trade_no LIKE '20261123%' LIMIT 50",
            "top_up_waiting": "refunds_topup WHERE status = 'pending' ORDER BY requested_at, id LIMIT 50",
        }.items():
            cursor.execute(f"EXPLAIN SELECT * FROM {sql}")
            assert index in str(cursor.fetchall())
