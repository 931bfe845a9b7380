"""The tests' database: a copy of one with all migrations done, emptied after each test that commits.

The migrations take longer than anything else that a run of the tests does before its first test. They run once, and
again when code or a data file has changed: some migrations read them.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pgtrigger
import psycopg2  # type: ignore[import-untyped]  # no stubs for a few calls
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from complaints_portal.place import place_for
from complaints_portal.servers import Postgres

PREFIX = "migrated_"
FEW = 1500
"""Up to so many rows in each table are deleted; where there are more, emptying all tables at once is quicker."""
KEPT = ("django_migrations", "django_content_type", "auth_permission")
"""What no test writes, and what rows that the migrations wrote name by number."""

_written: dict[str, BytesIO] = {}
"""What the migrations wrote, by table."""


def copy_what_is_migrated() -> None:
    """Let Django copy its test database instead of migrating it, on a PostgreSQL of the tests' own.

    In somebody else's PostgreSQL nothing may stay behind, so the migrations run as ever.
    """
    data_dir = Path(os.environ["DATA_DIR"])
    if Postgres(place_for(data_dir, durable=False)).url != os.environ["DATABASE_URL"]:
        return
    name = PREFIX + _fingerprint()
    with (data_dir / "migrated.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make_unless_there(name)
    connection.settings_dict["TEST"] |= {"TEMPLATE": name, "MIGRATE": False}


def empty() -> None:
    """Leave the database as the migrations left it, so that no test sees whether one that commits came before it.

    `flush` makes the files of 86 tables and their indexes anew for a few rows; and what migrations wrote is gone then.
    """
    tables = [name for name in _tables() if name not in KEPT]
    counts = [
        f"SELECT '{name}', count(*) FROM (SELECT FROM {name} LIMIT {FEW + 1})"  # noqa: S608 (names of our models' tables)
        for name in tables
    ]
    with transaction.atomic(), pgtrigger.ignore(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(counts))
        found = {name: rows for name, rows in cursor.fetchall() if rows}
        if max(found.values(), default=0) > FEW:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
        elif found:
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in found))  # noqa: S608 (as above)
        if found:
            _write_again(cursor)


def _tables() -> list[str]:
    return connection.introspection.django_table_names(only_existing=True, include_views=False)


def remember() -> None:
    """Keep what the migrations wrote, before the first test."""
    with connection.cursor() as cursor:
        for name in _tables():
            cursor.execute(f"SELECT EXISTS (SELECT FROM {name})")  # noqa: S608 (as above)
            if name not in KEPT and cursor.fetchone()[0]:
                _written[name] = BytesIO()
                cursor.copy_expert(f"COPY {name} TO STDOUT", _written[name])


def _write_again(cursor: Any) -> None:
    for name, rows in _written.items():
        rows.seek(0)
        cursor.copy_expert(f"COPY {name} FROM STDIN", rows)


def _fingerprint() -> str:
    """Say what the migrations are made of: all code of ours but tests, and the migrations of others."""
    found = sha256()
    for config in apps.get_app_configs():
        root = Path(config.path)
        for path in sorted((root if root.parent == settings.BASE_DIR else root / "migrations").rglob("*.*")):
            if path.suffix in (".py", ".csv") and "tests" not in path.parts[len(root.parts) :]:
                found.update(bytes(path) + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _make_unless_there(name: str) -> None:
    with _administrator() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        known = [row[0] for row in cursor.fetchall()]
        if name in known:
            return
        for old in known:
            cursor.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
        # A test database as Django makes it, which gets the name of a whole one only when it is one.
        untested = connection.settings_dict["NAME"]
        made = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.close()
        connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = untested
        cursor.execute(f'ALTER DATABASE "{made}" RENAME TO "{name}"')


@contextmanager
def _administrator() -> Iterator[psycopg2.extensions.cursor]:
    """Open a cursor beside Django's connection, outside any transaction."""
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as beside:
        beside.autocommit = True
        with beside.cursor() as cursor:
            yield cursor
