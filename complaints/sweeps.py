"""A missed `finish` clock means that the consumer stayed silent: the handled complaint finishes."""

from datetime import datetime
from typing import Any

from common.actors import SYSTEM
from complaints.states import COMPLAINT, Status
from deadlines.models import Deadline
from deadlines.sweeping import Sweep, register

FINISH = """
    acted AS (
        UPDATE complaints_complaint SET status = %(finished)s, ended_at = %(issued_at)s
        FROM taken WHERE complaints_complaint.id = taken.subject_id AND status = %(handled)s
        RETURNING complaints_complaint.*
    ), lines AS (
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT id, 'complaint', id, 'finish', %(handled)s, status, %(actor_kind)s, %(actor_name)s, ended_at,
            '{}'::jsonb
        FROM acted
    ), events AS (
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'complaint.finished', merchant_id, id, ended_at, jsonb_build_object('complaint_no', complaint_no)
        FROM acted
    )
"""


def _parameters(issued_at: datetime) -> dict[str, Any]:
    return {
        "handled": Status.HANDLED.value,
        "finished": COMPLAINT.target("finish", Status.HANDLED),
        "actor_kind": SYSTEM.kind.value,
        "actor_name": SYSTEM.name,
    }


register(Sweep(Deadline.Kind.FINISH, FINISH, _parameters, beside="complaints_complaint", changes_it=True))
