"""Top-ups: bank transfers with four eyes, online payments until they are known, and taking one back."""

from decimal import Decimal

import pytest

from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.tests.factories import STAFF, make_merchant, member_actor, moment
from merchants.models import Grant
from refunds import services
from refunds.fund import Balance, balance_of
from refunds.gateways import Answer, Outcome
from refunds.models import FundTransfer, TopUp
from refunds.permissions import APPROVE, RECORD
from refunds.tests.checking import events, everything, refused
from refunds.tests.fakes import ABSENT, FAILED, SUCCEEDED, UNKNOWN
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

AT = "2026-11-20T05:00Z"
LATER = "2026-11-20T06:00Z"
BAD_AMOUNTS = ["0", "-1", "0.001", "100.005", "NaN", "sNaN", "Infinity", "-Infinity", "1E+30", "10000000.01"]


@pytest.fixture
def account():
    merchant = make_merchant()
    return services.enrol(merchant.pk, actor=member_actor(merchant), now=moment(AT))


def record(account, amount: str, *, by=None, reference: str = "B-1", at: str = AT) -> TopUp:
    by = by or staff()
    return services.record_top_up(account.pk, Decimal(amount), bank_reference=reference, actor=by, now=moment(at))


def online(account, amount: str = "100.00") -> TopUp:
    member = member_actor(account.merchant)
    return services.start_online_top_up(account.merchant_id, Decimal(amount), actor=member, now=moment(AT))


# Bank transfers.


@pytest.mark.parametrize(
    ("amount", "status"), [("49999.99", "credited"), ("50000.00", "credited"), ("50000.01", "pending")]
)
def test_a_transfer_above_the_policys_sum_waits_for_a_second_person(account, amount, status):
    top_up = record(account, amount)
    assert top_up.status == status
    assert balance_of(account).deposit == (Decimal(amount) if status == "credited" else 0)
    assert events(AT)[1:] == [{"credited": "fund.topped_up", "pending": "fund.recorded"}[status]]


def test_a_changed_sum_holds_for_transfers_after_it(account, policy_file):
    policy_file('[[policy]]\nsince = 2026-11-21T00:00:00Z\ntop_up_four_eyes = "100.00"\n')
    assert record(account, "100.01", at="2026-11-20T23:59:59.999999Z").status == "credited"
    assert record(account, "100.01", reference="B-2", at="2026-11-21T00:00Z").status == "pending"


def test_a_second_person_approves(account):
    top_up = record(account, "60000.00", by=staff("Li"))
    wang = staff("Wang")
    services.approve_top_up(top_up.pk, actor=wang, now=moment(LATER))
    top_up.refresh_from_db()
    assert (top_up.status, top_up.decided_by_id, top_up.ended_at) == ("credited", wang.id, moment(LATER))
    assert balance_of(account) == Balance(Decimal("60000.00"), Decimal("10000.00"), Decimal("10000.00"))
    assert {each.actor_name for each in FundTransfer.objects.all()} == {"Wang"}
    refused(IllegalMove, services.approve_top_up, top_up.pk, actor=wang, now=moment(LATER))
    refused(IllegalMove, services.decline_top_up, top_up.pk, reason="So.", actor=wang, now=moment(LATER))


def test_a_second_person_declines_with_a_reason_and_the_reference_can_be_recorded_again(account):
    top_up = record(account, "60000.00", by=staff("Li"))
    wang = staff("Wang")
    now = moment(LATER)
    assert refused(BadInput, services.decline_top_up, top_up.pk, reason=" ", actor=wang, now=now).field == "reason"
    services.decline_top_up(top_up.pk, reason=" A typing error. ", actor=wang, now=now)
    top_up.refresh_from_db()
    assert (top_up.status, top_up.reason) == ("declined", "A typing error.")
    assert balance_of(account) == Balance()
    refused(IllegalMove, services.approve_top_up, top_up.pk, actor=wang, now=now)
    assert record(account, "6000.00", at=LATER).status == "credited"


def test_nobody_looks_twice_at_what_they_recorded(account):
    li = staff("Li")
    waiting = record(account, "60000.00", by=li)
    credited = record(account, "100.00", by=li, reference="B-2")
    now = moment(LATER)
    assert refused(NotAllowed, services.approve_top_up, waiting.pk, actor=li, now=now).code == "four_eyes"
    for verb, top_up in ((services.decline_top_up, waiting), (services.reverse_top_up, credited)):
        assert refused(NotAllowed, verb, top_up.pk, reason="So.", actor=li, now=now).code == "four_eyes"


def test_each_part_needs_its_permission(account):
    record_only, approve_only = staff("Li", RECORD), staff("Wang", APPROVE)
    top_up = record(account, "60000.00", by=record_only)
    now = moment(LATER)
    more = {"amount": Decimal("1.00"), "bank_reference": "B-9", "now": now}
    for actor in (approve_only, STAFF, member_actor(account.merchant)):
        refused(NotAllowed, services.record_top_up, account.pk, actor=actor, **more)
    for actor in (staff("Zhao", RECORD), STAFF, member_actor(account.merchant)):
        refused(NotAllowed, services.approve_top_up, top_up.pk, actor=actor, now=now)
        refused(NotAllowed, services.decline_top_up, top_up.pk, reason="So.", actor=actor, now=now)
    services.approve_top_up(top_up.pk, actor=approve_only, now=now)
    for actor in (staff("Zhao", RECORD), STAFF, member_actor(account.merchant)):
        refused(NotAllowed, services.reverse_top_up, top_up.pk, reason="So.", actor=actor, now=now)


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_an_amount_that_is_none_is_refused(account, amount):
    record_it = {"bank_reference": "B-1", "actor": staff(), "now": moment(AT)}
    assert refused(BadInput, services.record_top_up, account.pk, Decimal(amount), **record_it).field == "amount"
    start = {"actor": member_actor(account.merchant), "now": moment(AT)}
    start_it = services.start_online_top_up
    assert refused(BadInput, start_it, account.merchant_id, Decimal(amount), **start).field == "amount"


@pytest.mark.parametrize("reference", ["", "  ", "B" * 65])
def test_a_reference_that_is_none_is_refused(account, reference):
    refusal = refused(
        BadInput,
        services.record_top_up,
        account.pk,
        Decimal("1.00"),
        bank_reference=reference,
        actor=staff(),
        now=moment(AT),
    )
    assert refusal.field == "bank_reference"


def test_the_same_transfer_is_recorded_once(account):
    record(account, "100.00")
    other = fund_at(AT, make_merchant(), "1.00")
    for target in (account, other):
        for reference in ("B-1", " B-1 "):
            again = refused(
                BadInput,
                services.record_top_up,
                target.pk,
                Decimal("100.00"),
                bank_reference=reference,
                actor=staff(),
                now=moment(LATER),
            )
            assert again.field == "bank_reference"


# Taken back.


def test_a_top_up_is_taken_back_with_its_bonus(account):
    record(account, "100.00")
    second = record(account, "200.00", reference="B-2")
    by = staff("Wang")
    services.reverse_top_up(second.pk, reason=" It bounced. ", actor=by, now=moment(LATER))
    second.refresh_from_db()
    assert (second.status, second.reason, second.decided_by_id) == ("reversed", "It bounced.", by.id)
    assert balance_of(account) == Balance(Decimal("100.00"), Decimal("30.00"), Decimal("30.00"))
    assert FundTransfer.objects.filter(kind="reversal", top_up=second).count() == 2
    refused(IllegalMove, services.reverse_top_up, second.pk, reason="So.", actor=by, now=moment(LATER))
    assert record(account, "200.00", reference="B-2", at=LATER).status == "credited"


def test_what_a_reversal_gave_back_of_the_bonus_can_be_granted_again(account):
    first = record(account, "40000.00")
    assert balance_of(account).granted == Decimal("10000.00")
    services.reverse_top_up(first.pk, reason="It bounced.", actor=staff(), now=moment(LATER))
    record(account, "100.00", reference="B-2")
    assert balance_of(account) == Balance(Decimal("100.00"), Decimal("30.00"), Decimal("30.00"))


def test_a_top_up_of_which_a_part_is_spent_is_not_taken_back():
    case = case_at(AT, amount="100.00")
    account = fund_at(AT, case.merchant, "200.00")
    refund_at(LATER, case, "0.02")  # the deposit alone: 0.00 from the bonus
    top_up = TopUp.objects.get()
    by, now = staff("Wang"), moment(LATER)
    spent = refused(IllegalMove, services.reverse_top_up, top_up.pk, reason="So.", actor=by, now=now)
    assert (spent.code, "¥0.02 and ¥0.00 of bonus" in str(spent)) == ("spent_already", True)
    record(account, "0.02")
    services.reverse_top_up(top_up.pk, reason="So.", actor=by, now=now)
    assert balance_of(account) == Balance()


def test_a_bonus_that_is_spent_is_not_taken_back():
    case = case_at(AT, amount="30.00")
    account = fund_at(AT, case.merchant, "100.00")
    refund_at(LATER, case, "30.00")
    record(account, "20.00")
    top_up = TopUp.objects.earliest("pk")
    by, now = staff("Wang"), moment(LATER)
    spent = refused(IllegalMove, services.reverse_top_up, top_up.pk, reason="So.", actor=by, now=now)
    assert "¥0.00 and ¥4.00 of bonus" in str(spent)


def test_what_was_not_credited_is_not_taken_back(account):
    top_up = record(account, "60000.00")
    refused(IllegalMove, services.reverse_top_up, top_up.pk, reason="So.", actor=staff(), now=moment(LATER))


# Online.


def test_an_online_payment_is_credited_when_the_system_says_so(account):
    top_up = online(account)
    assert (top_up.status, top_up.ask_at) == ("pending", moment("2026-11-20T05:00:30Z"))
    assert balance_of(account) == Balance()
    services.learn_payment(
        top_up.pk, Answer(Outcome.SUCCEEDED, reference="R" * 200, amount=Decimal("100.00")), now=moment(LATER)
    )
    top_up.refresh_from_db()
    assert (top_up.status, top_up.ended_at, top_up.ask_at) == ("credited", moment(LATER), None)
    assert balance_of(account) == Balance(Decimal("100.00"), Decimal("30.00"), Decimal("30.00"))
    before = everything()
    for answer in (SUCCEEDED, FAILED, UNKNOWN, ABSENT):
        services.learn_payment(top_up.pk, answer, now=moment(LATER))
    assert everything() == before


def test_without_the_plan_or_the_grant_nothing_is_paid_online(account):
    outside = make_merchant()
    start, amount, now = services.start_online_top_up, Decimal("1.00"), moment(AT)
    refusal = refused(IllegalMove, start, outside.pk, amount, actor=member_actor(outside), now=now)
    assert refusal.code == "not_enrolled"
    for actor in (member_actor(account.merchant, Grant.VIEW, Grant.REFUND), member_actor(outside), staff()):
        refused(NotAllowed, start, account.merchant_id, amount, actor=actor, now=now)


def test_a_payment_that_was_closed_is_declined(account):
    top_up = online(account)
    services.learn_payment(top_up.pk, FAILED, now=moment(LATER))
    top_up.refresh_from_db()
    assert (top_up.status, top_up.reason, top_up.ask_at) == ("declined", "The trade is closed.", None)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-11-21T04:59:59.999999Z", "pending"),
        ("2026-11-21T05:00:00Z", "declined"),
        ("2026-11-21T05:00:00.000001Z", "declined"),
    ],
)
def test_a_payment_page_that_nobody_opened_is_given_up_after_a_day(account, at, status):
    top_up = online(account)
    services.learn_payment(top_up.pk, ABSENT, now=moment(at))
    top_up.refresh_from_db()
    assert top_up.status == status


def test_without_an_answer_nothing_is_given_up(account):
    top_up = online(account)
    services.learn_payment(top_up.pk, UNKNOWN, now=moment("2026-12-20T05:00Z"))
    top_up.refresh_from_db()
    assert (top_up.status, top_up.ask_at) == ("pending", moment("2026-12-20T05:00:30Z"))


def test_a_payment_of_another_amount_is_left_to_staff(account):
    top_up = online(account)
    services.learn_payment(top_up.pk, Answer(Outcome.SUCCEEDED, amount=Decimal("99.99")), now=moment(LATER))
    top_up.refresh_from_db()
    assert (top_up.status, top_up.ask_at, balance_of(account)) == ("pending", None, Balance())
    assert "¥99.99" in top_up.reason
    services.decline_top_up(top_up.pk, reason="Recorded as B-7.", actor=staff(), now=moment(LATER))


def test_staff_neither_credit_nor_decline_what_may_still_be_paid_online(account):
    """Money that nobody paid must not be credited, and what is declined is asked about no more."""
    top_up = online(account)
    by, now = staff(), moment(LATER)
    assert refused(IllegalMove, services.approve_top_up, top_up.pk, actor=by, now=now).code == "paid_online"
    refusal = refused(IllegalMove, services.decline_top_up, top_up.pk, reason="So.", actor=by, now=now)
    assert refusal.code == "paid_online"
    services.learn_payment(top_up.pk, Answer(Outcome.SUCCEEDED, amount=Decimal("1.00")), now=now)
    assert refused(IllegalMove, services.approve_top_up, top_up.pk, actor=by, now=now).code == "paid_online"


def test_an_online_payment_is_taken_back(account):
    top_up = online(account)
    services.learn_payment(top_up.pk, SUCCEEDED, now=moment(LATER))
    services.reverse_top_up(top_up.pk, reason="Charged back.", actor=staff(), now=moment(LATER))
    assert balance_of(account) == Balance()
