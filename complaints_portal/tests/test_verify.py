"""`manage.py verify`: silent about sound data, and each invariant found when it is broken by hand."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from complaints.tests.factories import file_at, handle_at, make_program, moment
from complaints_portal.refund_invariants import REFUND_INVARIANTS
from complaints_portal.verifying import INVARIANTS, verify
from deadlines.sweeping import run_sweep

pytestmark = pytest.mark.django_db

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
    "appeal_clock_has_a_penalty": "UPDATE penalties_penalty SET window_closed_at = issued_at",
    "handled_has_a_finish_clock": "DELETE FROM deadlines_deadline WHERE kind = 'finish'",
    "missed_means_late": """
        UPDATE complaints_handling SET in_time = false;
        DELETE FROM deadlines_deadline WHERE kind = 'handle'
    """,
    "pending_has_a_clock": "DELETE FROM deadlines_deadline WHERE kind = 'handle'",
    "clock_agrees_with_complaint": "UPDATE deadlines_deadline SET due_at = due_at + interval '1 microsecond'",
    "penalty_agrees_with_complaint": "UPDATE penalties_penalty SET merchant_id = merchant_id + 1000",
    "open_window_has_a_clock": "DELETE FROM deadlines_deadline WHERE kind = 'appeal'",
    "history_is_unbroken": """
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT id, 'complaint', id, 'confirm', 'refund_due', status, 'system', 'nobody', now(), '{}'
        FROM complaints_complaint
    """,
    "history_ends_in_the_status": "UPDATE complaints_complaint SET status = 'closed' WHERE status = 'pending'",
}


@pytest.fixture
def cases():
    """One complaint of each fate: running, handled in time, handled late, missed."""
    program = make_program()
    handle_at("2026-11-20T03:00Z", file_at("2026-11-20T02:00Z", program))
    handle_at("2026-11-25T03:00Z", file_at("2026-11-20T02:00Z", program))
    file_at("2026-11-20T02:00Z", program)
    file_at("2026-11-24T02:00Z", program)
    at = moment("2026-11-25T04:00Z")
    assert run_sweep("handle", cut_off=at, issued_at=at, ran_by="test").acted == 2


@pytest.mark.usefixtures("cases")
def test_sound_data_breaks_nothing():
    assert [finding.invariant.name for finding in verify() if finding.count] == []
    out = StringIO()
    call_command("verify", stdout=out)
    assert out.getvalue().count("holds") == len(INVARIANTS)


def test_every_invariant_is_broken_once_below():
    below = set(BREAKS) | {name for name, _sentence, _broken_by in REFUND_INVARIANTS}
    assert below == {invariant.name for invariant in INVARIANTS}


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_invariant_is_found_and_its_rows_are_named(name):
    with connection.cursor() as cursor:
        cursor.execute(BREAKS[name])
    (finding,) = [each for each in verify() if each.invariant.name == name]
    assert finding.count > 0
    assert len(finding.examples) == min(finding.count, 10)
    err = StringIO()
    with pytest.raises(CommandError, match=r"invariant\(s\) are broken"):
        call_command("verify", stdout=StringIO(), stderr=err)
    assert finding.examples[0] in err.getvalue()
