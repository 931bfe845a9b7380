"""The directory of a sandbox: its keys, its books, its port, and the lock by which others find the one that runs."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

APP_ID = "2021000000000001"
HOST = "127.0.0.1"
KEY_SIZE = 2048
LAST_PORT = 65535
OWNERS = ("app", "platform")


@cache
def _loaded(pem: bytes) -> object:
    """Read a private key once: to look whether it is a good one takes longer than most requests."""
    return load_pem_private_key(pem, password=None)


def address_of(port: int) -> str:
    """Return the address of the sandbox on a port."""
    return f"http://{HOST}:{port}"


class CannotRun(Exception):
    """The sandbox cannot run here; the message is a sentence."""


class Home:
    """Where one sandbox keeps what it needs."""

    def __init__(self, directory: Path) -> None:
        """Say where it is; `prepare` makes it."""
        self.directory = directory

    @property
    def books(self) -> Path:
        """Return the file of the books."""
        return self.directory / "books.sqlite3"

    def prepare(self) -> None:
        """Make the directory and the two key pairs, those that are not there yet; what is there stays."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        with (self.directory / "keys.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for owner in OWNERS:
                if not self._public(owner).exists():
                    self._make_pair(owner)

    def _private(self, owner: str) -> Path:
        return self.directory / f"{owner}_private_key.pem"

    def _public(self, owner: str) -> Path:
        return self.directory / f"{owner}_public_key.pem"

    def _make_pair(self, owner: str) -> None:
        """Write a pair, the public key last and each at one go: a pair whose public key is there is whole."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(self._private(owner), secret)
        _write(self._public(owner), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def key_of(self, owner: str) -> rsa.RSAPrivateKey:
        """Return the private key of the app or of the platform; the public one is part of it."""
        key = _loaded(self._private(owner).read_bytes())
        if not isinstance(key, rsa.RSAPrivateKey):
            raise CannotRun(f"{self._private(owner)} is not an RSA key: remove it, and a new one is made.")
        return key

    def choose_port(self) -> int:
        """Return the port of the last time if it is still free, so that addresses stay true; else any free one."""
        file = self.directory / "port"
        try:
            wanted = int(file.read_text())
        except (OSError, ValueError):
            wanted = 0
        for port in (wanted if 0 < wanted <= LAST_PORT else 0, 0):
            try:
                with socket.create_server((HOST, port)) as probe:
                    found = int(probe.getsockname()[1])
            except OSError:
                continue
            file.write_text(str(found))
            return found
        raise CannotRun(f"No port of {HOST} is free: stop some program, or set PAYMENT_SYSTEM=none.")

    @contextmanager
    def held(self) -> Iterator[Path]:
        """Be the one sandbox of this directory; yield the file that says its address while it runs.

        The kernel gives the lock of a killed sandbox back, so that the lock alone says whether one runs.
        """
        with (self.directory / "running.lock").open("a") as lock:
            if not (_locked(lock) or _locked(lock, after=0.1)):  # whoever only looks holds it for a moment
                raise CannotRun(f"A sandbox runs on {self.directory} already: stop it, or give another directory.")
            yield self.directory / "address"

    def running_address(self) -> str | None:
        """Return the address of the sandbox that runs in this directory, None when none does."""
        try:
            with (self.directory / "running.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return (self.directory / "address").read_text() or None
        except OSError:  # there was never one, or it is somebody else's
            return None
        return None

    def variables(self, address: str) -> dict[str, str]:
        """Return the settings of a portal that uses the sandbox at an address."""
        return {
            "PAYMENT_SYSTEM": "sandbox",
            "ALIPAY_GATEWAY_URL": f"{address}/gateway.do",
            "ALIPAY_APP_ID": APP_ID,
            "ALIPAY_APP_PRIVATE_KEY_FILE": str(self._private("app")),
            "ALIPAY_PUBLIC_KEY_FILE": str(self._public("platform")),
        }


def _locked(lock: IO[str], *, after: float = 0.0) -> bool:
    time.sleep(after)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: Path, content: bytes) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    unfinished.replace(file)
