"""The services that the portal brings itself when no DATABASE_URL or REDIS_URL is set. Knows nothing of Django.

Several programs may use the services of one DATA_DIR at a time: `make run`, a `manage.py` command beside it. Each
holds a shared lock on `services.users` as long as it lives; the first one starts the services, the last one stops
them. The kernel gives a killed program's lock back, so no lock is ever stale; services that run although nobody holds
the lock were left behind by a killed program, and the next one stops them before it starts its own.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import environ

from complaints_portal.place import CannotStart, Place, place_for
from complaints_portal.servers import Postgres, Server, Valkey

__all__ = [
    "CannotStart",
    "Services",
    "data_dir_of",
    "ensure",
    "find_running",
    "in_use",
    "put_in_environment",
    "stop_left_behind",
]

Purpose = Literal["run", "test"]


@dataclass(frozen=True)
class Services:
    """The addresses of PostgreSQL and Valkey, and those of the two that the portal brought itself."""

    database_url: str
    redis_url: str
    own: tuple[Server, ...] = field(default=(), compare=False)

    def mend(self) -> list[str]:
        """Start those of our own that have died again, at the same address, and return their names."""
        dead = [server for server in self.own if not server.find()]
        if not dead:
            return []
        with _starting(dead[0].place.data_dir):
            dead = [server for server in dead if not server.find()]
            for server in dead:
                server.start()
        return [server.name for server in dead]


@contextmanager
def ensure(data_dir: Path, *, purpose: Purpose = "run") -> Iterator[Services]:
    """Use the services of a DATA_DIR for a while: those that are set, those that run already, or new ones.

    `purpose="test"` trades safety against a power cut for speed. Raise `CannotStart`, with a sentence, when that is not
    possible.
    """
    database_url, redis_url = configured("DATABASE_URL"), configured("REDIS_URL")
    if database_url and redis_url:
        yield Services(database_url, redis_url)
        return
    if os.environ.get("DJANGO_ENV") == "production":
        raise CannotStart("In production the portal brings no services of its own: set DATABASE_URL and REDIS_URL.")
    place = place_for(data_dir.resolve(), durable=purpose == "run")
    postgres, valkey = Postgres(place), Valkey(place)
    wanted: list[Server] = [server for server, url in ((postgres, database_url), (valkey, redis_url)) if not url]
    with _users(place.data_dir).open("a") as users:
        try:
            with _starting(place.data_dir):
                if _is_only_user(users):
                    _stop(place)
                fcntl.flock(users, fcntl.LOCK_SH)
                for server in wanted:
                    if not server.find():
                        server.start()
            yield Services(database_url or postgres.url, redis_url or valkey.url, tuple(wanted))
        finally:
            with _starting(place.data_dir):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _is_only_user(users):
                    _stop(place)


def find_running(data_dir: Path) -> Services | None:
    """Return the services that run for a DATA_DIR, None unless both do."""
    if not (data_dir / "services").exists():
        return None
    place = place_for(data_dir.resolve(), durable=True)
    postgres, valkey = Postgres(place), Valkey(place)
    if not (postgres.find() and valkey.find()):
        return None
    return Services(postgres.url, valkey.url, (postgres, valkey))


def in_use(data_dir: Path) -> bool:
    """Say whether a living program uses the services of a DATA_DIR."""
    if not _users(data_dir).exists():
        return False
    with _users(data_dir).open("a") as users:
        return not _is_only_user(users)


def stop_left_behind(data_dir: Path) -> None:
    """Stop what a killed program left running. The caller has made sure that nobody uses it."""
    if (data_dir / "services").exists():
        with _starting(data_dir):
            _stop(place_for(data_dir.resolve(), durable=True))


def data_dir_of(base_dir: Path) -> Path:
    """Return the DATA_DIR of the portal in `base_dir`, after reading its `.env` into what is not set yet."""
    environ.Env.read_env(base_dir / ".env")
    return Path(os.environ.get("DATA_DIR") or base_dir / ".data").resolve()


def configured(name: str) -> str:
    """Return what the variable, or the file that NAME_FILE names, holds; an empty string when neither is set."""
    file = os.environ.get(f"{name}_FILE")
    return os.environ.get(name) or (Path(file).read_text().strip() if file else "")


def put_in_environment(services: Services) -> None:
    """Tell Django's settings, and every program that is started from here, where the services are."""
    os.environ["DATABASE_URL"] = services.database_url
    os.environ["REDIS_URL"] = services.redis_url


def _stop(place: Place) -> None:
    for server in (Valkey(place), Postgres(place)):
        server.stop()


def _users(data_dir: Path) -> Path:
    return data_dir / "services.users"


def _is_only_user(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _starting(data_dir: Path) -> Iterator[None]:
    """Start and stop services one program at a time; wait for the other."""
    with (data_dir / "services.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
