"""A missed `review` clock alerts staff and decides nothing; a missed `supplement` clock lets the review go on."""

from datetime import datetime
from typing import Any

from appeals.states import APPEAL, Status
from common.actors import SYSTEM
from common.policy import policy_at
from deadlines.calendar import end_of_working_day
from deadlines.models import Deadline
from deadlines.sweeping import Sweep, register

ALERT = """
    acted AS (
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'review.overdue', merchant_id, subject_id, %(issued_at)s, jsonb_build_object('review_by', due_at)
        FROM taken RETURNING id
    )
"""

GO_ON = """
    acted AS (
        UPDATE appeals_appeal
        SET status = %(submitted)s, review_by = %(review_by)s, is_provisional = %(is_provisional)s
        FROM taken WHERE appeals_appeal.id = taken.subject_id AND status = %(more_wanted)s
        RETURNING appeals_appeal.*, taken.complaint_id
    ), lines AS (
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT complaint_id, 'appeal', id, 'go_on', %(more_wanted)s, status, %(actor_kind)s, %(actor_name)s,
            %(issued_at)s, jsonb_build_object('attempt', attempt)
        FROM acted
    ), events AS (
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'appeal.goes_on', merchant_id, id, %(issued_at)s, jsonb_build_object('attempt', attempt) FROM acted
    ), clocks AS (
        INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points,
            due_at, is_provisional, counted_from, working_days)
        SELECT 'review', id, complaint_id, merchant_id, mini_program_id, 1, 0, review_by, is_provisional,
            %(issued_at)s, %(working_days)s
        FROM acted
    )
"""


def _nothing(issued_at: datetime) -> dict[str, Any]:
    return {}


def _review_again(issued_at: datetime) -> dict[str, Any]:
    """Return the review's new deadline: the same number of working days, from when it goes on."""
    working_days = policy_at(issued_at).review_working_days
    review = end_of_working_day(issued_at, working_days)
    return {
        "submitted": APPEAL.target("go_on", Status.MORE_WANTED),
        "more_wanted": Status.MORE_WANTED.value,
        "review_by": review.due_at,
        "is_provisional": review.is_provisional,
        "working_days": working_days,
        "actor_kind": SYSTEM.kind.value,
        "actor_name": SYSTEM.name,
    }


register(Sweep(Deadline.Kind.REVIEW, ALERT, _nothing, beside="complaints_complaint", reference="complaint_id"))
register(Sweep(Deadline.Kind.SUPPLEMENT, GO_ON, _review_again, beside="appeals_appeal", changes_it=True))
