"""Keep the summaries in step with the cases: whatever happens to a complaint, the day it was filed is added up anew.

A day is never corrected by a difference, only counted again, so a summary cannot drift, and counting twice is harmless.
Whoever counts holds the row of the watermark: a count that began later is never overwritten by one that began before.
"""

import time
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from common.numbers import BEIJING
from complaints.models import Complaint
from complaints_portal.insights.models import By, DaySummary
from notifications.models import Event, Watermark
from notifications.queries import oldest_open
from penalties.models import Penalty
from refunds.models import Refund

READER = "insights"
BATCH = 10_000
"""So many events are read at once. Where many are about the same few days, more at once means less counting."""

COLUMNS = (
    "merchant_id, by, day, mini_program_id, dispute_type, root_cause, filed, handled, in_time, missed, unhandled,"
    " minutes, points_lost, points_given_back, refunded, repeated, from_consultation"
)

FACTS = """
    SELECT c.merchant_id, part.day, c.mini_program_id, c.dispute_type, coalesce(h.root_cause, '') AS root_cause,
        h.id IS NOT NULL AS handled,
        h.in_time,
        lost.missed,
        greatest(0, floor(extract(epoch FROM h.handled_at - c.filed_at) / 60))::int AS minute,
        lost.points,
        lost.given_back,
        coalesce(paid.amount, 0) + CASE WHEN h.taken_in THEN coalesce(h.refund_amount, 0) ELSE 0 END AS refunded,
        again.it AS repeated,
        asked.id IS NOT NULL AS asked_first
    FROM unnest(%(merchants)s::bigint[], %(days)s::date[]) AS part (merchant_id, day)
    JOIN complaints_complaint AS c ON c.merchant_id = part.merchant_id
        AND c.filed_at >= part.day::timestamp AT TIME ZONE 'Asia/Shanghai'
        AND c.filed_at < (part.day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    LEFT JOIN complaints_handling AS h ON h.complaint_id = c.id
    LEFT JOIN refunds_refundcase AS due ON due.complaint_id = c.id
    LEFT JOIN complaints_consultation AS asked ON asked.complaint_id = c.id
    LEFT JOIN LATERAL (
        SELECT sum(p.points) AS points, sum(p.points) FILTER (WHERE p.status = 'revoked') AS given_back,
            bool_or(p.kind = 'complaint_timeout') AS missed
        FROM penalties_penalty AS p
        WHERE (p.kind = 'complaint_timeout' AND p.subject_id = c.id)
            OR (p.kind = 'refund_overdue' AND p.subject_id = due.id)
    ) AS lost ON true
    LEFT JOIN LATERAL (
        SELECT sum(r.amount) AS amount FROM refunds_refund AS r
        WHERE r.complaint_id = c.id AND r.status = 'succeeded'
    ) AS paid ON true
    LEFT JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM complaints_complaint AS b WHERE b.merchant_id = c.merchant_id AND b.trade_no = c.trade_no
                AND b.filed_at < c.filed_at
        ) OR (c.consumer_phone <> '' AND EXISTS (
            SELECT FROM complaints_complaint AS b WHERE b.merchant_id = c.merchant_id
                AND b.consumer_phone = c.consumer_phone AND b.consumer_phone <> '' AND b.filed_at < c.filed_at
        )) AS it
    ) AS again ON true
"""
"""What has become of each complaint of some merchants' days."""

COUNT = f"""
    SELECT merchant_id,
        CASE GROUPING(mini_program_id, dispute_type, root_cause)
            WHEN 7 THEN 'total' WHEN 5 THEN 'dispute_type' WHEN 3 THEN 'mini_program' WHEN 6 THEN 'root_cause'
            ELSE 'everything' END AS by,
        day, mini_program_id, dispute_type, root_cause,
        count(*) AS filed,
        count(*) FILTER (WHERE handled) AS handled,
        count(*) FILTER (WHERE in_time) AS in_time,
        count(*) FILTER (WHERE missed) AS missed,
        count(*) FILTER (WHERE missed AND NOT handled) AS unhandled,
        coalesce(array_agg(minute ORDER BY minute) FILTER (WHERE handled), '{{}}') AS minutes,
        coalesce(sum(points), 0) AS points_lost,
        coalesce(sum(given_back), 0) AS points_given_back,
        sum(refunded) AS refunded,
        count(*) FILTER (WHERE repeated) AS repeated,
        count(*) FILTER (WHERE asked_first) AS from_consultation
    FROM ({FACTS}) AS facts
    GROUP BY merchant_id, day, GROUPING SETS (
        (), (dispute_type), (mini_program_id), (root_cause), (mini_program_id, dispute_type, root_cause)
    )
"""  # noqa: S608 (nothing in it comes from outside)
"""What the summaries of some merchants' days are, counted from the rows themselves."""

INSERT = f"INSERT INTO complaints_portal_daysummary ({COLUMNS}) SELECT {COLUMNS} FROM ({COUNT}) AS counted"  # noqa: S608 (nothing in it comes from outside)

Part = tuple[int, date]
"""A merchant's number and a day in Beijing."""

LAST_EVENT = 2**63 - 1


def refresh(*, now: datetime, batch: int = BATCH, at_most: timedelta | None = None) -> int:
    """Count anew the days of all complaints to which something happened since the last run; return how many days.

    Each batch is a transaction of its own, with the position: who is killed loses one batch, and the next run goes on.
    After `at_most` no further batch is begun. Who finds another at it leaves it to them.
    """
    done, began = 0, time.monotonic()
    while True:
        read, days = _refresh_batch(now=now, batch=batch)
        done += days
        if read < batch or (at_most is not None and time.monotonic() - began > at_most.total_seconds()):
            return done


@transaction.atomic
def _refresh_batch(*, now: datetime, batch: int) -> tuple[int, int]:
    Watermark.objects.bulk_create([Watermark(name=READER)], ignore_conflicts=True)
    mark = Watermark.objects.select_for_update(skip_locked=True).filter(name=READER).first()
    if mark is None:
        return 0, 0
    after = Q(transaction__gt=mark.transaction) | Q(transaction=mark.transaction, id__gt=mark.event_id)
    events = Event.objects.filter(after, transaction__gte=mark.transaction, transaction__lt=oldest_open())
    read = list(events.order_by("transaction", "id").only("name", "subject_id", "transaction")[:batch])
    parts = parts_of(touched_by(read)) | shifted_by(read)
    recompute(parts)
    if read:
        mark.transaction, mark.event_id = read[-1].transaction, read[-1].pk
    if len(read) < batch:
        mark.at = now
    mark.save()
    return len(read), len(parts)


def counted_up_to() -> datetime | None:
    """Return when the summaries last had everything in them that had happened; None before the first time."""
    return Watermark.objects.filter(name=READER).values_list("at", flat=True).first()


def skip_to(transaction_number: int, *, at: datetime) -> None:
    """Pass over the events of all transactions below this one: everything that they did is counted already.

    `at` is when that number was looked up, before the counting began.
    """
    with transaction.atomic():
        mark = _lock()
        if mark.transaction < transaction_number - 1:
            mark.transaction, mark.event_id = transaction_number - 1, LAST_EVENT
            mark.at = max(mark.at or at, at)
            mark.save()


def _lock() -> Watermark:
    """Wait until nobody else counts, and keep it so until the end of the transaction."""
    Watermark.objects.bulk_create([Watermark(name=READER)], ignore_conflicts=True)
    return Watermark.objects.select_for_update().get(name=READER)


def touched_by(events: Iterable[Event]) -> set[int]:
    """Return the numbers of the complaints that these events are about, with one question for each noun."""
    subjects: dict[str, set[int]] = {}
    for event in events:
        noun = event.name.partition(".")[0]
        if event.name == "deadline.extended" and event.payload["kind"] == "handle":
            noun = "complaint"  # what was handled late may be in time now
        subjects.setdefault(noun, set()).add(event.subject_id)
    touched = set(subjects.get("complaint", ()))
    touched |= set(Penalty.objects.filter(pk__in=subjects.get("penalty", ())).values_list("complaint_id", flat=True))
    touched |= set(Refund.objects.filter(pk__in=subjects.get("refund", ())).values_list("complaint_id", flat=True))
    asked = Complaint.objects.filter(consultation__in=subjects.get("consultation", ()))
    return touched | set(asked.values_list("pk", flat=True))


NEXT_OF = """
    SELECT filed.merchant_id, (later.at AT TIME ZONE 'Asia/Shanghai')::date
    FROM complaints_complaint AS filed, LATERAL (
        (SELECT b.filed_at AS at FROM complaints_complaint AS b
        WHERE b.merchant_id = filed.merchant_id AND b.trade_no = filed.trade_no AND b.filed_at > filed.filed_at
        ORDER BY b.filed_at LIMIT 1)
        UNION
        (SELECT b.filed_at FROM complaints_complaint AS b
        WHERE b.merchant_id = filed.merchant_id AND b.consumer_phone = filed.consumer_phone AND b.consumer_phone <> ''
            AND b.filed_at > filed.filed_at
        ORDER BY b.filed_at LIMIT 1)
    ) AS later
    WHERE filed.id = ANY(%s)
"""


def shifted_by(events: Iterable[Event]) -> set[Part]:
    """Return the days on which a complaint repeats one that these events filed: one that came in late, as history does.

    Of several later ones only the next can change, for the others repeated that one already.
    """
    filed = [event.subject_id for event in events if event.name == "complaint.filed"]
    if not filed:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(NEXT_OF, [filed])
        return set(cursor.fetchall())


def parts_of(complaint_ids: Collection[int]) -> set[Part]:
    """Return the merchants and days that these complaints count for."""
    filed = Complaint.objects.filter(pk__in=complaint_ids).values_list("merchant_id", "filed_at")
    return {(merchant_id, filed_at.astimezone(BEIJING).date()) for merchant_id, filed_at in filed}


@transaction.atomic
def recompute(parts: Collection[Part]) -> None:
    """Count these merchants' days anew, in place of what stood there."""
    if not parts:
        return
    _lock()
    given = _given(parts)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM complaints_portal_daysummary AS s USING unnest(%(merchants)s::bigint[], %(days)s::date[])"
            " AS part (merchant_id, day) WHERE s.merchant_id = part.merchant_id AND s.day = part.day"
            " AND s.by = ANY(%(by)s)",
            given | {"by": By.values},  # they are all; the index knows days only below them
        )
        cursor.execute(INSERT, given)


def differences(parts: Collection[Part]) -> set[Part]:
    """Return those of these days whose summaries differ from the cases themselves; none when all is well.

    Both are read at one moment. What happened since the last refresh differs too: it is not counted yet.
    """
    if not parts:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH counted AS ({COUNT}), kept AS (
                SELECT {COLUMNS} FROM complaints_portal_daysummary AS s
                JOIN unnest(%(merchants)s::bigint[], %(days)s::date[]) AS part (m, d)
                    ON s.merchant_id = part.m AND s.day = part.d
            )
            SELECT merchant_id, day FROM (SELECT {COLUMNS} FROM counted EXCEPT SELECT * FROM kept) AS missing
            UNION
            SELECT merchant_id, day FROM (SELECT * FROM kept EXCEPT SELECT {COLUMNS} FROM counted) AS surplus
            """,  # noqa: S608 (nothing in it comes from outside)
            _given(parts),
        )
        return set(cursor.fetchall())


def days_with_complaints(merchant_id: int) -> set[Part]:
    """Return every day for which a merchant has complaints or a summary."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT (filed_at AT TIME ZONE 'Asia/Shanghai')::date FROM complaints_complaint"
            " WHERE merchant_id = %s",
            [merchant_id],
        )
        days = {day for (day,) in cursor.fetchall()}
    kept = DaySummary.objects.filter(merchant_id=merchant_id, by__in=By.values).values_list("day", flat=True).distinct()
    return {(merchant_id, day) for day in days | set(kept)}


def _given(parts: Collection[Part]) -> dict[str, list[object]]:
    ordered = sorted(parts)
    return {"merchants": [merchant for merchant, _day in ordered], "days": [day for _merchant, day in ordered]}
