"""What a stretch of days would have been under other numbers: counted from the cases, and nothing is changed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from common.policy import Policy
from complaints.queries import end_of, start_of
from refunds.extending import STOPPED_LATE

HANDLE = """
    SELECT count(*),
        count(*) FILTER (WHERE coalesce(done.handled_at, own.ended_at, %(now)s) > own.handle_by),
        count(*) FILTER (WHERE coalesce(done.handled_at, own.ended_at, %(now)s)
            > own.filed_at + %(within)s + coalesce(given.back, interval '0'))
    FROM complaints_complaint AS own LEFT JOIN complaints_handling AS done ON done.complaint_id = own.id
    LEFT JOIN (SELECT subject_id, sum(due_after - due_before) AS back FROM deadlines_extended
        WHERE kind = 'handle' GROUP BY subject_id) AS given ON given.subject_id = own.id
    WHERE NOT own.is_history AND own.filed_at >= %(first)s AND own.filed_at < %(last)s
"""
"""What an extension gave back is given under other numbers too."""

REFUND = f"""
    SELECT count(*),
        count(*) FILTER (WHERE coalesce(own.stopped_at, {STOPPED_LATE}, %(now)s) > own.refund_by),
        count(*) FILTER (WHERE coalesce(own.stopped_at, {STOPPED_LATE}, %(now)s)
            > own.opened_at + %(within)s + coalesce(given.back, interval '0'))
    FROM refunds_refundcase AS own
    LEFT JOIN (SELECT subject_id, sum(due_after - due_before) AS back FROM deadlines_extended
        WHERE kind = 'refund' GROUP BY subject_id) AS given ON given.subject_id = own.id
    WHERE own.round = 1 AND own.opened_at >= %(first)s AND own.opened_at < %(last)s
"""  # noqa: S608 (constants)
"""Pending refunds in their first round; a later one began with a ruling, whose moment other numbers would move."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many obligations there were, how many were missed, and how many would have been."""

    noun: str
    obligations: int
    missed: int
    would_miss: int
    points: int
    would_cost: int


def what_if(policy: Policy, *, first: date, last: date, now: datetime, as_it_was: Policy) -> list[Compared]:
    """Count what was missed from one day to another, both included and Beijing's, and what would have been.

    `as_it_was` gives the points that each missed obligation did cost.
    """
    asked = (
        ("complaint", HANDLE, policy.handle_within, as_it_was.handle_points, policy.handle_points),
        ("refund_case", REFUND, policy.refund_within, as_it_was.refund_points, policy.refund_points),
    )
    found: list[Compared] = []
    with connection.cursor() as cursor:
        for noun, sql, within, cost, would_cost in asked:
            span: dict[str, Any] = {"first": start_of(first), "last": end_of(last), "now": now}
            cursor.execute(sql, span | {"within": within})
            obligations, missed, would_miss = cursor.fetchone()
            found.append(Compared(noun, obligations, missed, would_miss, missed * cost, would_miss * would_cost))
    return found
