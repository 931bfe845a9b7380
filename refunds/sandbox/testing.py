"""A running sandbox for tests: the fixture `sandbox` of `complaints_portal.testing` is made of this."""

import atexit
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from refunds.gateways import payment_gateway, refund_gateway
from refunds.sandbox.control import Control
from refunds.sandbox.home import Home
from refunds.sandbox.server import Sandbox

GATEWAY = "refunds.gateways.sandbox.SandboxGateway"


class RunningSandbox(Control):
    """A sandbox in a thread of this process: the control client, and the server itself."""

    def __init__(self, server: Sandbox) -> None:
        """Control a server of this process."""
        super().__init__(server.address)
        self.server = server


@cache
def _keys() -> Path:
    """Return a directory with key pairs, made once in a process: they take longer than most tests."""
    directory = Path(mkdtemp(prefix="portal-sandbox-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    Home(directory).prepare()
    return directory


@contextmanager
def running(directory: Path) -> Iterator[RunningSandbox]:
    """Run a sandbox in a directory; keys that are missing are taken from this process's pair."""
    directory.mkdir(parents=True, exist_ok=True)
    for key in _keys().glob("*.pem"):
        if not (directory / key.name).exists():
            shutil.copy(key, directory / key.name)
    with Sandbox(Home(directory)) as server:
        yield RunningSandbox(server)


def settings_for(sandbox: RunningSandbox, *, timeout: float = 15) -> dict[str, object]:
    """Return the settings of a portal that uses this sandbox."""
    found: dict[str, object] = {
        "REFUND_GATEWAY": GATEWAY,
        "PAYMENT_GATEWAY": GATEWAY,
        "ALIPAY_TIMEOUT": timeout,
    }
    for name, value in sandbox.server.home.variables(sandbox.address).items():
        if name.endswith("_FILE"):
            found[name.removesuffix("_FILE")] = Path(value).read_text()
        else:
            found[name] = value
    return found


def forget_gateways() -> None:
    """Let the gateways be made anew from the settings."""
    refund_gateway.cache_clear()
    payment_gateway.cache_clear()
