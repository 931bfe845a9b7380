"""`make run` and `make reset`: sentences when they cannot go on, an orderly stop, a fresh start after a kill."""

import fcntl
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.tests.ports import port_of_nobody
from complaints_portal import embedded, launcher, processes, sandboxed, supervisor
from complaints_portal.place import CannotStart
from refunds.sandbox.testing import running

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return an empty directory that every user may enter."""
    directory = Path(tempfile.mkdtemp(prefix="portal-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def port() -> int:
    """Return a port that is free, and stays so until the portal listens."""
    return port_of_nobody()


def silent() -> supervisor.Console:
    return supervisor.Console(io.StringIO())


# What keeps it from starting.


def test_a_port_in_use_is_named_with_another_one(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(number))
        with pytest.raises(
            CannotStart, match=rf"Port {number} of 127\.0\.0\.1 is in use: .* PORT={number + 1} make run"
        ):
            launcher.run(data_dir, silent())
    assert not (data_dir / "services").exists()


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CannotStart, match="PORT must be a number from 1 to 65535"):
        launcher.run(data_dir, silent())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8001"),
        ("0.0.0.0", "http://127.0.0.1:8001"),  # noqa: S104 (an address to look up, nothing listens there)
        ("::", "http://[::1]:8001"),
        ("portal.lan", "http://portal.lan:8001"),
    ],
)
def test_links_in_mails_begin_where_a_browser_finds_the_web(host: str, address: str) -> None:
    assert launcher._own_address(host, 8001) == address


def test_a_full_disk_is_named_before_anything_is_written(
    data_dir: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", str(port))
    monkeypatch.setattr(launcher, "NEEDED_SPACE", shutil.disk_usage(data_dir).total + 1)
    with pytest.raises(CannotStart, match=r"are free on the disk of .*: free some space, or set DATA_DIR"):
        launcher.run(data_dir, silent())
    assert not (data_dir / "services").exists()


def test_without_a_traceback_the_command_says_what_to_do(data_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "complaints_portal.launcher", "run"],
        cwd=REPOSITORY,
        env={**os.environ, "PORT": "http", "DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "portal | PORT must be a number from 1 to 65535, not 'http'.\n"


# The sandbox: the payment system of a portal that has none.

SYSTEM = ("PAYMENT_SYSTEM", "ALIPAY_GATEWAY_URL", "DJANGO_ENV")


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"PAYMENT_SYSTEM": "sandbox"}, True),
        ({"PAYMENT_SYSTEM": "none"}, False),
        ({"PAYMENT_SYSTEM": "alipay"}, False),
        ({"PAYMENT_SYSTEM": "sandbox", "ALIPAY_GATEWAY_URL": "http://127.0.0.1:8001/gateway.do"}, False),
        ({"DJANGO_ENV": "production"}, False),
    ],
)
def test_a_sandbox_is_brought_unless_something_else_is_chosen(
    environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SYSTEM:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert sandboxed.is_wanted() is wanted


def test_a_command_finds_the_sandbox_that_runs_for_its_data_and_no_other(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SYSTEM:
        monkeypatch.delenv(name, raising=False)
    assert sandboxed.find(data_dir) == {}
    with running(data_dir / "sandbox") as sandbox:
        found = sandboxed.find(data_dir)
        assert found["PAYMENT_SYSTEM"] == "sandbox"
        assert found["ALIPAY_GATEWAY_URL"] == f"{sandbox.address}/gateway.do"
        assert Path(found["ALIPAY_PUBLIC_KEY_FILE"]).exists()
        assert sandboxed.find(data_dir / "other") == {}
        monkeypatch.setenv("PAYMENT_SYSTEM", "none")
        assert sandboxed.find(data_dir) == {}
        monkeypatch.delenv("PAYMENT_SYSTEM")
    assert sandboxed.find(data_dir) == {}


# Throwing the data away.


def test_reset_refuses_while_a_command_uses_the_services(data_dir: Path) -> None:
    with (data_dir / "services.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with pytest.raises(CannotStart, match="A command is using the services"):
            launcher.reset(data_dir, yes=True)
    assert (data_dir / "services.users").exists()


def test_reset_refuses_while_the_portal_runs(data_dir: Path) -> None:
    with (data_dir / "launcher.lock").open("w") as lock:
        lock.write("process 17, http://127.0.0.1:8000/")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotStart, match=r"already runs on .* \(process 17, http://127\.0\.0\.1:8000/\)"):
            launcher.reset(data_dir, yes=True)


def test_reset_asks_and_keeps_everything_unless_the_answer_is_yes(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "evidence").mkdir()
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert launcher.reset(data_dir, yes=False) == "Nothing was thrown away."
    assert (data_dir / "evidence").is_dir()
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert launcher.reset(data_dir, yes=False) == "Thrown away."
    assert not data_dir.exists()


def test_reset_leaves_what_is_not_the_portals(data_dir: Path) -> None:
    (data_dir / "services.password").touch()
    (data_dir / "thesis.txt").touch()
    assert launcher.reset(data_dir, yes=True) == f"Thrown away. Not the portal's, so still in {data_dir}: thesis.txt."
    assert [path.name for path in data_dir.iterdir()] == ["thesis.txt"]


# Looking after the programs.


class Scene:
    """A supervisor whose lines are kept, and which is interrupted when a condition on them holds."""

    def __init__(self, data_dir: Path) -> None:
        self.words = io.StringIO()
        self.programs = supervisor.Supervisor(data_dir, supervisor.Console(self.words))

    def play(self, commands: dict[str, list[str]], until: Callable[[], bool]) -> None:
        def every_round() -> None:
            if until():
                raise KeyboardInterrupt

        try:
            self.programs.run(commands, every_round)
        finally:
            self.programs.stop()

    @property
    def lines(self) -> list[str]:
        return self.words.getvalue().splitlines()


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_lines_are_shown_behind_the_name_of_their_program(data_dir: Path) -> None:
    scene = Scene(data_dir)
    with pytest.raises(KeyboardInterrupt):
        scene.play({"web": shell("printf 'up\\nhalf'; exec sleep 600")}, until=lambda: "web    | up" in scene.lines)
    assert scene.lines == ["web    | up", "web    | half"]


def test_a_killed_program_is_started_again(data_dir: Path) -> None:
    scene = Scene(data_dir)
    once = data_dir / "killed"
    script = f"echo up; test -e {once} && exec sleep 600; touch {once}; kill -9 $$"
    with pytest.raises(KeyboardInterrupt):
        scene.play({"worker": shell(script)}, until=lambda: scene.lines.count("worker | up") == 2)
    assert scene.lines[1] == "portal | worker was killed by SIGKILL; it is started again."


def test_the_orphans_of_a_killed_program_go_before_it_is_started_again(data_dir: Path) -> None:
    scene = Scene(data_dir)
    orphan = data_dir / "orphan"
    script = f"echo up; test -e {orphan} && exec sleep 600; sleep 60 & echo $! > {orphan}; kill -9 $$"
    with pytest.raises(KeyboardInterrupt):
        scene.play({"web": shell(script)}, until=lambda: scene.lines.count("web    | up") == 2 and not runs(orphan))
    assert scene.lines[1] == "portal | web was killed by SIGKILL; it is started again."


def runs(pid_file: Path) -> bool:
    return processes.find(pid_file, lambda pid: os.path.exists(f"/proc/{pid}/exe")) is not None


def test_a_program_that_dies_too_often_ends_everything(data_dir: Path) -> None:
    scene = Scene(data_dir)
    with pytest.raises(supervisor.GaveUp, match="web ended with status 3, for the 6th time in a minute"):
        scene.play({"web": shell("echo broken; exit 3"), "beat": shell("exec sleep 600")}, until=lambda: False)
    assert scene.lines.count("web    | broken") == 6
    assert left_of(data_dir) == []


def test_a_program_that_ignores_every_wish_is_killed_with_its_children(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(data_dir)
    stubborn = shell("trap '' TERM QUIT; (trap '' TERM QUIT; while :; do sleep 60; done) & echo up; wait; wait")
    monkeypatch.setattr(supervisor, "STOPPING", [(step, patience / 20) for step, patience in supervisor.STOPPING])
    with pytest.raises(KeyboardInterrupt):
        scene.play({"worker": stubborn}, until=lambda: "worker | up" in scene.lines)
    assert left_of(data_dir) == []


def test_only_the_children_of_this_data_directorys_launcher_are_stopped(data_dir: Path) -> None:
    stranger = supervisor.start("web", ["sleep", "600"], data_dir / "other")
    ours = supervisor.start("web", ["sleep", "600"], data_dir)
    is_there = processes.has_in_environment(f"{supervisor.MARK}={data_dir}")
    with stranger, ours:
        assert any(is_there(ours.pid) for _look in range(100_000))  # a busy machine shows it a moment later
        assert supervisor.stop_left_behind(data_dir) == 1
        assert ours.wait() == -signal.SIGTERM
        assert stranger.poll() is None
        stranger.kill()


def left_of(data_dir: Path) -> list[int]:
    return list(processes.all_that(processes.has_in_environment(f"{supervisor.MARK}={data_dir}")))


# All of it, with the real programs.


HANGING = 600
"""Seconds after which a launcher that says nothing more is killed, so that the test fails and does not hang."""


class Portal:
    """The launcher as a process, and what it has printed so far."""

    def __init__(self, data_dir: Path, port: int) -> None:
        environment = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", *SYSTEM)
        }
        environment |= {"DATA_DIR": str(data_dir), "PORT": str(port), "BEAT": "off"}
        environment.pop("EVIDENCE_STORAGE", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "complaints_portal.launcher", "run"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def wait_for(self, words: str) -> None:
        """Read on until these words are said, or were said before: programs start side by side, in any order."""
        assert self.process.stdout
        if any(words in line for line in self.lines):
            return
        giving_up = threading.Timer(HANGING, self.process.kill)
        giving_up.start()
        try:
            for line in self.process.stdout:
                self.lines.append(line)
                if words in line:
                    return
        finally:
            giving_up.cancel()
        raise AssertionError(f"{words!r} was never said:\n{''.join(self.lines)}")


def test_the_portal_starts_after_a_launcher_was_killed_half_way_and_stops_when_asked(data_dir: Path, port: int) -> None:
    killed = Portal(data_dir, port)
    with killed.process:
        killed.wait_for("Bringing the database up to date")
        killed.process.kill()
    assert embedded.find_running(data_dir), "the services outlive a killed launcher"
    again = Portal(data_dir, port)
    with again.process:
        again.wait_for("The sandbox answers at")
        assert sandboxed.find(data_dir)["PAYMENT_SYSTEM"] == "sandbox"
        again.wait_for("The portal answers at")
        again.process.terminate()
        again.wait_for("Stopped. The data is kept")
        assert again.process.wait(timeout=60) == 0
    assert embedded.find_running(data_dir) is None
    assert sandboxed.find(data_dir) == {}
    assert left_of(data_dir) == []
