"""A missed `handle` or `refund` clock issues a penalty and opens its window; a missed `appeal` clock closes it."""

from datetime import datetime
from typing import Any

from common.actors import SYSTEM
from common.numbers import number_prefix
from common.policy import policy_at
from deadlines.models import Deadline
from deadlines.sweeping import Sweep, register
from penalties.states import Kind, Status

# A penalty's number ends with that of the clock that was missed: known before the row is there, and never given twice.
ISSUE = """
    acted AS (
        INSERT INTO penalties_penalty (penalty_no, kind, subject_id, round, complaint_id, merchant_id, mini_program_id,
            points, status, missed_at, issued_at, appeal_by, sweep_run_id)
        SELECT %(number_prefix)s || lpad(id::text, 18, '0'), %(penalty_kind)s, subject_id, round, complaint_id,
            merchant_id, mini_program_id, points, %(in_effect)s, due_at, %(issued_at)s, %(appeal_by)s, %(run_id)s
        FROM taken
        ON CONFLICT (kind, subject_id, round) DO NOTHING
        RETURNING id, complaint_id, merchant_id, mini_program_id, status, issued_at, appeal_by,
            jsonb_build_object('penalty_no', penalty_no, 'kind', kind, 'points', points) AS facts
    ), lines AS (
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT complaint_id, 'penalty', id, 'issue', '', status, %(actor_kind)s, %(actor_name)s, issued_at, facts
        FROM acted
    ), events AS (
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'penalty.issued', merchant_id, id, issued_at, facts FROM acted
    ), windows AS (
        INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points,
            due_at)
        SELECT 'appeal', id, complaint_id, merchant_id, mini_program_id, 1, 0, appeal_by FROM acted
    )
"""

CLOSE_WINDOW = """
    acted AS (
        UPDATE penalties_penalty SET window_closed_at = %(issued_at)s
        FROM taken WHERE penalties_penalty.id = taken.subject_id AND window_closed_at IS NULL
        RETURNING penalties_penalty.*
    ), lines AS (
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT complaint_id, 'penalty', id, 'close_window', status, status, %(actor_kind)s, %(actor_name)s,
            window_closed_at, jsonb_build_object('penalty_no', penalty_no)
        FROM acted
    ), events AS (
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'penalty.window_closed', merchant_id, id, window_closed_at,
            jsonb_build_object('penalty_no', penalty_no)
        FROM acted
    )
"""


def _by_the_system(issued_at: datetime) -> dict[str, Any]:
    return {"actor_kind": SYSTEM.kind.value, "actor_name": SYSTEM.name}


def _issues(kind: Kind) -> Any:
    def parameters(issued_at: datetime) -> dict[str, Any]:
        return _by_the_system(issued_at) | {
            "penalty_kind": kind.value,
            "in_effect": Status.IN_EFFECT.value,
            "appeal_by": issued_at + policy_at(issued_at).appeal_within(kind.value),
            "number_prefix": number_prefix(issued_at, "02"),
        }

    return parameters


register(
    Sweep(
        Deadline.Kind.HANDLE,
        ISSUE,
        _issues(Kind.COMPLAINT_TIMEOUT),
        beside="complaints_complaint",
        reference="complaint_id",
    )
)
register(
    Sweep(
        Deadline.Kind.REFUND,
        ISSUE,
        _issues(Kind.REFUND_OVERDUE),
        beside="complaints_complaint",
        reference="complaint_id",
    )
)
register(Sweep(Deadline.Kind.APPEAL, CLOSE_WINDOW, _by_the_system, beside="penalties_penalty", changes_it=True))
