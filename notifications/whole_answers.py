"""Connections that wait for a whole answer only so long.

The limits of a client are for each read: a server that sends a byte now and then may hold it for as long as it likes.
Here every read gets what the ones before it have left of the time for the answer.
"""

import http.client
import io
import socket
import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Reading(io.RawIOBase):
    """What comes from a connection, until the time that it has is over."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        patience = connection.gettimeout()
        self._ends_at = float("inf") if patience is None else time.monotonic() + patience

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what comes next. Refuses with TimeoutError when the time is over."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(None if left == float("inf") else left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the connection."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose time is the patience of its connection when the request has been sent."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp.close()
        self.fp = io.BufferedReader(_Reading(sock))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SafeConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SafeConnection


class Pools(urllib3.PoolManager):
    """Pools of connections whose limit for a read is one for the whole answer, from when the request has been sent."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}
