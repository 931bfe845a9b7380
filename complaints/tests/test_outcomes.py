"""What became of complaints, as conditions of a list; that each agrees with insights is held by their own tests."""

from datetime import timedelta
from decimal import Decimal

import pytest

from complaints.intake import HandledElsewhere, file_complaints
from complaints.models import Complaint, Method
from complaints.outcomes import NOT_SAID, Outcome, with_outcomes, with_root_causes
from complaints.tests.consumers import asked_at
from complaints.tests.factories import file_at, handle_at, make_filing, make_program, moment, platform_actor
from deadlines.sweeping import run_sweep
from penalties.models import Penalty
from refunds.tests.making import case_at, refund_at

pytestmark = pytest.mark.django_db

FILED = "2026-11-02T10:00+08:00"
IN_TIME = "2026-11-06T10:00+08:00"
LATE = "2026-11-06T10:00:00.000001+08:00"


def found(*outcomes: str) -> set[Complaint]:
    return set(with_outcomes(Complaint.objects.all(), outcomes))


def test_each_outcome_has_a_condition():
    for outcome in Outcome:
        assert found(outcome) == set()


def test_handled_in_time_at_the_very_moment_and_late_after_it():
    program = make_program()
    waiting, in_time, late = (file_at(FILED, program) for _ in range(3))
    handle_at(IN_TIME, in_time)
    handle_at(LATE, late)
    assert found(Outcome.HANDLED) == {in_time, late}
    assert found(Outcome.IN_TIME) == {in_time}
    assert found(Outcome.LATE) == {late}
    assert found(Outcome.HANDLED, Outcome.LATE) == {late}
    assert found() == {waiting, in_time, late}


def test_missed_penalised_and_given_back():
    missed = file_at(FILED)
    handled = file_at("2026-11-02T11:00+08:00")
    handle_at("2026-11-03T11:00+08:00", handled)
    at = moment("2026-11-07T10:00+08:00")
    run_sweep("handle", cut_off=at, issued_at=at, ran_by="test")
    assert found(Outcome.MISSED) == found(Outcome.PENALISED) == {missed}
    assert found(Outcome.GIVEN_BACK) == set()
    Penalty.objects.update(status="revoked", revoked_at=at, revoked_reason="Our fault.")
    assert found(Outcome.GIVEN_BACK) == found(Outcome.MISSED) == {missed}


@pytest.mark.parametrize("few", [0, 3000])
def test_few_penalties_of_a_merchant_are_looked_up_and_many_complaints_read_and_both_find_the_same(few, monkeypatch):
    monkeypatch.setattr("penalties.outcomes.FEW", few)
    program = make_program()
    missed, forgiven = (file_at(FILED, program) for _ in range(2))
    overdue = case_at("2026-11-02T10:00+08:00", program=program).complaint
    file_at("2026-11-10T09:00+08:00", program)
    file_at(FILED)
    at = moment("2026-11-10T10:00+08:00")
    for kind in ("handle", "refund"):
        run_sweep(kind, cut_off=at, issued_at=at, ran_by="test")
    Penalty.objects.filter(complaint=forgiven).update(status="revoked", revoked_at=at, revoked_reason="Our fault.")
    own = Complaint.objects.filter(merchant_id=program.merchant_id)
    assert set(with_outcomes(own, [Outcome.PENALISED], program.merchant_id)) == {missed, forgiven, overdue}
    assert set(with_outcomes(own, [Outcome.GIVEN_BACK], program.merchant_id)) == {forgiven}


def test_an_overdue_refund_cost_points_but_the_complaint_was_not_missed():
    case = case_at("2026-11-02T10:00+08:00")
    at = moment("2026-11-10T10:00+08:00")
    run_sweep("refund", cut_off=at, issued_at=at, ran_by="test")
    assert found(Outcome.PENALISED) == {case.complaint}
    assert found(Outcome.MISSED) == set()


def test_refunded_here_or_elsewhere_before():
    program = make_program()
    case = case_at("2026-11-02T10:00+08:00", program=program)
    assert found(Outcome.REFUNDED) == set()
    refund_at("2026-11-03T10:00+08:00", case, "10.00", channel="elsewhere", reference="R-9")
    now = moment(LATE)
    filings = [
        make_filing(
            program,
            filed_at=now - timedelta(days=2),
            handled=HandledElsewhere(method=Method.OTHER_REFUND, at=now - timedelta(days=1), amount=amount),
        )
        for amount in (Decimal("5.00"), None)
    ]
    taken_in = file_complaints(
        filings, platform_id=program.platform_id, actor=platform_actor(program.platform), now=now, is_history=True
    )
    known = Complaint.objects.get(handling__refund_amount=Decimal("5.00"))
    assert len(taken_in) == 2
    assert found(Outcome.REFUNDED) == {case.complaint, known}


def test_the_same_trade_or_phone_of_the_same_merchant_before():
    program = make_program()
    first = file_at(FILED, program, trade_no="T", consumer_phone="13800000000")
    trade = file_at("2026-11-03T10:00+08:00", program, trade_no="T")
    phone = file_at("2026-11-03T11:00+08:00", program, consumer_phone="13800000000")
    file_at("2026-11-03T12:00+08:00", program)  # no phone is not the same phone
    file_at("2026-11-03T13:00+08:00", trade_no="T", consumer_phone="13800000000")  # another merchant
    assert first.consumer_phone
    assert found(Outcome.REPEAT) == {trade, phone}


def test_asked_first():
    program = make_program()
    asked_at("2026-11-02T10:00+08:00", program)
    file_at(FILED, program)
    assert found(Outcome.ASKED_FIRST) == set()


def test_root_causes_and_none_said():
    program = make_program()
    waiting, silent, delivery, price = (file_at(FILED, program) for _ in range(4))
    handle_at(IN_TIME, silent)
    handle_at(IN_TIME, delivery, root_cause="delivery")
    handle_at(IN_TIME, price, Method.SHIPPED, root_cause="price")

    def caused(*causes: str) -> set[Complaint]:
        return set(with_root_causes(Complaint.objects.all(), causes))

    assert caused("delivery") == {delivery}
    assert caused("delivery", "price") == {delivery, price}
    assert caused(NOT_SAID) == {waiting, silent}
    assert caused(NOT_SAID, "price") == {waiting, silent, price}
    assert caused("nonsense") == set()
    assert caused() == {waiting, silent, delivery, price}
