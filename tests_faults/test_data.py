"""F10, F11, F17, and a backup: zones, working days, migrations with rows in them, and a restored database."""

import json
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

from appeals.models import Appeal
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, make_program
from complaints_portal.tests import test_backups
from complaints_portal.tests.test_backups import back_up, other_database, restore
from deadlines.calendar import end_of_working_day
from deadlines.models import Deadline, WorkDay
from deadlines.sweeping import run_sweep
from deadlines.tests import test_calendar
from deadlines.tests.publishing import publish_the_known_years
from evidence.tests.conftest import directory
from notifications.models import Event
from penalties.models import Penalty
from tests_faults.conftest import Report
from tests_faults.crew import environment
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
LATELY = {"complaints_portal": "0006", "appeals": "0002", "penalties": "0004"}
"""The states of apps, in the order in which they are gone back to, in which the table of each was there."""
LONG_AGO = {
    "complaints_portal": "0003",
    "penalties": "0003",
    "notifications": "0003",
    "deadlines": "0005",
    "refunds": "0002",
    "complaints": "0003",
}
"""The states in which complaints were younger; appeals and the summaries of days were not there yet."""


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


COMMANDS = """
import json, sys, django
from django.core.management import call_command
django.setup()
for command in json.loads(sys.argv[1]):
    call_command(*command)
"""


def run_manage(database: str, *commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Run commands one after another, in one process of their own."""
    return subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=settings.BASE_DIR,
        env=environment() | {"DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=False,
    )


def manage(database: str, *commands: list[str]) -> str:
    done = run_manage(database, *commands)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_database(database: str, *statements: str) -> list[tuple[Any, ...]]:
    """Execute statements, and return the rows of the last one if it has any."""
    with closing(psycopg2.connect(database)) as own, own, own.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def rows_of(database: str) -> dict[str, int]:
    """Count the rows of the tables that every schema has."""
    tables = [model._meta.db_table for model in (Complaint, HistoryLine, Event, Deadline, Penalty)]
    if in_database(database, "SELECT to_regclass('appeals_appeal')")[0][0]:
        tables.append(Appeal._meta.db_table)
    return dict(
        in_database(database, " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables))
    )


AS_THEY_WERE = (
    """INSERT INTO appeals_appeal (penalty_id, merchant_id, mini_program_id, attempt, status, submitted_at, review_by,
        is_provisional, asked_at, reason_code, message, description, proofs, unsolved_knowingly, actor_kind, actor_name,
        supplement)
    SELECT id, merchant_id, mini_program_id, 1, 'withdrawn', issued_at, issued_at + interval '1 day', false, issued_at,
        'unclear', 'When was it paid?', 'It was paid.', '{}', false, 'member', 'Li', '' FROM penalties_penalty""",
    """INSERT INTO complaints_portal_daysummary (day, dispute_type, root_cause, filed, handled, in_time, missed,
        minutes, points_lost, points_given_back, refunded, repeated, from_consultation, unhandled, merchant_id,
        mini_program_id)
    SELECT '2026-01-01', 'type ' || row_number() OVER (ORDER BY id), '', 1, 1, 1, 0, '{60}', 0, 0, 0, 0, 0, 0,
        merchant_id, mini_program_id FROM penalties_penalty""",
)
"""An appeal and a day's summary for each penalty, in the tables of that time."""


@contextmanager
def watched(database: str) -> Iterator[dict[str, float]]:
    """Write down how long each table was locked against readers or writers, as far as a look each 10 ms shows."""
    held: dict[str, float] = {}
    ready, over = threading.Event(), threading.Event()

    def look() -> None:
        since: dict[tuple[int, str], float] = {}
        with closing(psycopg2.connect(database)) as own, closing(psycopg2.connect(database)) as other:
            own.autocommit = True
            with own.cursor() as cursor:
                # What a migration makes new is locked until it is there, and nobody waits for it.
                cursor.execute("SELECT oid FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384")
                there = [oid for (oid,) in cursor.fetchall()]
                with other, other.cursor() as trial:
                    trial.execute("LOCK TABLE complaints_complaint IN SHARE MODE")
                    if "complaints_complaint" in {name for _pid, name in locked_now(cursor, there)}:
                        ready.set()
                while not over.wait(0.01):
                    now, seen = time.monotonic(), locked_now(cursor, there)
                    since = {each: since.get(each, now) for each in seen}
                    for (_pid, name), began in since.items():
                        held[name] = max(held.get(name, 0.0), now - began)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert ready.wait(30), "a lock taken on trial was not seen"
        yield held
    finally:
        over.set()
        thread.join()


def locked_now(cursor: Any, there: list[int]) -> set[tuple[int, str]]:
    """Return who holds which of these tables locked against readers or writers: process and table."""
    cursor.execute(
        "SELECT pid, relation::regclass::text FROM pg_locks WHERE locktype = 'relation' AND granted"
        " AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database"
        " WHERE datname = current_database()) AND mode IN ('AccessExclusiveLock', 'ExclusiveLock',"
        " 'ShareRowExclusiveLock', 'ShareLock') AND relation = ANY(%s::oid[])",
        [there],
    )
    return set(cursor.fetchall())


def go_back(database: str, states: dict[str, str]) -> None:
    manage(database, *(["migrate", app, state, "--verbosity=0"] for app, state in states.items()))


def test_f17_earlier_schemas_with_rows_come_forward(a_copy: Any, report: Report) -> None:
    rows, due, apart = size(200, 100_000), timezone.now() - HOUR, timedelta(milliseconds=1)
    make_overdue(rows, due=due, apart=apart)
    run_sweep("handle", cut_off=due - rows // 5 * apart, issued_at=timezone.now(), ran_by="test")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # what was written a moment ago is unknown to the planner, and looked at next
    database = a_copy()
    go_back(database, LATELY)
    in_database(database, *AS_THEY_WERE)
    before = rows_of(database)
    appealed = before["appeals_appeal"]
    assert appealed == before["penalties_penalty"] > rows // 2
    locks = [come_forward(database, before, "every table with rows", rows, report)]
    moved = "SELECT count(*) FROM appeals_appeal WHERE asked_for = 'When was it paid?' AND message = ''"
    assert in_database(database, moved) == [(appealed,)]
    in_database(database, "TRUNCATE appeals_appeal CASCADE")  # they have no history, which verify would miss
    if IS_FULL:
        before = rows_of(database)
        go_back(database, LONG_AGO)
        locks.append(come_forward(database, before, "complaints long ago", rows, report))
    said = manage(database, ["migrate", "--check", "--verbosity=0"], ["sweep", "handle"], ["verify"])
    assert "broken" not in said
    if IS_FULL:
        assert [held for held in locks if max(held.values()) >= LONGEST_LOCK] == []


def come_forward(database: str, before: dict[str, int], what: str, rows: int, report: Report) -> dict[str, float]:
    """Migrate while somebody watches, and return how long each table was locked; all rows must still be there."""
    with watched(database) as held:
        manage(database, ["migrate", "--verbosity=0"])
    assert held or not IS_FULL, "with few rows no lock need last from one look to the next"
    by_length = sorted(held.items(), key=lambda each: -each[1])
    print(what, by_length)  # noqa: T201 (shown when the test fails)
    assert rows_of(database) == before
    report.survived(
        "F17",
        f"back to earlier schemas, and forward: {what}",
        size=f"{rows:,} rows",
        landed=f"{len(held)} tables seen locked",
        result="no row lost; longest locks "
        + (", ".join(f"{table} {took:.2f} s" for table, took in by_length[:3]) or "under 0.01 s"),
    )
    return held


def test_f17_a_careless_migration_locks_everybody_out_and_loses_a_row(a_copy: Any, report: Report) -> None:
    """The twin: a column that is added and filled in one transaction, row by row, and a table that is copied badly."""
    rows = size(300, 30_000)
    make_overdue(rows, due=timezone.now() - HOUR)
    database = a_copy()
    with watched(database) as held, closing(psycopg2.connect(database)) as own, own.cursor() as cursor:
        began = time.monotonic()
        cursor.execute("ALTER TABLE complaints_complaint ADD COLUMN scratch integer")
        cursor.execute("SELECT id FROM complaints_complaint")
        for (number,) in cursor.fetchall():
            cursor.execute("UPDATE complaints_complaint SET scratch = 1 WHERE id = %s", [number])
        with closing(psycopg2.connect(database)) as other, other.cursor() as reader:
            reader.execute("SET lock_timeout = '20ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                reader.execute("SELECT count(*) FROM complaints_complaint")
        cursor.execute("DELETE FROM deadlines_deadline WHERE id = (SELECT max(id) FROM deadlines_deadline)")
        own.commit()
        took = time.monotonic() - began
    locked = held["complaints_complaint"]
    assert locked > max(took / 2, LONGEST_LOCK) or not IS_FULL, "the twin must lock, or the test does not bite"
    found = run_manage(database, ["verify"])
    assert found.returncode == 1, found.stdout
    report.bitten(
        "F17",
        "filled row by row in one transaction; a clock lost",
        size=f"{rows:,} rows",
        damage=f"locked for {locked:.2f} of {took:.2f} s, readers refused; found by verify",
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
