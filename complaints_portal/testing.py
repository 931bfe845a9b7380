"""A pytest plugin: the tests' own PostgreSQL and Valkey, in the environment before Django reads its settings.

Loaded with `-p complaints_portal.testing`. Each run of pytest takes the first free of the directories `.data/test/0`,
`1`, …, so that two runs in one clone do not meet. Workers of pytest-xdist inherit the servers from the process that
starts them; each has a database of its own in PostgreSQL (pytest-django's work), a number of its own in Valkey and a
directory of its own for evidence.
"""

import atexit
import fcntl
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import freezegun.api
import pytest

from complaints_portal import embedded
from complaints_portal.serving import settle_down, with_room

if TYPE_CHECKING:
    from pytest_django import Settings

    from refunds.sandbox.testing import RunningSandbox

ROOT = Path(__file__).resolve().parent.parent / ".data" / "test"


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest-django, which imports the settings in the same hook
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Bring the services in the process that was started by hand; in its workers only choose what is their own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        _take_own_corner(1 + int(worker.removeprefix("gw")))
    elif not (early_config.known_args_namespace.help or early_config.known_args_namespace.version):
        _bring_services()
        _take_own_corner(0)
    return (yield)


def pytest_sessionstart() -> None:
    """Compile the translations, which are not kept in the repository, once and before any worker reads them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        from django.utils.translation.reloader import translation_file_changed  # noqa: PLC0415

        from complaints_portal import catalogue  # noqa: PLC0415 (the settings are readable only now)

        for path in catalogue.compile_all():
            translation_file_changed(sender=None, file_path=path)  # a run without workers has read the old ones


def pytest_configure() -> None:
    """Give what tests call room, and let freezegun look at a module again only when it has more or fewer names.

    It lists and sorts the names of 2,700 modules each time a test stops the clock, and most tests of pages do.
    """
    pytest.Function.runtest = with_room(pytest.Function.runtest)  # type: ignore[method-assign]  # pytest has no hook

    def names_of(module: object) -> str:
        return f"{id(module)}-{len(getattr(module, '__dict__', ()))}"

    freezegun.api._get_module_attributes_hash = names_of  # noqa: SLF001 (freezegun has no setting for it)


def pytest_collection_finish() -> None:
    """Let the collector of garbage never look again at what is there for good: code and tests, a million objects."""
    settle_down()


def _bring_services() -> None:
    """Start the services, and stop them when this process ends, also on Ctrl-C."""
    stack = ExitStack()
    atexit.register(stack.close)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    directory = stack.enter_context(_free_directory())
    os.environ["DATA_DIR"] = str(directory)
    try:
        services = stack.enter_context(embedded.ensure(directory, purpose="test"))
    except embedded.CannotStart:
        # Without fsync a power cut may leave a cluster that does not start; there is nothing in it to keep.
        shutil.rmtree((directory / "services").resolve(), ignore_errors=True)
        try:
            services = stack.enter_context(embedded.ensure(directory, purpose="test"))
        except embedded.CannotStart as reason:
            raise pytest.UsageError(str(reason)) from None
    embedded.put_in_environment(services)


@contextmanager
def _free_directory() -> Iterator[Path]:
    """Hold the first directory under ROOT that no other run of pytest holds."""
    for number in itertools.count():
        directory = ROOT / str(number)
        directory.mkdir(parents=True, exist_ok=True)
        with directory.with_suffix(".taken").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield directory
            return


def _take_own_corner(number: int) -> None:
    """Point this process at the Valkey database `number` after the given one, and at an empty evidence directory."""
    parts = urlsplit(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = parts._replace(path=f"/{int(parts.path.strip('/') or 0) + number}").geturl()
    evidence = Path(os.environ["DATA_DIR"]) / "evidence" / str(number)
    shutil.rmtree(evidence, ignore_errors=True)
    os.environ["EVIDENCE_STORAGE"] = f"file://{evidence}"


@pytest.fixture
def sandbox(tmp_path: Path, settings: "Settings") -> "Iterator[RunningSandbox]":
    """Run a payment system with fresh books, which both gateways use for the length of a test."""
    from refunds.sandbox import testing  # noqa: PLC0415 (the settings are readable only now)

    with testing.running(tmp_path / "sandbox") as running:
        for name, value in testing.settings_for(running).items():
            setattr(settings, name, value)
        testing.forget_gateways()
        yield running
    testing.forget_gateways()
