"""`manage.py verify` about refunds: silent about sound data, and each invariant found when it is broken by hand."""

from decimal import Decimal

import pytest
from django.db import connection, transaction

from complaints import services as complaints
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_picture,
    make_program,
    member_actor,
    moment,
)
from complaints_portal.refund_invariants import REFUND_INVARIANTS
from complaints_portal.verifying import verify
from deadlines.sweeping import run_sweep
from refunds import services
from refunds.models import NoRefundClaim, RefundCase
from refunds.tests.fakes import FAILED, FakeGateway
from refunds.tests.making import case_at, claim_at, fund_at, refund_at, rule_at, staff

pytestmark = pytest.mark.django_db

RULED = "2026-11-20T05:00Z"
AT = "2026-11-21T05:00Z"
LATE = "2026-11-27T05:00:00.000001Z"


@pytest.fixture
def gateway(monkeypatch) -> FakeGateway:
    fake = FakeGateway()
    monkeypatch.setattr("refunds.refunding.refund_gateway", lambda: fake)
    return fake


def refuse(case: RefundCase, at: str) -> NoRefundClaim:
    member = member_actor(case.merchant)
    return services.refuse(case.pk, "It came.", evidence=[make_picture(case.merchant)], actor=member, now=moment(at))


@pytest.fixture
def cases(gateway):
    """Claims and cases of each fate."""
    program = make_program()
    fund_at(RULED, program.merchant, "5000.00")

    def case(amount: str = "128.00") -> RefundCase:
        return case_at(RULED, program=program, amount=amount)

    # Claims: open, accepted, corrected, lapsed, about a contest; one whose review was missed.
    claim_at("2026-11-10T03:00Z", file_at("2026-11-10T02:00Z", program))
    claim_at("2026-12-01T03:00Z", file_at("2026-12-01T02:00Z", program))
    rule_at(RULED, claim_at(RULED, file_at(RULED, program)), "accept")
    corrected = rule_at(RULED, claim_at(RULED, file_at(RULED, program)), "overrule")
    ruling = services.Ruling(reason_code="decided_wrongly", message="So.")
    services.correct(corrected.pk, ruling, actor=staff(), now=moment(AT))
    lapsed = claim_at(RULED, file_at(RULED, program))
    complaints.cancel(lapsed.complaint_id, reason="", actor=consumer_actor(lapsed.complaint), now=moment(AT))
    contested = file_at(RULED, program)
    handle_at(RULED, contested, "fund_refund", refund_amount=Decimal("10.00"))
    complaints.contest(contested.pk, reason="No.", actor=consumer_actor(contested), now=moment("2026-12-01T02:00Z"))

    # Cases: due and missed, refunded in time and late, refused in time and late, overruled, reversed, withdrawn.
    case()
    refund_at(AT, case(), "128.00")
    refund_at(LATE, case(), "128.00")
    refuse(case(), AT)
    refuse(case(), LATE)
    rule_at("2026-12-01T05:00Z", refuse(case(), AT))
    rule_at("2026-11-22T05:00Z", refuse(case(), AT), "accept")
    bounced = refund_at(AT, case(), "128.00")
    services.reverse_refund(bounced.pk, reason="So.", actor=staff(), now=moment("2026-12-01T05:00Z"))
    withdrawn = case()
    complaints.cancel(withdrawn.complaint_id, reason="", actor=consumer_actor(withdrawn.complaint), now=moment(AT))
    # Processing, with the clock standing still; failed, and running on.
    refund_at(AT, case(), "128.00", channel="api")
    failed = refund_at(AT, case(), "128.00", channel="api")
    services.learn(failed.pk, FAILED, now=moment("2026-12-01T05:00Z"))

    for kind, at in (("refund", "2026-11-28T05:00Z"), ("review", "2026-11-30T05:00Z")):
        assert run_sweep(kind, cut_off=moment(at), issued_at=moment(at), ran_by="test").acted >= 2


@pytest.mark.usefixtures("cases")
def test_sound_data_breaks_nothing():
    assert [(finding.invariant.name, finding.examples) for finding in verify() if finding.count] == []


@pytest.mark.usefixtures("gateway")
def test_what_was_missed_and_waits_for_its_sweep_breaks_nothing():
    refund_at(LATE, case_at(RULED), "128.00", channel="elsewhere", reference="R-1")
    refuse(case_at(RULED), LATE)
    late = case_at(RULED)
    complaints.cancel(late.complaint_id, reason="", actor=consumer_actor(late.complaint), now=moment(LATE))
    assert [(finding.invariant.name, finding.examples) for finding in verify() if finding.count] == []


def line(noun: str, table: str, state: str) -> str:
    """A line of history that starts from a state which no move led to."""
    return f"""
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT complaint_id, '{noun}', id, 'nothing', '{state}', status, 'system', 'nobody', now(), '{{}}' FROM {table}
    """


BREAKS = {
    "in_review_has_a_claim": """
        UPDATE refunds_norefundclaim SET status = 'lapsed' WHERE status = 'submitted' AND refund_case_id IS NULL
    """,
    "refused_has_a_claim": "UPDATE refunds_refundcase SET status = 'due' WHERE status = 'refused'",
    "claim_has_its_clock": "UPDATE refunds_norefundclaim SET review_by = review_by + interval '1 microsecond'",
    "no_clock_of_a_ruled_claim": """
        UPDATE refunds_norefundclaim AS claim SET status = 'lapsed' FROM deadlines_deadline AS clock
        WHERE clock.kind = 'review' AND clock.subject_id = claim.id
    """,
    "refund_due_has_a_case": "UPDATE complaints_complaint SET status = 'finished' WHERE status = 'refund_due'",
    "each_round_is_timed_once": "DELETE FROM deadlines_deadline WHERE kind = 'refund'",
    "refund_clock_agrees_with_its_case": "UPDATE deadlines_deadline SET round = round + 1 WHERE kind = 'refund'",
    "no_refund_clock_in_time": """
        UPDATE refunds_refundcase AS refund_case SET ended_at = refund_by FROM deadlines_deadline AS clock
        WHERE clock.kind = 'refund' AND clock.subject_id = refund_case.id
    """,
    "a_stopped_clock_has_a_reason": """
        UPDATE refunds_refund SET status = 'failed', ask_at = NULL, ended_at = now() WHERE status = 'processing'
    """,
    "refund_penalty_has_a_case": "UPDATE penalties_penalty SET round = 7 WHERE kind = 'refund_overdue'",
    "claims_and_cases_agree_with_their_complaint": """
        SET CONSTRAINTS ALL DEFERRED;
        UPDATE refunds_refundcase SET mini_program_id = (SELECT max(id) FROM merchants_miniprogram)
    """,
    "no_refund_claim_history_is_unbroken": line("no_refund_claim", "refunds_norefundclaim", "lapsed"),
    "no_refund_claim_history_ends_in_the_status": "UPDATE refunds_norefundclaim SET status = 'lapsed'",
    "refund_case_history_is_unbroken": line("refund_case", "refunds_refundcase", "nowhere"),
    "refund_case_history_ends_in_the_status": "UPDATE refunds_refundcase SET status = 'waived'",
    "refund_history_is_unbroken": line("refund", "refunds_refund", "reversed"),
    "refund_history_ends_in_the_status": "UPDATE refunds_refund SET status = 'reversed' WHERE status = 'succeeded'",
}


def test_every_invariant_is_broken_once_below():
    assert set(BREAKS) == {each.name for each in REFUND_INVARIANTS}


@pytest.mark.usefixtures("cases")
def test_a_broken_invariant_is_found_and_its_rows_are_named():
    """Each is broken for itself, and mended by taking back: to make the cases takes longer than to look at them."""
    make_program()
    for name, statement in BREAKS.items():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            (finding,) = [each for each in verify() if each.invariant.name == name]
            assert finding.count > 0, name
            assert len(finding.examples) == min(finding.count, 10), name
            transaction.set_rollback(True)
