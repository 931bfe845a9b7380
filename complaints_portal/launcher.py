"""`make run` and `make reset`: everything the portal needs, on one machine, in the foreground.

python -m complaints_portal.launcher run | reset [--yes]
"""

import argparse
import errno
import fcntl
import http
import http.client
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn, cast

from complaints_portal import embedded, sandboxed, supervisor
from complaints_portal.embedded import CannotStart
from complaints_portal.environment import is_set
from complaints_portal.place import is_own, refuse_foreign
from complaints_portal.preparation import FOR_THE_END
from complaints_portal.supervisor import GaveUp
from refunds.sandbox.home import address_of

BASE_DIR = Path(__file__).resolve().parent.parent
NEEDED_SPACE = 300 * 1024 * 1024  # bytes: an empty cluster, its journal and the demo data
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where to ask when the web listens on all addresses)
LAST_PORT = 65535


def run(data_dir: Path, console: supervisor.Console) -> None:
    """Run the portal until it is interrupted; raise `CannotStart` or `GaveUp`, with a sentence, when it cannot run."""
    host, port = os.environ.get("HOST") or "127.0.0.1", _port()
    data_dir.mkdir(parents=True, exist_ok=True)
    refuse_foreign(data_dir)
    with _only_launcher(data_dir, f"process {os.getpid()}, http://{_in_url(host)}:{port}/"):
        left_behind = supervisor.stop_left_behind(data_dir)
        if left_behind:
            console.show("portal", f"Stopped {left_behind} programs that a killed launcher had left behind.")
        _check_port(host, port)
        _check_space(data_dir)
        console.show("portal", f"The data is in {data_dir}; DATA_DIR moves it.")
        with embedded.ensure(data_dir) as services:
            if services.own:
                names = " and ".join(server.name for server in services.own)
                console.show("portal", f"{names} started; their logs are in {data_dir / 'log'}.")
            embedded.put_in_environment(services)
            if not is_set("PUBLIC_URL"):
                os.environ["PUBLIC_URL"] = _own_address(host, port)
            own_programs = _sandbox(data_dir, console) if sandboxed.is_wanted() else {}
            logins = _prepare(data_dir, console)
            commands = own_programs | _commands(host, port, data_dir)
            _run_programs(commands, _Welcome(host, port, logins, console), data_dir, services, console)


def _sandbox(data_dir: Path, console: supervisor.Console) -> dict[str, list[str]]:
    """Return the command of the sandbox, and tell every program that is started from here where it will be."""
    home = sandboxed.home_of(data_dir)
    try:
        home.prepare()
        port = home.choose_port()
    except sandboxed.CannotRun as reason:
        raise CannotStart(str(reason)) from None
    os.environ.update(home.variables(address_of(port)))
    console.show("portal", "No payment system is chosen: a sandbox plays one, without real money (PAYMENT_SYSTEM).")
    command = [sys.executable, str(BASE_DIR / "manage.py"), "sandbox", "--port", str(port)]
    return {"sandbox": [*command, "--directory", str(home.directory)]}


def _run_programs(
    commands: dict[str, list[str]],
    welcome: "_Welcome",
    data_dir: Path,
    services: embedded.Services,
    console: supervisor.Console,
) -> None:
    programs = supervisor.Supervisor(data_dir, console)

    def every_round() -> None:
        for name in services.mend():
            programs.deaths.add(name, "died")
            console.show("portal", f"{name} died; it was started again. Its log is in {data_dir / 'log'}.")
        welcome.show_when_the_web_answers()

    try:
        programs.run(commands, every_round)
    finally:
        _ignore_signals()
        console.show("portal", "Stopping …")
        programs.stop()


def _commands(host: str, port: int, data_dir: Path) -> dict[str, list[str]]:
    """Return the programs in the order of their start."""
    web = [sys.executable, "-m", "gunicorn", "complaints_portal.wsgi", "--bind", f"{_in_url(host)}:{port}"]
    # Celery warns that it runs as root; on a machine of one's own root is who one is.
    celery = [sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "--quiet"]
    celery += ["-A", "complaints_portal"]
    schedule = f"--schedule={data_dir / 'celerybeat-schedule'}"
    commands = {
        "web": [*web, "--workers=2", "--graceful-timeout=3", "--no-control-socket", "--log-level=warning"],
        "worker": [*celery, "worker", "--concurrency=2", "--loglevel=INFO", "--without-gossip", "--without-mingle"],
        "beat": [*celery, "beat", "--loglevel=INFO", schedule, "--pidfile="],
    }
    if os.environ.get("BEAT", "").lower() in ("off", "0", "no", "false"):
        del commands["beat"]
    return commands


class _Welcome:
    """The address and the demo logins, shown once, when the web really answers."""

    def __init__(self, host: str, port: int, logins: str, console: supervisor.Console) -> None:
        self.host, self.port, self.logins, self.console = host, port, logins, console
        self.done = False
        self.next_try_at = 0.0
        self.impatient_at = time.monotonic() + 30

    def show_when_the_web_answers(self) -> None:
        if self.done or time.monotonic() < self.next_try_at:
            return
        self.next_try_at = time.monotonic() + 0.5
        if self._answers():
            self.done = True
            self.console.show("portal", self.logins)
            address = f"http://{_in_url(self.host)}:{self.port}/"
            self.console.show("portal", f"The portal answers at {address} (Ctrl-C stops it).")
        elif time.monotonic() > self.impatient_at:
            self.impatient_at += 30
            self.console.show("portal", "The web does not answer yet; its lines above may say why.")

    def _answers(self) -> bool:
        address = EVERYWHERE.get(self.host, self.host)
        connection = http.client.HTTPConnection(address, self.port, timeout=2)
        try:
            connection.request("GET", "/health/live/")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _port() -> int:
    value = os.environ.get("PORT") or "8000"
    if not (value.isdecimal() and 0 < int(value) <= LAST_PORT):
        raise CannotStart(f"PORT must be a number from 1 to {LAST_PORT}, not {value!r}.")
    return int(value)


def _own_address(host: str, port: int) -> str:
    """Return where a browser on this machine finds the web, also when it listens on all addresses."""
    return f"http://{_in_url(EVERYWHERE.get(host, host))}:{port}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_port(host: str, port: int) -> None:
    """Refuse a port on which the web could not listen."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < LAST_PORT else 8000
            raise CannotStart(
                f"Port {port} of {host} is in use: stop the program that uses it, or take another one: "
                f"PORT={other} make run"
            ) from None
        reason = error.strerror or str(error)
        raise CannotStart(f"The web cannot listen on port {port} of {host} ({reason}): set PORT or HOST.") from None


def _check_space(data_dir: Path) -> None:
    """Refuse a disk that is so full that PostgreSQL would fail half-way."""
    for directory in {data_dir, (data_dir / "services").resolve()}:
        if directory.exists() and shutil.disk_usage(directory).free < NEEDED_SPACE:
            raise CannotStart(
                f"Less than {NEEDED_SPACE // 1024 // 1024} MB are free on the disk of {directory}: free some space, "
                "or set DATA_DIR to a directory on another disk."
            )


@contextmanager
def _only_launcher(data_dir: Path, about: str) -> Iterator[None]:
    """Hold the lock of the launcher; the kernel gives it back when the launcher is killed, so it is never stale."""
    with (data_dir / "launcher.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"The portal already runs on {data_dir} ({lock.read()}): stop that one first, or set DATA_DIR and PORT "
                "for a second one beside it."
            ) from None
        lock.truncate(0)
        lock.write(about)
        lock.flush()
        yield


def _prepare(data_dir: Path, console: supervisor.Console) -> str:
    """Bring everything up to date; return what to show at the end of the start."""
    process = supervisor.start("setup", [sys.executable, "-m", "complaints_portal.preparation"], data_dir)
    for_the_end = []
    try:
        for line in cast(IO[bytes], process.stdout):
            text = line.decode(errors="replace").rstrip("\n")
            if text.startswith(FOR_THE_END):
                for_the_end.append(text.removeprefix(FOR_THE_END))
            else:
                console.show("setup", text)
    finally:
        process.terminate()
        process.communicate()
    if process.returncode:
        raise CannotStart("The set-up failed; its lines above say why.")
    return "\n".join(for_the_end)


def reset(data_dir: Path, *, yes: bool) -> str:
    """Throw away what the portal keeps in DATA_DIR, after asking; return a sentence that says what happened.

    Refuse while the portal, or a command that uses its services, runs.
    """
    if not data_dir.exists():
        return f"There is nothing to throw away: {data_dir} does not exist."
    refuse_foreign(data_dir)
    with _only_launcher(data_dir, f"process {os.getpid()}, make reset"):
        _refuse_in_use(data_dir)
        if not (yes or _agrees(f"This throws away the database, the queue and the evidence in {data_dir}.")):
            return "Nothing was thrown away."
        _refuse_in_use(data_dir)
        supervisor.stop_left_behind(data_dir)
        embedded.stop_left_behind(data_dir)
        _remove_own_files(data_dir)
    kept = sorted(path.name for path in data_dir.iterdir())
    if not kept:
        data_dir.rmdir()
    return "Thrown away." + (f" Not the portal's, so still in {data_dir}: {', '.join(kept)}." if kept else "")


def _refuse_in_use(data_dir: Path) -> None:
    if embedded.in_use(data_dir):
        raise CannotStart(f"A command is using the services of {data_dir}: let it end, then try again.")


def _agrees(question: str) -> bool:
    print(question)
    with suppress(EOFError):
        return input("Type yes to go on: ").strip().lower() == "yes"
    return False


def _remove_own_files(data_dir: Path) -> None:
    services = data_dir / "services"
    if services.is_symlink():  # the cluster is elsewhere, because its account may not enter DATA_DIR
        shutil.rmtree(services.resolve(), ignore_errors=True)
        services.unlink()
    for path in data_dir.iterdir():
        if not is_own(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _interrupt(signum: int, _frame: object) -> NoReturn:
    """Leave through every `finally`, once: whoever presses Ctrl-C again must not break off the orderly stop."""
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)


def main() -> int:
    """Read the command line, run the verb and answer with an exit status and a sentence, never with a traceback."""
    parser = argparse.ArgumentParser(prog="complaints_portal.launcher")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="run the portal in the foreground")
    verbs.add_parser("reset", help="throw its data away").add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    data_dir = embedded.data_dir_of(BASE_DIR)
    console = supervisor.Console()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)
    try:
        if arguments.verb == "reset":
            print(reset(data_dir, yes=arguments.yes))
        else:
            run(data_dir, console)
    except KeyboardInterrupt:
        console.show("portal", "Stopped. The data is kept; `make run` starts again.")
    except (CannotStart, GaveUp) as reason:
        console.show("portal", str(reason))
        return 1
    except OSError as error:
        console.show("portal", _sentence_about(error))
        return 1
    return 0


def _sentence_about(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk is full ({error.filename}): free some space, or set DATA_DIR to a directory on another disk."
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{error.filename} may not be used by this user: set DATA_DIR to a directory of your own, or give it back."
        )
    return f"{error.filename or 'A file'}: {error.strerror}."


if __name__ == "__main__":
    sys.exit(main())
