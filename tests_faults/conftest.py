"""Faults: real processes on a PostgreSQL and a Valkey that the tests may stop, and a table of what was survived."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection

from complaints_portal.place import place_for
from complaints_portal.servers import Postgres, Valkey
from notifications.tests.making import start_telling
from tests_faults.crew import Crew, crew_in
from tests_faults.rows import broken
from tests_faults.sizes import IS_FULL

Line = tuple[str, ...]
LINES = pytest.StashKey[list[Line]]()
HEAD = ("", "what", "size", "landed", "result")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LINES] = []


@dataclass
class Report:
    """Takes down what each scenario survived, and what its twin did not."""

    lines: list[Line] = field(default_factory=list)

    def survived(self, number: str, what: str, *, size: str, landed: str, result: str) -> None:
        """Take it down, after a look at every invariant of `manage.py verify`."""
        assert broken() == []
        self._add(number, what, size, landed, result)

    def bitten(self, number: str, without: str, *, size: str, damage: str) -> None:
        """Take down what the twin, without a guard, did to the data."""
        self._add(number, f"twin: {without}", size, "", f"damage: {damage}")

    def _add(self, *line: str) -> None:
        self.lines.append(line)
        print(" | ".join(line))  # noqa: T201 (shown with -s, and when a test fails)


@pytest.fixture(scope="session", autouse=True)
def patient_cache() -> None:
    """Leave the cache its own limits of time, unlike elsewhere: what they are good for is looked at here."""


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    return Report(request.config.stash[LINES])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    known = config.stash[LINES]
    lines = sorted(known, key=lambda line: int(line[0].removeprefix("F")))
    if not lines:
        return
    terminalreporter.section(f"faults survived, {'whole' if IS_FULL else 'short'} sizes")
    table = [HEAD, *lines]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    for line in table:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


@dataclass(frozen=True)
class Services:
    """The PostgreSQL and the Valkey of this run of the tests."""

    postgres: Postgres
    valkey: Valkey

    def restart_postgres(self) -> None:
        """Let it die at once, as by `immediate`, and start it again."""
        self.postgres.stop()
        self.postgres.start()
        connection.close()


def _services(*, durable: bool) -> Services:
    place = place_for(Path(os.environ["DATA_DIR"]), durable=durable)
    return Services(Postgres(place), Valkey(place))


@pytest.fixture
def services(transactional_db: None) -> Iterator[Services]:
    """The services, which a test may stop; those that are away at its end are started again."""
    found = _services(durable=False)
    assert found.postgres.find(), "the fault tests stop their services: unset DATABASE_URL and REDIS_URL"
    assert found.valkey.find(), "the fault tests stop their services: unset DATABASE_URL and REDIS_URL"
    yield found
    for server in (found.postgres, found.valkey):
        if not server.find():
            server.start()
            connection.close()


@pytest.fixture(scope="session")
def nursery(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crew]:
    """The program that raises processes, once for all tests."""
    with crew_in(tmp_path_factory.mktemp("crew")) as crew:
        yield crew


@pytest.fixture
def crew(transactional_db: None, nursery: Crew) -> Iterator[Crew]:
    """Who is raised in a test, on an empty database in which members are told of what happens."""
    start_telling()
    yield nursery
    nursery.go_home()
    print(nursery.words())  # noqa: T201 (shown when a test fails)
