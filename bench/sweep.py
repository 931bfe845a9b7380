"""How fast is the sweep? `python bench/sweep.py [--rows 1000000] [--due 100000] [--rounds 3]`

Four ways to do the same to the same due complaints: the sweep itself; one statement written by hand on the same
schema; that statement on bare tables without foreign keys, secondary indexes and triggers (the limit); one ORM
transaction a row, on a sample. One complaint in ten was left, in the order of filing; the others were handled and wait
for their consumers.

Each measurement has a fresh copy of one filled database, in turn within each round, so that none inherits another's
bloat. Every way must issue exactly one penalty for each due complaint, or the bench fails.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from harness import copy_database, drop_database, last_line, portal, table

CUT_OFF = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ORM_SAMPLE = 3000
PROGRAMS = 1000

FILL = """
    INSERT INTO merchants_platform (id, code, name, public_form, created_at)
        VALUES (1, 'bench', 'Bench', 'off', now());
    INSERT INTO merchants_merchant (id, platform_id, name, created_at)
        SELECT n, 1, 'Merchant ' || n, now() FROM generate_series(1, {programs}) AS n;
    INSERT INTO merchants_miniprogram (id, platform_id, merchant_id, app_id, kind, name)
        SELECT n, 1, n, 'app-' || n, 'mini_program', 'App ' || n FROM generate_series(1, {programs}) AS n;
    CREATE TEMPORARY TABLE filing AS
        SELECT n AS id, 1 + n * 7919 %% {programs} AS merchant_id, n %% {every} = 0 AS due,
            %(cut_off)s - ({rows} - n + 1) * '0.3 seconds'::interval AS handle_by,
            %(cut_off)s - ({rows} - n + 1) * '0.3 seconds'::interval - '96 hours'::interval AS filed_at
        FROM generate_series(1::bigint, {rows}) AS n;
    INSERT INTO complaints_complaint (id, complaint_no, platform_id, merchant_id, mini_program_id, upstream_id,
            trade_no, merchant_order_no, trade_amount, dispute_type, demand, description, consumer_reference,
            consumer_name, consumer_phone, advance_protection, status, filed_at, received_at, handle_by, is_history)
        SELECT id, 'C' || lpad(id::text, 27, '0'), 1, merchant_id, merchant_id, 'u-' || id,
            'trade-' || id, 'order-' || id, 128.00, 'not delivered', 'refund',
            repeat('Nothing came, and nobody answers. ', 6), 'c-' || id, 'Han Meimei', '13800000000',
            false, CASE WHEN due THEN 'pending' ELSE 'handled' END, filed_at, filed_at, handle_by, false
        FROM filing;
    INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_name, at, detail)
        SELECT id, 'complaint', id, 'file', '', 'pending', 'platform', 'bench', filed_at, '{{}}' FROM filing;
    INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'complaint.filed', merchant_id, id, filed_at,
            jsonb_build_object('complaint_no', 'C' || lpad(id::text, 27, '0'), 'status', 'pending')
        FROM filing;
    INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points, due_at)
        SELECT CASE WHEN due THEN 'handle' ELSE 'finish' END, id, id, merchant_id, merchant_id, 1, due::integer,
            CASE WHEN due THEN handle_by ELSE handle_by + '168 hours'::interval END
        FROM filing;
    DROP TABLE filing;
"""

TABLES = {
    "deadlines": "deadlines_deadline",
    "penalties": "penalties_penalty",
    "lines": "complaints_historyline",
    "events": "notifications_event",
}
BARE = {name: f"bare_{name}" for name in TABLES}

BY_HAND = """
    WITH missed AS (
        DELETE FROM {deadlines} WHERE kind = 'handle' AND due_at < %(cut_off)s RETURNING *
    ), issued AS (
        INSERT INTO {penalties} (penalty_no, kind, subject_id, round, complaint_id, merchant_id, mini_program_id,
            points, status, missed_at, issued_at, appeal_by)
        SELECT '2026112402' || lpad(id::text, 18, '0'), 'complaint_timeout', subject_id, round, complaint_id,
            merchant_id, mini_program_id, points, 'in_effect', due_at, %(cut_off)s,
            %(cut_off)s + '168 hours'::interval
        FROM missed {on_conflict}
        RETURNING *
    ), lines AS (
        INSERT INTO {lines} (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind, actor_name, at,
            detail)
        SELECT complaint_id, 'penalty', id, 'issue', '', status, 'system', 'system', issued_at,
            jsonb_build_object('penalty_no', penalty_no, 'kind', kind, 'points', points)
        FROM issued
    ), events AS (
        INSERT INTO {events} (name, merchant_id, subject_id, at, payload)
        SELECT 'penalty.issued', merchant_id, id, issued_at,
            jsonb_build_object('penalty_no', penalty_no, 'kind', kind, 'points', points)
        FROM issued
    ), windows AS (
        INSERT INTO {deadlines} (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points, due_at)
        SELECT 'appeal', id, complaint_id, merchant_id, mini_program_id, 1, 0, appeal_by FROM issued
    )
    SELECT count(*) FROM issued
"""

WARM_UP = """
    SET enable_seqscan = off; SET enable_bitmapscan = off;
    SELECT count(id) FROM complaints_complaint WHERE id > 0;
    SELECT count(complaint_id) FROM complaints_historyline WHERE complaint_id > 0;
    SELECT count(subject_id) FROM deadlines_deadline WHERE subject_id > 0;
    SELECT count(due_at) FROM deadlines_deadline WHERE kind = 'handle' AND due_at > '-infinity';
    RESET enable_seqscan; RESET enable_bitmapscan;
    SELECT count(*) FROM deadlines_deadline;
    SELECT count(*) FROM bare_deadlines;
"""
"""Read what a running system has in memory: the clocks, and the indexes that are written to."""


def fill(rows: int, due: int) -> None:
    """Fill the tables, the bare ones too, and leave them as a night's autovacuum would."""
    from django.db import connection, transaction

    started = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=rows, every=rows // due, programs=PROGRAMS), {"cut_off": CUT_OFF})
        for name, original in TABLES.items():
            kept = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY"
            cursor.execute(f"CREATE TABLE {BARE[name]} (LIKE {original} {kept})")
            cursor.execute(f"ALTER TABLE {BARE[name]} ADD PRIMARY KEY (id)")
            cursor.execute(f"INSERT INTO {BARE[name]} OVERRIDING SYSTEM VALUE SELECT * FROM {original}")
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{BARE[name]}', 'id'), {rows})")
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('complaints_complaint', 'id'), {rows})")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"Filled {rows:,} complaints, {due:,} of them due, in {time.monotonic() - started:.0f} s.")


def sweep(due: int) -> int:
    """The product's own way."""
    from deadlines.sweeping import run_sweep

    return run_sweep("handle", cut_off=CUT_OFF, issued_at=CUT_OFF, ran_by="bench").acted


def statement(due: int) -> int:
    """One statement on the same schema."""
    return by_hand({**TABLES, "on_conflict": "ON CONFLICT (subject_id, kind, round) DO NOTHING"})


def bare(due: int) -> int:
    """The same statement on tables that have nothing but their rows."""
    return by_hand({**BARE, "on_conflict": ""})


def by_hand(names: dict[str, str]) -> int:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BY_HAND.format(**names), {"cut_off": CUT_OFF})
        (issued,) = cursor.fetchone()
    return int(issued)


def orm(due: int) -> int:
    """One transaction a row, as one would write it first."""
    for _each in range(due):
        penalise_one()
    return due


def penalise_one() -> None:
    from django.db import transaction

    from complaints.models import HistoryLine
    from deadlines.models import Deadline
    from notifications.services import emit
    from penalties.models import Penalty

    with transaction.atomic():
        clocks = Deadline.objects.select_for_update(skip_locked=True).filter(kind="handle", due_at__lt=CUT_OFF)
        clock = clocks.order_by("due_at", "id")[0]
        penalty = Penalty.objects.create(
            penalty_no=f"2026112402{clock.pk:018d}",
            kind="complaint_timeout",
            subject_id=clock.subject_id,
            complaint_id=clock.complaint_id,
            merchant_id=clock.merchant_id,
            mini_program_id=clock.mini_program_id,
            points=clock.points,
            missed_at=clock.due_at,
            issued_at=CUT_OFF,
            appeal_by=CUT_OFF + timedelta(hours=168),
        )
        detail = {"penalty_no": penalty.penalty_no, "kind": penalty.kind, "points": penalty.points}
        HistoryLine.objects.create(
            complaint_id=clock.complaint_id,
            noun="penalty",
            noun_id=penalty.pk,
            verb="issue",
            to_state=penalty.status,
            actor_kind="system",
            actor_name="system",
            at=CUT_OFF,
            detail=detail,
        )
        emit("penalty.issued", merchant_id=clock.merchant_id, subject_id=penalty.pk, at=CUT_OFF, payload=detail)
        Deadline.objects.create(
            kind="appeal",
            subject_id=penalty.pk,
            complaint_id=clock.complaint_id,
            merchant_id=clock.merchant_id,
            mini_program_id=clock.mini_program_id,
            due_at=penalty.appeal_by,
        )
        clock.delete()


def measure(way: Callable[[int], int], source: str, due: int) -> float:
    """Return rows per second of one way on a fresh copy of the filled database."""
    from django.db import connection

    copy = f"{source}_copy"
    copy_database(source, copy)
    try:
        with connection.cursor() as cursor:
            cursor.execute(WARM_UP)
        started = time.monotonic()
        done = way(due)
        elapsed = time.monotonic() - started
        if done != due:
            raise SystemExit(f"{way.__name__} dealt with {done} rows, not with {due}: the figures would mean nothing.")
        return due / elapsed
    finally:
        drop_database(copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="complaints in the database")
    parser.add_argument("--due", type=int, default=100_000, help="how many of them are due")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ways = {"sweep": sweep, "statement": statement, "bare": bare, "orm": orm}
    figures: dict[str, list[float]] = {f"{name}_rows_per_s": [] for name in ways}
    with portal("sweep") as database:
        fill(options.rows, options.due)
        order = list(ways)
        for _round in range(options.rounds):
            for name in order:
                due = min(options.due, ORM_SAMPLE) if name == "orm" else options.due
                figures[f"{name}_rows_per_s"].append(measure(ways[name], database, due))
            order = order[1:] + order[:1]
    medians = table("rows per second", figures)
    ours = medians["sweep_rows_per_s"]
    print(f"  sweep / statement {ours / medians['statement_rows_per_s']:.2f} (at least 0.8)")
    print(f"  sweep / bare      {ours / medians['bare_rows_per_s']:.2f} (at least 0.5)")
    last_line(medians)


if __name__ == "__main__":
    main()
