"""Two at the same moment, on two real connections; beside each, what happens without the lock."""

from decimal import Decimal
from functools import partial
from threading import Barrier, Event

import pytest
from django.db import IntegrityError

from common.errors import BadInput, Conflict, IllegalMove
from complaints import services as complaints
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_merchant,
    make_picture,
    make_program,
    member_actor,
    moment,
)
from deadlines.models import Deadline
from deadlines.services import stop_clock
from deadlines.tests.publishing import publish_the_known_years
from refunds import cases, fund, refunding, services, top_ups
from refunds.fund import balance_of
from refunds.models import FundTransfer, GuaranteeAccount, NoRefundClaim, Refund, RefundCase, RefundedTrade, TopUp
from refunds.tests.checking import lines, penalties, sweep
from refunds.tests.fakes import FAILED, SUCCEEDED
from refunds.tests.making import case_at, claim_at, fund_at, refund_at, staff
from refunds.tests.racing import PATIENCE, at_once, collide, meeting, split_outcomes

pytestmark = pytest.mark.django_db(transaction=True)

FILED = "2026-11-20T02:00Z"
RULED = "2026-11-20T05:00Z"
AT = "2026-11-21T05:00Z"
REFUND_BY = "2026-11-27T05:00:00Z"
JUST_AFTER = "2026-11-27T05:00:00.000001Z"
ROUNDS = 6


@pytest.fixture(autouse=True)
def _calendar(transactional_db):
    publish_the_known_years()


def half_case(program=None) -> RefundCase:
    """50 yuan of a trade of 128 are due: two such refunds would fit into the trade."""
    complaint = file_at(FILED, program, requested_refund_amount=Decimal("50.00"))
    by = staff()
    claim = claim_at(FILED, complaint)
    services.claim(claim.pk, actor=by, now=moment(RULED))
    services.overrule(claim.pk, services.Ruling(reason_code="not_proven", message="So."), actor=by, now=moment(RULED))
    return RefundCase.objects.get(complaint=complaint)


def elsewhere(case: RefundCase, number: int, key: str = "", amount: str = "50.00"):
    picture = make_picture(case.merchant)
    given = services.RefundInput(
        channel="elsewhere",
        amount=Decimal(amount),
        request_key=key or f"wish-{case.pk}-{number}",
        reference=f"R-{number}",
        evidence=(picture,),
    )
    return partial(services.refund, case.pk, given, actor=member_actor(case.merchant), now=moment(AT))


def from_fund(case: RefundCase, number: int, amount: str, at: str = AT):
    given = services.RefundInput(channel="fund", amount=Decimal(amount), request_key=f"wish-{case.pk}-{number}")
    return partial(services.refund, case.pk, given, actor=member_actor(case.merchant), now=moment(at))


def complaint_of(case: RefundCase):
    return Complaint.objects.filter(pk=case.complaint_id)


def unlocked(model):
    """Look without a lock, as a verb would that forgot it."""
    return lambda pk: model.objects.get(pk=pk)


def unlocked_case(case_id: int) -> RefundCase:
    return RefundCase.objects.select_related("complaint").get(pk=case_id)


# One case, refunded twice.


def test_two_refunds_of_one_case_at_once_refund_it_once():
    program = make_program()
    for _ in range(ROUNDS):
        case = half_case(program)
        made, refusals = split_outcomes(collide(complaint_of(case), elsewhere(case, 1), elsewhere(case, 2)))
        assert (len(made), [type(each) for each in refusals]) == (1, [IllegalMove])
        assert cases.sum_of_refunds(case) == Decimal("50.00")
        assert lines("refund_case", case) == [("open", "", "due"), ("refund", "due", "refunded")]


def test_without_the_lock_of_the_case_it_is_refunded_twice(monkeypatch):
    case = half_case()
    monkeypatch.setattr(cases, "lock", unlocked_case)
    monkeypatch.setattr(cases, "rest_of", meeting(cases.rest_of))
    made, refusals = split_outcomes(at_once(elsewhere(case, 1), elsewhere(case, 2)))
    assert (len(made), refusals) == (2, [])
    assert cases.sum_of_refunds(case) == Decimal("100.00")


def test_one_request_sent_many_times_at_once_is_one_refund():
    program = make_program()
    fund_at(FILED, program.merchant, "10000.00")
    for _ in range(ROUNDS // 2):
        case = half_case(program)
        double_click = from_fund(case, 1, "20.00")
        outcomes = collide(complaint_of(case), *[double_click] * 4)
        assert {type(each) for each in outcomes} == {Refund}
        assert len({each.pk for each in outcomes}) == 1
        assert case.refunds.count() == 1
    assert FundTransfer.objects.filter(kind="refund").count() == ROUNDS // 2


def test_the_same_key_for_two_cases_at_once_is_refused_in_words(monkeypatch):
    """The two lock different cases, so only the database sees that they are one wish."""
    program = make_program()
    first, second = half_case(program), half_case(program)
    monkeypatch.setattr(refunding, "_same_request", meeting(refunding._same_request))
    outcomes = at_once(elsewhere(first, 1, "wish"), elsewhere(second, 2, "wish"))
    made, (refusal,) = split_outcomes(outcomes)
    assert (len(made), type(refusal), refusal.code) == (1, Conflict, "request_key_used")
    assert Refund.objects.count() == 1
    assert RefundedTrade.objects.filter(refunded__gt=0).count() == 1


# One trade, two complaints about it.


def case_and_other(program) -> tuple[RefundCase, Complaint]:
    """All of a trade is due for one complaint, and another about it waits to be handled."""
    case = case_at(RULED, program=program, handled_at=FILED)
    return case, file_at(FILED, program, trade_no=case.complaint.trade_no)


def handling(complaint: Complaint, amount: str):
    return partial(handle_at, AT, complaint, refund_amount=Decimal(amount), refund_reference="R-9")


def test_two_refunds_of_one_trade_at_once_never_refund_more_than_it_cost():
    program = make_program()
    winners = set()
    for number in range(ROUNDS):
        case, other = case_and_other(program)
        calls = [elsewhere(case, 1, amount="100.00"), handling(other, "100.00")]
        if number % 2:
            calls.reverse()
        trade = RefundedTrade.objects.filter(trade_no=other.trade_no)
        made, (refusal,) = split_outcomes(collide(trade, *calls))
        assert isinstance(refusal, BadInput)
        assert refusal.code == "above_the_trade"
        assert trade.get().refunded == Decimal("100.00")
        winners.add(type(made[0]))
    assert len(winners) == 2, "the race never went both ways"


def test_without_the_lock_of_the_trade_more_is_refunded_than_it_cost(monkeypatch):
    case, other = case_and_other(make_program())

    def look(complaint: Complaint) -> RefundedTrade:
        return RefundedTrade.objects.get(merchant_id=complaint.merchant_id, trade_no=complaint.trade_no)

    monkeypatch.setattr(refunding, "lock_trade", meeting(look))
    made, refusals = split_outcomes(at_once(elsewhere(case, 1, amount="100.00"), handling(other, "100.00")))
    assert (len(made), refusals) == (2, [])
    assert sum(each.amount for each in Refund.objects.all()) == Decimal("200.00")


def two_claims(program) -> list[NoRefundClaim]:
    trade_no = f"T-{NoRefundClaim.objects.count()}"
    return [claim_at(FILED, file_at(FILED, program, trade_no=trade_no)) for _ in range(2)]


def overruling(claim: NoRefundClaim):
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(RULED))
    ruling = services.Ruling(reason_code="not_proven", message="So.", amount=Decimal("100.00"))
    return partial(services.overrule, claim.pk, ruling, actor=by, now=moment(RULED))


def test_two_rulings_about_one_trade_at_once_make_no_more_due_than_it_cost():
    program = make_program()
    for _ in range(ROUNDS):
        calls = [overruling(claim) for claim in two_claims(program)]
        made, (refusal,) = split_outcomes(at_once(*calls))
        assert (len(made), type(refusal)) == (1, BadInput)
    assert RefundCase.objects.count() == ROUNDS


def test_without_the_lock_of_the_trade_both_rulings_make_it_due(monkeypatch):
    calls = [overruling(claim) for claim in two_claims(make_program())]
    monkeypatch.setattr(refunding, "lock_trade", lambda complaint: None)
    monkeypatch.setattr("refunds.claims.refundable", meeting(refunding_rest))
    made, refusals = split_outcomes(at_once(*calls))
    assert (len(made), refusals) == (2, [])


def refunding_rest(complaint: Complaint) -> Decimal:
    return complaint.trade_amount


# A refund beside a refusal, a withdrawal, the sweep.


def refusing(case: RefundCase):
    picture = make_picture(case.merchant)
    return partial(
        services.refuse, case.pk, "It came.", evidence=[picture], actor=member_actor(case.merchant), now=moment(AT)
    )


def test_of_a_refund_and_a_refusal_at_once_one_wins():
    program = make_program()
    statuses = set()
    for number in range(ROUNDS):
        case = half_case(program)
        calls = [elsewhere(case, 1), refusing(case)]
        if number % 2:
            calls.reverse()
        made, (refusal,) = split_outcomes(collide(complaint_of(case), *calls))
        assert (len(made), type(refusal)) == (1, IllegalMove)
        case.refresh_from_db()
        assert (case.status, case.refunds.count(), case.refusals.count()) in (("refunded", 1, 0), ("refused", 0, 1))
        statuses.add(case.status)
    assert statuses == {"refunded", "refused"}


def test_without_the_lock_a_refund_is_made_and_refused(monkeypatch):
    case = half_case()
    monkeypatch.setattr(cases, "lock", meeting(unlocked_case))
    made, refusals = split_outcomes(at_once(elsewhere(case, 1), refusing(case)))
    assert (len(made), refusals) == (2, [])
    assert (case.refunds.count(), case.refusals.count()) == (1, 1)


def test_of_a_refund_and_a_withdrawal_at_once_one_wins():
    program = make_program()
    statuses = set()
    for number in range(ROUNDS):
        case = half_case(program)
        actor = consumer_actor(case.complaint)
        cancel = partial(complaints.cancel, case.complaint_id, reason="", actor=actor, now=moment(AT))
        calls = [elsewhere(case, 1), cancel]
        if number % 2:
            calls.reverse()
        made, (refusal,) = split_outcomes(collide(complaint_of(case), *calls))
        assert (len(made), type(refusal)) == (1, IllegalMove)
        case.refresh_from_db()
        found = (case.status, complaint_of(case).get().status, case.refunds.count())
        assert found in (("refunded", "finished", 1), ("waived", "cancelled", 0))
        statuses.add(case.status)
    assert statuses == {"refunded", "waived"}


def test_of_a_refund_at_the_last_moment_and_the_sweep_exactly_one_wins(monkeypatch):
    """The refund is made in any case; it was in time, or there is a penalty, and never both or neither."""
    program = make_program()
    fund_at(FILED, program.merchant, "100000.00")
    outcomes = []
    for number in range(ROUNDS * 3):
        case = half_case(program)
        who = ("the refund", "the sweep", "whoever comes")[number % 3]
        course = {"who": who, "gate": Barrier(2), "stopped": Event(), "swept": Event()}

        def stop(*arguments, course=course, **options):
            course["gate"].wait(PATIENCE)
            if course["who"] == "the sweep":
                course["swept"].wait(PATIENCE)
            found = stop_clock(*arguments, **options)
            course["stopped"].set()
            return found

        def sweeping(course=course) -> None:
            course["gate"].wait(PATIENCE)
            if course["who"] == "the refund":
                course["stopped"].wait(PATIENCE)
            sweep("refund", JUST_AFTER)
            course["swept"].set()

        monkeypatch.setattr(cases, "stop_clock", stop)
        made, _ = at_once(from_fund(case, 1, "50.00", REFUND_BY), sweeping)
        assert made.status == "succeeded"
        sweep("refund", JUST_AFTER)  # what the racing sweep stepped over because it was in use
        case.refresh_from_db()
        assert case.status == "refunded"
        outcomes.append((case.stopped_at is not None, penalties(case)))
    assert set(outcomes) == {(True, 0), (False, 1)}, f"it went one way only, or both won: {set(outcomes)}"


def test_without_the_lock_of_the_clock_both_stop_it(monkeypatch):
    """Looked at and removed afterwards, the same clock is stopped in time and swept."""
    case = half_case()
    look = meeting(lambda: Deadline.objects.filter(kind="refund", subject_id=case.pk).exists())

    def look_and_take():
        runs = look()
        stop_clock(Deadline.Kind.REFUND, case.pk, now=moment(REFUND_BY))
        return runs

    assert at_once(look_and_take, look_and_take) == [True, True]


# Money.


def waiting_top_up() -> TopUp:
    account = fund_at(FILED, make_merchant(), "1.00")
    reference = f"wait-{account.pk}"
    return services.record_top_up(
        account.pk, Decimal("60000.00"), bank_reference=reference, actor=staff(), now=moment(RULED)
    )


def approving(top_up: TopUp):
    return partial(services.approve_top_up, top_up.pk, actor=staff(), now=moment(AT))


def test_two_approvals_at_once_credit_once():
    for _ in range(ROUNDS // 2):
        top_up = waiting_top_up()
        rows = TopUp.objects.filter(pk=top_up.pk)
        made, (refusal,) = split_outcomes(collide(rows, approving(top_up), approving(top_up)))
        assert (len(made), type(refusal), refusal.code) == (1, IllegalMove, "illegal_move")
        assert balance_of(top_up.account_id).deposit == Decimal("60001.00")


def test_without_the_lock_both_approve_and_only_the_database_stops_the_second(monkeypatch):
    top_up = waiting_top_up()
    look = meeting(lambda top_up_id, verb, actor: TopUp.objects.get(pk=top_up_id))
    monkeypatch.setattr(top_ups, "_lock_to_decide", look)
    made, (refusal,) = split_outcomes(at_once(approving(top_up), approving(top_up)))
    assert (len(made), refusal.code) == (1, "moved_already")


def nearly_enough() -> tuple[GuaranteeAccount, RefundCase, RefundCase]:
    """Two refunds of 50 yuan and a fund that holds 99.99 in all."""
    program = make_program()
    account = fund_at(FILED, program.merchant, "76.92")  # with 23.07 of bonus
    return account, half_case(program), half_case(program)


def test_two_refunds_that_the_fund_covers_one_by_one_but_not_together():
    """Each takes 33.34 from the deposit and 16.66 from the bonus; for both together a cent is missing."""
    for _ in range(ROUNDS):
        account, first, second = nearly_enough()
        rows = GuaranteeAccount.objects.filter(pk=account.pk)
        made, (refusal,) = split_outcomes(collide(rows, from_fund(first, 1, "50.00"), from_fund(second, 1, "50.00")))
        assert (len(made), type(refusal), refusal.code) == (1, IllegalMove, "fund_short")
        assert "short by ¥0.01" in str(refusal)
        assert balance_of(account) == fund.Balance(Decimal("43.58"), Decimal("6.41"), Decimal("23.07"))


def test_without_the_lock_of_the_account_both_pass_the_check(monkeypatch):
    account, first, second = nearly_enough()
    look = GuaranteeAccount.objects.filter
    monkeypatch.setattr(fund, "lock_account", lambda merchant_id: look(merchant_id=merchant_id).first())
    monkeypatch.setattr(fund, "balance_of", meeting(balance_of))
    made, refusals = split_outcomes(at_once(from_fund(first, 1, "50.00"), from_fund(second, 1, "50.00")))
    if refusals:  # the database looked at the sum as the second one was committed
        assert [type(each) for each in refusals] == [IntegrityError]
        assert "overdrawn" in str(refusals[0])
    else:
        assert len(made) == 2
        held = balance_of(account)
        assert min(held.deposit, held.bonus) < 0


def requested() -> Refund:
    return refund_at(AT, half_case(), "50.00", channel="api")


def learning(made: Refund, answer):
    return partial(services.learn, made.pk, answer, now=moment(AT))


def ends(made: Refund) -> list[str]:
    found = HistoryLine.objects.filter(noun="refund", noun_id=made.pk, verb__in=["succeed", "fail"])
    return list(found.values_list("verb", flat=True))


def test_two_answers_at_once_are_taken_in_once(gateway):
    statuses = set()
    for number in range(ROUNDS):
        made = requested()
        answers = [SUCCEEDED, FAILED] if number % 2 else [FAILED, SUCCEEDED]
        rows = Complaint.objects.filter(pk=made.complaint_id)
        outcomes = collide(rows, *[learning(made, answer) for answer in answers])
        assert len({each.status for each in outcomes}) == 1
        assert len(ends(made)) == 1
        made.refresh_from_db()
        trade = RefundedTrade.objects.get(pk=made.trade_id)
        assert trade.refunded == (Decimal("50.00") if made.status == "succeeded" else 0)
        statuses.add(made.status)
    assert statuses == {"succeeded", "failed"}


def test_without_the_lock_both_answers_are_taken_in(gateway, monkeypatch):
    made = requested()

    def look(refund_id: int) -> Refund:
        return Refund.objects.select_related("refund_case__complaint", "complaint").get(pk=refund_id)

    monkeypatch.setattr(refunding, "_lock", meeting(look))
    at_once(learning(made, SUCCEEDED), learning(made, FAILED))
    assert sorted(ends(made)) == ["fail", "succeed"]


def handling_from_fund(complaint: Complaint):
    return partial(handle_at, AT, complaint, "fund_refund", refund_amount=Decimal("100.00"), refund_reference="")


def test_a_complaint_handled_from_the_fund_twice_at_once_is_paid_once():
    program = make_program()
    account = fund_at(FILED, program.merchant, "10000.00")
    for number in range(1, ROUNDS + 1):
        complaint = file_at(FILED, program)
        rows = Complaint.objects.filter(pk=complaint.pk)
        made, (refusal,) = split_outcomes(collide(rows, *[handling_from_fund(complaint)] * 2))
        assert (len(made), type(refusal)) == (1, IllegalMove)
        assert FundTransfer.objects.filter(account=account, kind="refund").count() == number


def test_without_the_lock_both_handle_and_only_the_database_stops_the_second(monkeypatch):
    complaint = file_at(FILED)
    fund_at(FILED, complaint.merchant, "10000.00")
    monkeypatch.setattr(complaints, "lock", meeting(unlocked(Complaint)))
    made, (refusal,) = split_outcomes(at_once(*[handling_from_fund(complaint)] * 2))
    assert (len(made), type(refusal)) == (1, IntegrityError)


def test_joining_the_plan_twice_at_once_makes_one_account():
    for _ in range(ROUNDS):
        merchant = make_merchant()
        join = partial(services.enrol, merchant.pk, actor=member_actor(merchant), now=moment(AT))
        made, (refusal,) = split_outcomes(at_once(join, join))
        assert (len(made), refusal.code) == (1, "enrolled_already")
        assert GuaranteeAccount.objects.filter(merchant=merchant).count() == 1


def test_the_same_bank_transfer_recorded_twice_at_once_is_one_top_up():
    account = fund_at(FILED, make_merchant(), "1.00")
    for number in range(ROUNDS):
        record = partial(
            services.record_top_up, account.pk, Decimal("1.00"), bank_reference=f"B-{number}", now=moment(AT)
        )
        made, (refusal,) = split_outcomes(at_once(partial(record, actor=staff()), partial(record, actor=staff())))
        assert (len(made), type(refusal)) == (1, BadInput)
    assert balance_of(account).deposit == Decimal("1.00") + ROUNDS


def test_refunds_and_reversals_of_one_account_never_wait_for_each_other_crosswise():
    """Two cases of one merchant: one is paid from the fund while a payment of the other comes back."""
    program = make_program()
    account = fund_at(FILED, program.merchant, "100000.00")
    for _ in range(ROUNDS):
        first, second = half_case(program), half_case(program)
        paid = from_fund(second, 0, "20.00")()
        calls = [
            from_fund(first, 1, "50.00"),
            from_fund(second, 2, "10.00"),
            partial(services.reverse_refund, paid.pk, reason="It bounced.", actor=staff(), now=moment(AT)),
        ]
        assert [type(each) for each in at_once(*calls)] == [Refund] * 3
    spent = Decimal("60.00") * ROUNDS
    held = balance_of(account)
    assert held.deposit + held.bonus == Decimal("110000.00") - spent
