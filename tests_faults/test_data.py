"""F10, F11, F17, and a backup: zones, working days, migrations with rows in them, and a restored database."""

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg2  # type: ignore[import-untyped]  # no stubs for three calls
import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from complaints.tests.factories import file_at, make_program
from complaints_portal.tests import test_backups
from complaints_portal.tests.test_backups import back_up, other_database, restore
from deadlines.calendar import end_of_working_day
from deadlines.models import WorkDay
from deadlines.tests import test_calendar
from deadlines.tests.publishing import publish_the_known_years
from evidence.tests.conftest import directory
from tests_faults.conftest import Report
from tests_faults.rows import make_overdue
from tests_faults.sizes import IS_FULL, size

__all__ = ["directory", "other_database"]

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
SPAN = 96 * HOUR
ZONES = {"Europe/Berlin": 2026, "America/New_York": 2026, "Asia/Shanghai": 1990, "Australia/Lord_Howe": 2026}
BEFORE_A_CHANGE = (1, 24, 48, 72, 90, 95)
"""Hours before each of the two changes of a year."""


def changes_of(zone: ZoneInfo, year: int) -> list[datetime]:
    """Return the hours of a year before which the clocks of a zone were changed."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + number * HOUR for number in range(8760)]
    return [later for hour, later in pairwise(hours) if offset(hour, zone) != offset(later, zone)]


def offset(moment: datetime, zone: ZoneInfo) -> Any:
    return moment.astimezone(zone).utcoffset()


def test_f10_96_hours_are_elapsed_hours_in_every_zone(report: Report) -> None:
    program, wrong, naive_is_wrong, number = make_program(), 0, 0, 0
    for name, year in ZONES.items():
        zone = ZoneInfo(name)
        changes = changes_of(zone, year)
        assert len(changes) == 2, f"{name} changed its clocks {len(changes)} times in {year}"
        for filed in (change - hours * HOUR for change in changes for hours in BEFORE_A_CHANGE):
            complaint = file_at(filed.astimezone(zone), program)
            complaint.refresh_from_db()
            number += 1
            wrong += complaint.handle_by - filed != SPAN
            naive = filed.astimezone(zone) + SPAN  # adds to the clock on the wall
            naive_is_wrong += naive.astimezone(UTC) - filed != SPAN
    assert number == 48
    assert wrong == 0
    assert naive_is_wrong == number, "the moments must lie around the changes, or the test does not bite"
    report.survived(
        "F10",
        "clocks on the wall change within the 96 hours",
        size=f"{len(ZONES)} zones x 12 moments",
        landed=f"{naive_is_wrong} of {number} across a change",
        result="96 h each",
    )
    report.bitten(
        "F10", "hours added to local time", size=f"{number} moments", damage=f"{naive_is_wrong} off by up to an hour"
    )


def test_f11_working_days_are_those_of_two_sources(report: Report) -> None:
    publish_the_known_years()
    test_calendar.test_the_calendar_equals_both_sources_on_every_day()
    test_calendar.test_the_make_up_days_of_2026()
    beyond = end_of_working_day(datetime(2026, 12, 30, 2, tzinfo=UTC), 3)
    assert beyond.is_provisional
    days = WorkDay.objects.count()
    by_the_week = sum(day.is_working != (day.day.weekday() < 5) for day in WorkDay.objects.all())
    assert by_the_week > 0
    report.survived(
        "F11",
        "working days 2024 to 2026 against two sources",
        size=f"{days:,} days",
        landed="",
        result=f"0 differences; {date(2027, 1, 1).year} is provisional",
    )
    report.bitten("F11", "Monday to Friday", size=f"{days:,} days", damage=f"{by_the_week} days wrong")


# A copy of the database goes back to earlier schemas and comes forward again.

LONGEST_LOCK = 2.0
EARLIER = {
    "complaints_portal": "0007",
    "penalties": "0005",
    "appeals": "0002",
    "notifications": "0003",
    "deadlines": "0006",
    "complaints": "0009",
}
"""Each app's earlier state, in the order in which they are gone back to."""


@pytest.fixture
def a_copy(transactional_db: None) -> Iterator[Any]:
    """Give the function that copies this test's database as it is; the copy is dropped afterwards."""
    name = f"{connection.settings_dict['NAME']}_earlier"
    server = os.environ["DATABASE_URL"]

    def in_server(statement: str) -> None:
        with closing(psycopg2.connect(server)) as admin:
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute(statement)

    def copy() -> str:
        connections.close_all()
        in_server(f'CREATE DATABASE "{name}" TEMPLATE "{connection.settings_dict["NAME"]}"')
        return urlsplit(server)._replace(path=f"/{name}").geturl()

    in_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    yield copy
    in_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def manage(database: str, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def watched(database: str) -> Iterator[dict[str, float]]:
    """Write down how long each table was locked against readers or writers, as far as a look each 10 ms shows."""
    held: dict[str, float] = {}
    ready, over = threading.Event(), threading.Event()

    def look() -> None:
        since: dict[tuple[int, str], float] = {}
        with closing(psycopg2.connect(database)) as own:
            own.autocommit = True
            with own.cursor() as cursor:
                # What a migration makes new is locked until it is there, and nobody waits for it.
                cursor.execute("SELECT oid FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384")
                there = [oid for (oid,) in cursor.fetchall()]
                ready.set()
                while not over.wait(0.01):
                    cursor.execute(
                        "SELECT pid, relation::regclass::text FROM pg_locks WHERE locktype = 'relation' AND granted"
                        " AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database"
                        " WHERE datname = current_database()) AND mode IN ('AccessExclusiveLock', 'ExclusiveLock',"
                        " 'ShareRowExclusiveLock', 'ShareLock') AND relation = ANY(%s::oid[])",
                        [there],
                    )
                    now, seen = time.monotonic(), {(pid, name) for pid, name in cursor.fetchall()}
                    since = {each: since.get(each, now) for each in seen}
                    for (_pid, name), began in since.items():
                        held[name] = max(held.get(name, 0.0), now - began)

    thread = threading.Thread(target=look)
    thread.start()
    assert ready.wait(30)
    try:
        yield held
    finally:
        over.set()
        thread.join()


def test_f17_earlier_schemas_with_rows_come_forward(a_copy: Any, report: Report) -> None:
    rows = size(200, 100_000)
    back = dict(list(EARLIER.items())[: size(3, len(EARLIER))])
    importlib.import_module("appeals.tests.seeded").seed()
    make_overdue(rows, due=timezone.now() - HOUR)
    database = a_copy()
    for app, state in back.items():
        manage(database, "migrate", app, state, "--verbosity=0")
    with watched(database) as held:
        manage(database, "migrate", "--verbosity=0")
    assert held, "no lock was seen, so nobody was watching"
    table, longest = max(held.items(), key=lambda each: each[1])
    if IS_FULL:
        assert longest < LONGEST_LOCK, f"{table} was locked for {longest:.1f} s"
    assert "Nothing" not in manage(database, "migrate", "--check", "--verbosity=0")
    manage(database, "sweep", "handle")
    said = manage(database, "verify")
    assert "broken" not in said
    report.survived(
        "F17",
        "back to earlier schemas with rows, and forward (PostgreSQL 18)",
        size=f"{len(back)} apps, {rows:,} rows",
        landed=f"{len(held)} tables seen locked",
        result=f"swept and verified; longest lock {longest:.2f} s ({table})",
    )


cases = test_backups.cases


def test_a_backup_is_restored_elsewhere_and_verified(
    cases: Any,
    other_database: str,
    tmp_path: Path,
    report: Report,
) -> None:
    back_up(tmp_path / "backup")
    done = restore(tmp_path / "backup", other_database, tmp_path / "pictures")
    assert done.returncode == 0, done.stdout + done.stderr
    holds = done.stdout.count("holds ")
    assert holds > 20
    assert "broken" not in done.stdout
    lost = next(path for path in (tmp_path / "pictures").rglob("*") if path.is_file())
    lost.write_bytes(b"something else")
    spoilt = subprocess.run(
        [sys.executable, "manage.py", "verify", "--evidence"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": other_database, "EVIDENCE_STORAGE": f"file://{tmp_path / 'pictures'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert spoilt.returncode == 1
    report.survived(
        "F19",
        "a backup restored into another database",
        size=f"{len(cases)} pictures",
        landed="",
        result=f"{holds} invariants hold there",
    )
    report.bitten("F19", "a picture changed after the restore", size="1 picture", damage="found by verify --evidence")
