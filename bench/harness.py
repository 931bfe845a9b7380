"""What the benches share: a database of their own, thrown away afterwards, medians, and the table at the end.

The cluster is the one that DATABASE_URL names, or the embedded one of this DATA_DIR: durable, as `make run` starts it.
When the bench has to start it, PG_OPTIONS gives it more memory than a demo needs and keeps autovacuum out of the
measurements; what holds is printed.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault(
    "PG_OPTIONS", "-c shared_buffers=1GB -c max_wal_size=4GB -c checkpoint_timeout=30min -c autovacuum=off"
)

SHOWN = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "autovacuum",
)


@contextmanager
def portal(purpose: str, *, name: str = "") -> Iterator[str]:
    """Bring the services, migrate an empty database and set Django up on it; yield its name and drop it at the end.

    One that has a `name` is kept, and used again when it is there.
    """
    from complaints_portal import embedded

    with embedded.ensure(embedded.data_dir_of(ROOT)) as services:
        embedded.put_in_environment(services)
        import django
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        is_kept, name = bool(name), name or f"bench_{purpose}_{os.getpid()}"
        if not (is_kept and is_there(name)):
            run_apart(f"CREATE DATABASE {name}")
        try:
            use_database(name)
            call_command("migrate", verbosity=0)
            with connection.cursor() as cursor:
                cursor.execute("SELECT name || '=' || current_setting(name) FROM unnest(%s) AS name", [list(SHOWN)])
                print("PostgreSQL:", ", ".join(shown for (shown,) in cursor.fetchall()), f"· {os.cpu_count()} cores")
            yield name
        finally:
            if not is_kept:
                drop_database(name)


def is_there(name: str) -> bool:
    """Say whether the cluster has a database of this name."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", [name])
        return bool(cursor.fetchone()[0])


def use_database(name: str) -> None:
    """Point Django, and the programs that are started from here, at another database of the same cluster."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name
    os.environ["DATABASE_URL"] = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def copy_database(source: str, copy: str) -> None:
    """Make an identical copy of a database, whose pages are all on disk, and use it."""
    from django.db import connection

    connection.close()
    run_apart(f"CREATE DATABASE {copy} TEMPLATE {source} STRATEGY FILE_COPY")
    use_database(copy)


def drop_database(name: str) -> None:
    """Throw a database away."""
    from django.db import connection

    connection.close()
    run_apart(f"DROP DATABASE IF EXISTS {name}")


def run_apart(statement: str) -> None:
    """Run a statement outside any transaction, on the cluster's own database."""
    import psycopg2  # type: ignore[import-untyped]  # no stubs for two calls

    url = urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres").geturl()
    apart = psycopg2.connect(url)
    try:
        apart.autocommit = True
        with apart.cursor() as cursor:
            cursor.execute(statement)
    finally:
        apart.close()


def table(title: str, figures: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Print each round and the median of every figure; return the medians."""
    print(f"\n{title}")
    medians = {name: median(rounds) for name, rounds in figures.items()}
    for name, rounds in figures.items():
        print(f"  {name:<28}{medians[name]:>12,.0f}    rounds: {', '.join(f'{each:,.0f}' for each in rounds)}")
    return medians


def last_line(figures: Mapping[str, float]) -> None:
    """Print the figures as one JSON object."""
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
