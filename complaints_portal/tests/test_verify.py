"""`manage.py verify`: silent about sound data, and each invariant found when it is broken by hand."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from appeals.tests.making import APPROVE, ASK, REJECT, appeal_at, decide_at, make_reviewer, sweep
from complaints.services import cancel
from complaints.tests.factories import consumer_actor, file_at, handle_at, make_program, moment
from complaints_portal.refund_invariants import REFUND_INVARIANTS
from complaints_portal.verifying import INVARIANTS, verify
from deadlines.models import SweepRun
from deadlines.sweeping import GRACE
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

NOUNS = {
    "complaint": ("complaints_complaint", "id"),
    "penalty": ("penalties_penalty", "complaint_id"),
    "appeal": (
        "appeals_appeal",
        "(SELECT complaint_id FROM penalties_penalty AS penalty WHERE penalty.id = appeals_appeal.penalty_id)",
    ),
}

BREAKS = {
    "one_penalty_per_obligation": """
        ALTER TABLE penalties_penalty DROP CONSTRAINT one_penalty_per_missed_obligation;
        UPDATE penalties_penalty SET subject_id = (SELECT min(subject_id) FROM penalties_penalty)
    """,
    "no_penalty_in_time": "UPDATE complaints_handling SET in_time = true",
    "no_penalty_for_what_ended_in_time": "UPDATE complaints_complaint SET status = 'cancelled', ended_at = handle_by",
    "no_clock_in_time": """
        INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points,
            due_at)
        SELECT 'handle', id, id, merchant_id, mini_program_id, 1, 1, handle_by FROM complaints_complaint
        ON CONFLICT DO NOTHING
    """,
    "penalty_is_told": """
        ALTER TABLE notifications_event DISABLE TRIGGER USER;
        DELETE FROM notifications_event WHERE name = 'penalty.issued'
    """,
    "nobody_reads_ahead": """
        ALTER TABLE notifications_event DISABLE TRIGGER USER;
        UPDATE notifications_event SET transaction = transaction + 1000000
    """,
    "appeal_clock_has_a_penalty": "UPDATE penalties_penalty SET window_closed_at = issued_at",
    "handled_has_a_finish_clock": "DELETE FROM deadlines_deadline WHERE kind = 'finish'",
    "missed_means_late": """
        UPDATE complaints_handling SET in_time = false;
        DELETE FROM deadlines_deadline WHERE kind = 'handle'
    """,
    "ended_late_is_missed": """
        UPDATE complaints_complaint SET status = 'cancelled', ended_at = handle_by + interval '1 microsecond'
        WHERE status = 'pending';
        DELETE FROM deadlines_deadline WHERE kind = 'handle'
    """,
    "pending_has_a_clock": "DELETE FROM deadlines_deadline WHERE kind = 'handle'",
    "clock_agrees_with_complaint": "UPDATE deadlines_deadline SET due_at = due_at + interval '1 microsecond'",
    "penalty_agrees_with_complaint": "UPDATE penalties_penalty SET merchant_id = merchant_id + 1000",
    "open_window_has_a_clock": "DELETE FROM deadlines_deadline WHERE kind = 'appeal'",
    "revoked_has_no_appeal_clock": """
        INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points,
            due_at)
        SELECT 'appeal', id, complaint_id, merchant_id, mini_program_id, 1, 0, appeal_by FROM penalties_penalty
        WHERE status = 'revoked'
    """,
    "approved_means_revoked": """
        UPDATE penalties_penalty SET status = 'in_effect' WHERE status = 'revoked';
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT complaint_id, 'penalty', id, 'reinstate', 'revoked', 'in_effect', 'staff', 'Li', now(), '{}'
        FROM penalties_penalty WHERE revoked_at IS NOT NULL;
        UPDATE penalties_penalty SET window_closed_at = issued_at WHERE revoked_at IS NOT NULL
    """,
    "under_appeal_means_one_open_appeal": "UPDATE penalties_penalty SET status = 'in_effect'",
    "review_has_its_clock": "UPDATE appeals_appeal SET review_by = review_by + interval '1 microsecond'",
    "supplement_has_its_clock": "DELETE FROM deadlines_deadline WHERE kind = 'supplement'",
    "review_clock_has_an_appeal": "UPDATE appeals_appeal SET status = 'withdrawn'",
    **{
        f"{noun}_history_is_unbroken": f"""
            INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
                actor_name, at, detail)
            SELECT {complaint_id}, '{noun}', id, 'settle', 'lost', status, 'system', 'nobody', now(), '{{}}'
            FROM {table}
        """
        for noun, (table, complaint_id) in NOUNS.items()
    },
    "complaint_history_ends_in_the_status": """
        UPDATE complaints_complaint SET status = 'closed' WHERE status = 'pending'
    """,
    "penalty_history_ends_in_the_status": "UPDATE penalties_penalty SET status = 'in_effect'",
    "appeal_history_ends_in_the_status": """
        ALTER TABLE complaints_historyline DISABLE TRIGGER USER;
        DELETE FROM complaints_historyline WHERE noun = 'appeal'
    """,
}


ALSO = [
    ("nobody_reads_ahead", "UPDATE notifications_watermark SET transaction = transaction + 1000000"),
    ("review_has_its_clock", "DELETE FROM deadlines_deadline WHERE kind = 'review'"),
    ("supplement_has_its_clock", "UPDATE appeals_appeal SET supplement_by = NULL"),
    ("under_appeal_means_one_open_appeal", "UPDATE appeals_appeal SET status = 'withdrawn' WHERE status = 'submitted'"),
    (
        "open_window_has_a_clock",
        "DELETE FROM deadlines_deadline WHERE subject_id = ANY (SELECT penalty_id FROM appeals_appeal)",
    ),
    ("penalty_history_ends_in_the_status", "UPDATE penalties_penalty SET status = 'under_appeal'"),
]
"""Other ways in which some of them break."""


@pytest.fixture
def cases():
    """One complaint of each fate, and one appeal: running, handled in time, handled late, missed; and of the missed
    ones, one is under appeal, one was asked about, one was approved, and one was rejected until no attempt was left."""
    program, li = make_program(), make_reviewer("Li")
    handle_at("2026-11-20T03:00Z", file_at("2026-11-20T02:00Z", program))
    handle_at("2026-11-25T03:00Z", file_at("2026-11-20T02:00Z", program))
    missed = [file_at("2026-11-20T02:00Z", program) for _ in range(6)]
    file_at("2026-11-24T02:00Z", program)
    assert sweep("handle", "2026-11-25T04:00Z").acted == 7
    _left, asked, approved, spent, overdue, running = (penalty_of(complaint) for complaint in missed)
    decide_at("2026-11-25T06:00Z", "ask", appeal_at("2026-11-25T05:00Z", asked), ASK, by=li)
    decide_at("2026-11-25T06:00Z", "approve", appeal_at("2026-11-25T05:00Z", approved), APPROVE, by=li)
    for at in ("2026-11-25T05:00Z", "2026-11-25T06:00Z", "2026-11-25T07:00Z"):
        decide_at(at, "reject", appeal_at(at, spent), REJECT, by=li)
    appeal_at("2026-11-25T05:00Z", overdue)  # due at the end of Monday 11-30 in Beijing
    assert sweep("review", "2026-11-30T16:00Z").acted == 1
    appeal_at("2026-12-01T05:00Z", running)


def penalty_of(complaint):
    return Penalty.objects.get(complaint=complaint)


@pytest.mark.usefixtures("cases")
def test_sound_data_breaks_nothing():
    assert [finding.invariant.name for finding in verify() if finding.count] == []
    out = StringIO()
    call_command("verify", stdout=out)
    assert out.getvalue().count("holds") == len(INVARIANTS)


def test_every_invariant_is_broken_once_below():
    below = set(BREAKS) | {each.name for each in REFUND_INVARIANTS}
    assert below == {invariant.name for invariant in INVARIANTS}


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(("name", "how"), [*BREAKS.items(), *ALSO])
def test_a_broken_invariant_is_found_and_its_rows_are_named(name, how):
    with connection.cursor() as cursor:
        cursor.execute(how)
    (finding,) = [each for each in verify() if each.invariant.name == name]
    assert finding.count > 0
    assert len(finding.examples) == min(finding.count, 10)
    err = StringIO()
    with pytest.raises(CommandError, match=r"invariant\(s\) are broken"):
        call_command("verify", stdout=StringIO(), stderr=err)
    assert finding.examples[0] in err.getvalue()


def test_only_a_sweep_without_the_grace_may_overtake_a_withdrawal_that_was_under_way():
    complaint = file_at("2026-11-20T02:00Z", make_program())
    assert sweep("handle", "2026-11-24T02:00:00.000001Z").acted == 1
    cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment("2026-11-24T02:00Z"))
    assert overtaken() == 0
    SweepRun.objects.update(cut_off=F("issued_at") - GRACE + timedelta(microseconds=1))
    assert overtaken() == 0
    SweepRun.objects.update(cut_off=F("issued_at") - GRACE)
    assert overtaken() == 1


def overtaken() -> int:
    (finding,) = [each for each in verify() if each.invariant.name == "no_penalty_for_what_ended_in_time"]
    return finding.count
