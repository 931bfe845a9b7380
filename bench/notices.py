"""How fast are members told? `python bench/notices.py [--events 100000] [--clocks 100000] [--rounds 3]`

Two figures. Events a second that become notices with what is to be sent: 100,000 events of 500 merchants with two
members each, of whom one chose mails of every kind, and a robot each. And reminders a second: 100,000 clocks of which
every one crosses a step in one run; besides, how long a run takes that finds nothing to remind of, as most do.

Every event must have made its notice, letter and call, and every clock its event, or the bench fails.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import time
from datetime import datetime, timedelta
from typing import Any

from harness import last_line, portal, table

MERCHANTS = 500
NOW = datetime.fromisoformat("2026-11-20T10:00+08:00")


def prepare() -> tuple[list[int], int]:
    """Make merchants with a mini program, two members and a robot each; return their numbers and a mini program's."""
    from merchants.models import Grant, Membership, Merchant, MiniProgram, Platform, User
    from notifications.models import Kind, NoticeChoice, Robot

    platform = Platform.objects.create(code="bench", name="Bench")
    merchants = Merchant.objects.bulk_create(
        Merchant(platform=platform, name=f"Merchant {number}") for number in range(MERCHANTS)
    )
    programs = MiniProgram.objects.bulk_create(
        MiniProgram(platform=platform, merchant=merchant, app_id=str(merchant.pk), name="App") for merchant in merchants
    )
    users = User.objects.bulk_create(
        User(username=f"user-{number}", email=f"user-{number}@example.com") for number in range(2 * MERCHANTS)
    )
    members = Membership.objects.bulk_create(
        Membership(merchant=merchants[number // 2], user=user, grants=[Grant.VIEW]) for number, user in enumerate(users)
    )
    NoticeChoice.objects.bulk_create(
        NoticeChoice(membership=member, mail="instant" if number % 2 else "none", mail_kinds=Kind.values)
        for number, member in enumerate(members)
    )
    Robot.objects.bulk_create(
        Robot(
            merchant=merchant,
            product="feishu",
            name="Desk",
            url="https://open.feishu.cn/x",
            kinds=Kind.values,
            language="en",
            changed_by="bench",
            changed_at=NOW,
        )
        for merchant in merchants
    )
    return [merchant.pk for merchant in merchants], programs[0].pk


def run(statement: str, *values: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))


def rows() -> tuple[int, int, int]:
    """Count notices, letters and robot calls."""
    from notifications.models import Letter, Notice, RobotCall

    return Notice.objects.count(), Letter.objects.count(), RobotCall.objects.count()


def tells(merchants: list[int], number: int) -> float:
    """Write so many events, and return how many a second become notices, letters and calls."""
    from notifications.telling import tell

    run(
        """
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'complaint.confirmed', (%s::bigint[])[1 + n %% %s], n, %s, jsonb_build_object('complaint_no', n::text)
        FROM generate_series(1, %s) AS n
        """,
        merchants,
        len(merchants),
        NOW,
        number,
    )
    run("ANALYZE")
    before = rows()
    started = time.monotonic()
    told = tell(now=NOW)
    took = time.monotonic() - started
    made = [after - count for after, count in zip(rows(), before, strict=True)]
    if [told, *made] != [number] * 4:
        raise SystemExit(f"{number} events made {told} notices, with {made} rows.")
    return number / took


def reminds(merchants: list[int], program: int, number: int) -> tuple[float, float]:
    """Start so many clocks and let them cross a step; return reminders a second, and seconds of a run without any."""
    from complaints.reminders import READER, remind
    from notifications.models import Event, Watermark

    run("TRUNCATE complaints_complaint, deadlines_deadline CASCADE")
    run(
        """
        WITH filed AS (
            INSERT INTO complaints_complaint (complaint_no, platform_id, merchant_id, mini_program_id, upstream_id,
                trade_no, merchant_order_no, trade_amount, dispute_type, demand, description, consumer_reference,
                consumer_name, consumer_phone, advance_protection, status, filed_at, received_at, handle_by, is_history)
            SELECT 'bench-' || n, (SELECT id FROM merchants_platform LIMIT 1), (%s::bigint[])[1 + n %% %s], %s, '',
                'trade', '', 1, 'x', '', 'x', '', '', '', false, 'pending', %s, %s, %s, false
            FROM generate_series(1, %s) AS n RETURNING id, merchant_id, mini_program_id, handle_by
        )
        INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points,
            due_at)
        SELECT 'handle', id, id, merchant_id, mini_program_id, 1, 1, handle_by FROM filed
        """,
        merchants,
        len(merchants),
        program,
        NOW,
        NOW,
        NOW + timedelta(hours=96),
        number,
    )
    run("ANALYZE")
    step = NOW + timedelta(hours=48)
    Watermark.objects.update_or_create(name=READER, defaults={"at": step - timedelta(minutes=5)})
    started = time.monotonic()
    if remind(now=step):
        raise SystemExit("A reminder came too early.")
    empty = time.monotonic() - started
    before = Event.objects.count()
    started = time.monotonic()
    written = remind(now=step + timedelta(minutes=1))
    took = time.monotonic() - started
    if (written, Event.objects.count() - before) != (number, number):
        raise SystemExit(f"{number} clocks crossed a step, {written} were reminded of.")
    return number / took, empty


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--clocks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures: dict[str, list[float]] = {"told_per_s": [], "reminded_per_s": []}
    empty: list[float] = []
    with portal("notices"):
        merchants, program = prepare()
        for _round in range(options.rounds):
            figures["told_per_s"].append(tells(merchants, options.events))
            reminded, idle = reminds(merchants, program, options.clocks)
            figures["reminded_per_s"].append(reminded)
            empty.append(1000 * idle)
            run("TRUNCATE notifications_notice CASCADE")
            run("UPDATE notifications_watermark SET transaction = event_number(pg_current_xact_id())")
    medians = table(f"{options.events:,} events, {options.clocks:,} clocks, {MERCHANTS} merchants", figures)
    idle_ms = table("milliseconds of a run that finds nothing to remind of", {"idle_ms": empty})
    last_line({**medians, **idle_ms})


if __name__ == "__main__":
    main()
