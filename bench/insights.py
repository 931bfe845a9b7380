"""How quick are insights? `python bench/insights.py [--rows 1000000] [--merchants 1000] [--rounds 15]`

Complaints of two years, spread over merchants as Zipf found words to be: the largest has about one in eight. Most are
handled, some late, some missed and penalised, some refunded; some come from a phone that complained before.

For the largest merchant and the last 4, 13 and 52 weeks: what a page reads from the summaries (this stretch and the one
before), as time in the database and as a whole request of a page, beside the plain queries over the rows themselves.
The two must agree on every number, or the bench fails. And how fast the command counts days anew, and the task events.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

from harness import last_line, portal

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
WEEKS = (4, 13, 52)
TARGET = 50
"""Milliseconds in the database for a page of 13 weeks of the largest merchant."""
EVENTS = 20_000
"""So many of the newest events the task reads in the bench."""

FILL = """
    INSERT INTO merchants_platform (id, code, name, public_form, created_at)
        VALUES (1, 'bench', 'Bench', 'off', now());
    INSERT INTO merchants_merchant (id, platform_id, name, created_at)
        SELECT n, 1, 'Merchant ' || n, now() FROM generate_series(1, {merchants}) AS n;
    INSERT INTO merchants_miniprogram (id, platform_id, merchant_id, app_id, kind, name)
        SELECT n, 1, 1 + (n - 1) %% {merchants}, 'app-' || n, 'mini_program', 'App ' || n
        FROM generate_series(1, 3 * {merchants}) AS n;
    SELECT setseed(0.6);
    CREATE TEMPORARY TABLE zipf AS
        SELECT array_agg(since ORDER BY since) AS sinces FROM (
            SELECT coalesce(sum(1.0 / n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::float
                / sum(1.0 / n) OVER ()::float AS since
            FROM generate_series(1, {merchants}) AS n
        ) AS merchant;
    CREATE TEMPORARY TABLE filing AS
        SELECT row_number() OVER (ORDER BY drawn.filed_at) AS id, drawn.*,
            drawn.merchant_id + {merchants} * (drawn.program)::int AS mini_program_id,
            CASE WHEN kind < 0.03 THEN 'missed' WHEN kind < 0.08 THEN 'late' ELSE 'in_time' END AS became,
            CASE WHEN kind < 0.03 THEN NULL WHEN kind < 0.08 THEN 5761 + (again * 3000)::int
                ELSE (5760 * kind * again)::int END AS took
        FROM (
            SELECT width_bucket(random(), zipf.sinces) AS merchant_id, floor(random() * 3) AS program,
                random() AS kind, random() AS again,
                random() AS paid, (random() * random() * 12)::int AS type, (random() * 7)::int AS cause,
                %(now)s - random() * '730 days'::interval - '10 days'::interval AS filed_at
            FROM zipf CROSS JOIN generate_series(1::bigint, {rows})
        ) AS drawn;
    INSERT INTO complaints_complaint (id, complaint_no, platform_id, merchant_id, mini_program_id, upstream_id,
            trade_no, merchant_order_no, trade_amount, dispute_type, demand, description, consumer_reference,
            consumer_name, consumer_phone, advance_protection, status, filed_at, received_at, handle_by, is_history)
        SELECT id, 'C' || lpad(id::text, 27, '0'), 1, merchant_id, mini_program_id, '',
            'trade-' || CASE WHEN again < 0.03 THEN id %% 1000 ELSE id END, '', 128.00, 'dispute ' || type, '',
            'Nothing came, and nobody answers.', '', '',
            CASE WHEN again < 0.5 THEN '138' || lpad(((again * 1e9)::bigint %% {rows})::text, 8, '0') ELSE '' END,
            false, CASE became WHEN 'missed' THEN 'pending' ELSE 'finished' END, filed_at, filed_at,
            filed_at + '96 hours'::interval, false
        FROM filing;
    INSERT INTO complaints_handling (complaint_id, method, note, refund_amount, refund_reference, tracking, root_cause,
            taken_in, handled_at, in_time, actor_kind, actor_name)
        SELECT id, CASE WHEN paid < 0.4 THEN 'other_refund' ELSE 'shipped' END, '',
            CASE WHEN paid < 0.4 THEN 12.80 END, '', '',
            (ARRAY['product', 'description', 'price', 'delivery', 'service', 'consumer', 'other', ''])[cause + 1],
            false, filed_at + took * '1 minute'::interval, became = 'in_time', 'member', 'bench'
        FROM filing WHERE took IS NOT NULL;
    INSERT INTO refunds_refundedtrade (merchant_id, trade_no, trade_amount, refunded)
        SELECT merchant_id, trade_no, 1000000, 0 FROM complaints_complaint GROUP BY 1, 2, 3;
    INSERT INTO refunds_refund (refund_no, request_key, complaint_id, merchant_id, trade_id, channel, gateway, amount,
            status, requested_at, ended_at, asked, reference, failure_code, failure, is_verified, actor_kind,
            actor_name)
        SELECT 'R' || f.id, 'k' || f.id, f.id, f.merchant_id, t.id, 'elsewhere', '', 12.80, 'succeeded', f.filed_at,
            f.filed_at, 0, '', '', '', false, 'member', 'bench'
        FROM filing AS f JOIN complaints_complaint AS c ON c.id = f.id
        JOIN refunds_refundedtrade AS t ON t.merchant_id = c.merchant_id AND t.trade_no = c.trade_no
        WHERE f.paid < 0.4 AND f.took IS NOT NULL;
    INSERT INTO penalties_penalty (penalty_no, kind, subject_id, round, complaint_id, merchant_id, mini_program_id,
            points, status, missed_at, issued_at, appeal_by, window_closed_at, revoked_at, revoked_by, revoked_reason)
        SELECT 'P' || lpad(id::text, 27, '0'), 'complaint_timeout', id, 1, id, merchant_id, mini_program_id, 1,
            CASE WHEN paid < 0.2 THEN 'revoked' ELSE 'in_effect' END, filed_at + '96 hours', filed_at + '97 hours',
            filed_at + '265 hours', filed_at + '265 hours', CASE WHEN paid < 0.2 THEN filed_at + '200 hours' END, '',
            CASE WHEN paid < 0.2 THEN 'our fault' ELSE '' END
        FROM filing WHERE became <> 'in_time';
    INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'complaint.handled', merchant_id, id, filed_at, '{{}}' FROM filing ORDER BY id DESC LIMIT {events};
    SELECT setval(pg_get_serial_sequence(name, 'id'), {rows} * 3) FROM unnest(ARRAY['complaints_complaint',
        'merchants_platform', 'merchants_merchant', 'merchants_miniprogram', 'penalties_penalty']) AS name;
    DROP TABLE filing; DROP TABLE zipf;
"""


def fill(rows: int, merchants: int) -> None:
    """Fill the tables, and leave them as a night's autovacuum would."""
    from django.db import connection, transaction

    started = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=rows, merchants=merchants, events=min(rows, EVENTS)), {"now": NOW})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"Filled {rows:,} complaints of {merchants:,} merchants in {time.monotonic() - started:.0f} s.")


def stretch(weeks: int) -> Any:
    from complaints_portal.insights.figures import DAY, Range

    today = (NOW + timedelta(hours=8)).date()
    return Range(first=today - timedelta(weeks=weeks) + DAY, last=today)


# The same questions put to the rows: in statements as one would write them without summaries, nothing shared.
PLAIN = """
    SELECT {part} AS part, count(*), count(h.id), count(*) FILTER (WHERE h.in_time), count(p.id),
        count(*) FILTER (WHERE p.id IS NOT NULL AND h.id IS NULL), coalesce(sum(p.points), 0),
        coalesce(sum(p.points) FILTER (WHERE p.status = 'revoked'), 0),
        count(*) FILTER (WHERE EXISTS (SELECT FROM complaints_complaint AS b WHERE b.merchant_id = c.merchant_id
            AND b.trade_no = c.trade_no AND b.filed_at < c.filed_at)
            OR c.consumer_phone <> '' AND EXISTS (SELECT FROM complaints_complaint AS b
                WHERE b.merchant_id = c.merchant_id AND b.consumer_phone = c.consumer_phone
                AND b.consumer_phone <> '' AND b.filed_at < c.filed_at)),
        0, coalesce(sum((SELECT sum(amount) FROM refunds_refund AS r
            WHERE r.complaint_id = c.id AND r.status = 'succeeded')), 0),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY floor(extract(epoch FROM h.handled_at - c.filed_at) / 60)),
        percentile_disc(0.9) WITHIN GROUP (ORDER BY floor(extract(epoch FROM h.handled_at - c.filed_at) / 60))
    FROM complaints_complaint AS c
    LEFT JOIN complaints_handling AS h ON h.complaint_id = c.id
    LEFT JOIN penalties_penalty AS p ON p.subject_id = c.id AND p.kind = 'complaint_timeout'
    WHERE c.merchant_id = %(merchant)s
        AND c.filed_at >= %(first)s::date::timestamp AT TIME ZONE 'Asia/Shanghai'
        AND c.filed_at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    GROUP BY 1
"""
PLAIN_PARTS = {
    "total": "NULL::text",
    "dispute_type": "c.dispute_type",
    "mini_program": "c.mini_program_id",
    "root_cause": "coalesce(h.root_cause, '')",
    "week": "%(first)s::date + ((c.filed_at AT TIME ZONE 'Asia/Shanghai')::date - %(first)s::date) / 7 * 7",
}


def plain(merchant: int, wanted: Any) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """Count the rows, once for each kind of parts."""
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for name, part in PLAIN_PARTS.items():
            given = {"merchant": merchant, "first": wanted.first, "last": wanted.last}
            cursor.execute(PLAIN.format(part=part), given)
            found[name] = {row[0]: tuple(row[1:]) for row in cursor.fetchall()}
    return found


def as_plain(found: Any) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """Write what the page reads in the shape of the plain count."""
    from complaints_portal.insights.figures import ADDED

    def row(figures: Any) -> tuple[Any, ...]:
        return (*(getattr(figures, name) for name in ADDED), figures.refunded, figures.median, figures.ninetieth)

    parts = {name: {figures.part: row(figures) for figures in rows} for name, rows in found.parts.items()}
    return {"total": {None: row(found.total)}, **parts}


def timed(rounds: int, call: Callable[[], Any]) -> list[float]:
    """Return milliseconds of each round, after one that is not counted."""
    call()
    taken = []
    for _round in range(rounds):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def in_database(rounds: int, wanted: Any) -> list[float]:
    """Return milliseconds that PostgreSQL says it spent on what a page reads: two stretches."""
    from django.db import connection

    from complaints_portal.insights import figures

    everything = [figures.TOTAL, *figures.PARTS]

    def spent(stretch_of_days: Any, timed: list[str]) -> float:
        sql, given = figures.statement(1, stretch_of_days, timed=timed)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", given)
            ((plan,),) = cursor.fetchall()
        return float(plan[0]["Planning Time"]) + float(plan[0]["Execution Time"])

    spent(wanted, everything)
    return [spent(wanted, everything) + spent(wanted.before, [figures.TOTAL]) for _round in range(rounds)]


def visitor() -> Any:
    """Return the browser of a member of the largest merchant."""
    from django.conf import settings
    from django.test import Client

    from merchants.models import Grant, Membership, User

    settings.ALLOWED_HOSTS = ["testserver"]
    user = User.objects.create_user("bench", password="bench-2026-portal")
    Membership.objects.create(merchant_id=1, user=user, grants=[Grant.VIEW])
    client = Client()
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return client


def show(label: str, taken: list[float]) -> tuple[float, float]:
    cuts = quantiles(taken, n=20, method="inclusive")
    print(f"  {label:<34}{cuts[9]:>10,.1f} ms{cuts[18]:>10,.1f} ms")
    return cuts[9], cuts[18]


def recount(figures: dict[str, float], rows: int) -> None:
    """Count everything as the command does, then what the newest events touch as the task does."""
    from django.core.management import call_command
    from django.db import connection

    from complaints_portal.insights.models import DaySummary
    from complaints_portal.insights.summaries import READER, refresh
    from notifications.models import Watermark

    began = time.monotonic()
    call_command("recompute_insights")
    figures["recompute_rows_per_s"] = rows / (time.monotonic() - began)
    Watermark.objects.filter(name=READER).update(transaction=0, event_id=0)
    began = time.monotonic()
    refresh(now=NOW)
    figures["refresh_events_per_s"] = min(rows, EVENTS) / (time.monotonic() - began)
    figures["summaries"] = DaySummary.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE complaints_portal_daysummary")  # as autovacuum would, which is off here
    print(f"\nThe command counts {figures['recompute_rows_per_s']:,.0f} complaints a second,")
    print(f"the task {figures['refresh_events_per_s']:,.0f} events a second; {figures['summaries']:,.0f} summaries.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="complaints in the database")
    parser.add_argument("--merchants", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    figures: dict[str, float] = {"rows": options.rows}
    with portal("insights"):
        from freezegun import freeze_time

        from complaints.models import Complaint
        from complaints_portal.insights.figures import look_up

        fill(options.rows, options.merchants)
        recount(figures, options.rows)
        figures["largest"] = Complaint.objects.filter(merchant_id=1).count()
        print(f"\nThe largest merchant has {figures['largest']:,.0f} complaints.{'p50':>20}{'p95':>13}")
        client = visitor()
        for weeks in WEEKS:
            wanted = stretch(weeks)
            for each in (wanted, wanted.before):
                if as_plain(look_up(1, each)) != plain(1, each):
                    raise SystemExit(
                        f"{weeks} weeks: the summaries and the rows differ; the figures would mean nothing."
                    )
            taken = {
                "database": in_database(options.rounds, wanted),
                "plain": timed(3, lambda wanted=wanted: (plain(1, wanted), plain(1, wanted.before))),  # type: ignore[misc]
            }
            with freeze_time(NOW, tick=True):
                taken["request"] = timed(options.rounds, lambda weeks=weeks: ask(client, weeks))  # type: ignore[misc]
            names = {"database": "in the database", "request": "a whole request", "plain": "the rows themselves"}
            for name in ("database", "request", "plain"):
                p50, p95 = show(f"{weeks} weeks, {names[name]}", taken[name])
                figures[f"{name}_{weeks}_weeks_p50_ms"], figures[f"{name}_{weeks}_weeks_p95_ms"] = p50, p95
        print("  Each number of the summaries was the same as that of the rows.")
    reached = figures["database_13_weeks_p50_ms"]
    verdict = "reached" if reached < TARGET else "MISSED"
    print(f"  13 weeks in the database: {reached:.1f} ms; the target, below {TARGET} ms, is {verdict}.")
    last_line(figures)


def ask(client: Any, weeks: int) -> None:
    response = client.get("/insights/", {"weeks": str(weeks)})
    if response.status_code != 200 or "chart-bar" not in response.content.decode():
        raise SystemExit(f"The page answered {response.status_code}.")


if __name__ == "__main__":
    main()
