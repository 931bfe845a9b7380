"""A command that meets no database, or an empty one, ends with a sentence and status 1, and without a stack trace."""

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings


def ended(*arguments: str, database: str) -> tuple[int, str]:
    """Run a command on a database of this server, or on none; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


NOBODY = "postgres://portal:secret@127.0.0.1:9/portal"
TOLD = "manage.py: The database does not answer: "


@pytest.mark.parametrize("order", ["sweeps", "sweep", "verify", "backup"])
def test_a_database_that_does_not_answer_is_named_without_a_stack_trace(order, tmp_path):
    directory = [str(tmp_path / "backup")] if order == "backup" else []
    status, said = ended(order, *directory, database=NOBODY)
    assert status == 1
    assert said.startswith(TOLD), said
    assert "Start PostgreSQL, or mend DATABASE_URL" in said
    assert "manage.py doctor" in said
    assert "Traceback" not in said


def test_the_stack_trace_is_there_for_who_asks():
    status, said = ended("sweeps", "--traceback", database=NOBODY)
    assert status == 1
    assert "Traceback" in said


@pytest.mark.parametrize("order", ["sweeps", "sweep", "verify", "watch"])
def test_an_empty_database_needs_its_migrations(order):
    empty = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres"))
    status, said = ended(order, database=empty)
    assert status == 1
    assert said.startswith("manage.py: The database lacks something: relation "), said
    assert "Run manage.py migrate, and try again." in said
    assert "Traceback" not in said
