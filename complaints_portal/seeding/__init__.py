"""Many made-up complaints in minutes: two years of a portal with tens of thousands of merchants, all their lives.

The cases are drawn inside the database (`statements.py`), a batch a transaction, in the order in which they were filed.
What a batch needs of the policy and the calendar is asked of those who know it. Not made: pictures, drafts, notes,
what is assigned to whom, and refunds from the guarantee fund; every appeal is a first one.

A fill that was killed goes on at the next batch: the table `seeding_unfinished` says how far it came, and is gone when
all is done.
"""

import os
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from common.numbers import BEIJING
from common.policy import policy_at
from complaints.models import Complaint
from complaints_portal.seeding import rebuilding, statements
from complaints_portal.seeding.words import lists
from deadlines.calendar import end_of_working_day
from merchants.models import User

SPAN = timedelta(days=730)
BATCH = 100_000
MERCHANTS = 50_000
FEW = 1000
"""A database with fewer complaints is empty enough to leave its indexes out while it is filled."""
WORTH_IT = 50_000
"""From so many complaints on, making the indexes again costs less than keeping them up to date."""
BYTES = 5_000
"""Measured with 200,000 complaints: what one needs on disk, with its history, its events, and every index."""
ASIDE = 8 * 1024**3
"""The write-ahead log, and what sorts for the indexes need for a while."""
REVIEWER = "seeded-reviewer"


class NoRoom(Exception):
    """The disk of the database has not enough room; the sentence says how much is needed."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a fill has come: complaints, or things that are made again, of how many."""

    done: int
    number: int
    making: str = ""


def merchants_for(number: int) -> int:
    """Return how many merchants so many complaints are spread over: twenty complaints each, on the average."""
    return max(20, min(MERCHANTS, number // 20))


def estimate(number: int) -> str:
    """Say how much room so many complaints need."""
    room = f"{number * BYTES / 1024**3:,.1f} GB"
    return f"{number:,} complaints need about {room}, at {BYTES:,} bytes each in all."


def check_room(number: int) -> None:
    """Refuse with `NoRoom` when the disk of a database on this machine is too small; elsewhere nobody can say."""
    needed, free = number * BYTES + min(ASIDE, number * BYTES), free_room()
    if free is not None and free < needed:
        raise NoRoom(
            f"{estimate(number)} With the log and the sorting that makes {needed / 1024**3:,.1f} GB, and the disk of"
            f" the database has {free / 1024**3:,.1f} GB left. Give it room, or ask for fewer."
        )


def free_room() -> int | None:
    """Return how many bytes are free where the database is, or None when that is not to be seen from here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'usage') THEN current_setting('data_directory') END,"
            " inet_server_addr() IS NULL"
        )
        where, is_here = cursor.fetchone()
    if not (where and is_here and Path(where).parent.exists()):
        return None
    place = next(each for each in (Path(where), *Path(where).parents) if os.access(each, os.X_OK))
    return shutil.disk_usage(place).free


def fill(number: int, *, now: datetime, merchants: int | None = None, batch: int = BATCH) -> Generator[Step]:
    """Add so many complaints of the last two years, or finish what was begun; yield how far it is, often.

    An empty database does without its indexes meanwhile. Refuses with `NoRoom` what the disk cannot hold.
    """
    begun = _unfinished()
    if begun is None:
        check_room(number)
        begun = _begin(number, now=now, merchants=merchants or merchants_for(number))
    number, done, now, merchants = begun
    yield Step(done, number)
    if done < number:
        draw = Drawing(merchants, now=now)
        while done < number:
            size = min(batch, number - done)
            since, until = (moment_of(part, number, now=now) for part in (done, done + size))
            with transaction.atomic():
                draw.batch(size, since=since, until=until)
                done += size
                _execute("UPDATE seeding_unfinished SET done = %(done)s", {"done": done})
            yield Step(done, number)
    if rebuilding.is_left_out():
        for name, place, of in rebuilding.make_again():
            yield Step(place, of, name)
    with transaction.atomic():
        _execute(statements.PASSED_OVER)
        _execute("DROP TABLE seeding_unfinished")
    yield Step(len(statements.TABLES), len(statements.TABLES), "statistics")
    tidy()


def moment_of(part: int, number: int, *, now: datetime) -> datetime:
    """Return when so many of a number of complaints have been filed, spread evenly over the two years."""
    return now - SPAN + SPAN * (part / number)


def tidy() -> None:
    """Leave the tables as a night's autovacuum would: dead rows gone, pages known to be visible, statistics fresh."""
    command = "ANALYZE" if connection.in_atomic_block else "VACUUM (ANALYZE)"
    for table in (*statements.TABLES, "merchants_merchant", "merchants_miniprogram"):
        _execute(f"{command} {table}")


class Drawing:
    """What every batch of a fill needs, looked up once: the merchants by size, the ends of reviews, the reviewer."""

    def __init__(self, merchants: int, *, now: datetime) -> None:
        self.now = now
        self.merchants = merchants
        with transaction.atomic():
            _execute(statements.ROOM)
            _execute(statements.LISTS)
            _execute("TRUNCATE seeding_shop, seeding_review")
            for statement in (
                statements.PLATFORMS,
                statements.MERCHANTS,
                statements.PROGRAMS,
                statements.SHOPS,
            ):
                _execute(statement, {"merchants": merchants})
            _execute("ANALYZE merchants_merchant; ANALYZE merchants_miniprogram; ANALYZE seeding_shop")
            self._reviews()
        self.reviewer, _is_new = User.objects.get_or_create(
            username=REVIEWER, defaults={"last_name": "支持专员", "is_active": False}
        )

    def _reviews(self) -> None:
        """Write down when a review ends that was submitted on each day, as the calendar says."""
        first = (self.now - SPAN - timedelta(days=2)).astimezone(BEIJING)
        rows = []
        for number in range(SPAN.days + 4):
            start = first + timedelta(days=number)
            ends = end_of_working_day(start, policy_at(start).review_working_days)
            rows.append((start.date(), ends.due_at, ends.is_provisional))
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO seeding_review VALUES (%s, %s, %s)", rows)

    def batch(self, number: int, *, since: datetime, until: datetime, fate: str = "") -> None:
        """Make one batch, filed between two moments, in the transaction that the caller has opened.

        With a `fate` all of them have it; one that `statements` does not know, such as `waiting`, leaves them pending.
        """
        policy = policy_at(since)
        given: dict[str, Any] = {
            **lists(),
            "number": number,
            "since": since,
            "until": until,
            "now": self.now,
            "merchants": self.merchants,
            "fate": fate,
            "reviewer": self.reviewer.pk,
            "handle_within": policy.handle_within,
            "handle_points": policy.handle_points,
            "finish_after": policy.finish_after,
            "refund_within": policy.refund_within,
            "refund_points": policy.refund_points,
            "appeal_timeout_within": policy.appeal_within("complaint_timeout"),
            "appeal_refund_within": policy.appeal_within("refund_overdue"),
            "supplement_within": policy.supplement_within,
            "working_days": policy.review_working_days,
            "reminders": [timedelta(hours=hours) for hours in policy.reminder_hours],
        }
        _execute("SET LOCAL work_mem = '256MB'; SET LOCAL synchronous_commit = off")
        for statement in statements.BATCH:
            _execute(statement, given)

    @transaction.atomic
    def left(self, number: int, *, since: datetime, until: datetime) -> None:
        """Make complaints that wait still, and whose clocks a sweep has not seen."""
        self.batch(number, since=since, until=until, fate="waiting")


Unfinished = tuple[int, int, datetime, int]


def _unfinished() -> Unfinished | None:
    """Return how far a fill came that did not end, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('seeding_unfinished') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return None
        cursor.execute("SELECT number, done, moment, merchants FROM seeding_unfinished")
        number, done, moment, merchants = cursor.fetchone()
        return number, done, moment, merchants


@transaction.atomic
def _begin(number: int, *, now: datetime, merchants: int) -> Unfinished:
    """Write down what is begun, and leave the indexes out when that is worth it."""
    if number >= WORTH_IT and Complaint.objects.all()[:FEW].count() < FEW:
        rebuilding.leave_out()
    _execute("CREATE TABLE seeding_unfinished (number bigint, done bigint, moment timestamptz, merchants integer)")
    _execute(
        "INSERT INTO seeding_unfinished VALUES (%(number)s, 0, %(now)s, %(merchants)s)",
        {"number": number, "now": now, "merchants": merchants},
    )
    return number, 0, now, merchants


def _execute(statement: str, given: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)


def rate(done: int, began: float) -> float:
    """Return how many a second were done since this moment of the clock."""
    return done / max(time.monotonic() - began, 0.001)
