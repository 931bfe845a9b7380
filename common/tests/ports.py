"""Ports for tests that need one before anybody listens on it, or again after somebody did."""

import os
import socket


def port_of_nobody() -> int:
    """Return a port of this machine on which nobody listens, below those that the kernel gives to whoever wants any.

    One that was free a moment ago may be taken by a server or a client of another test. Each worker looks from a place
    of its own.
    """
    for number in range(20_000 + os.getpid() % 1000 * 10, 32_768):
        try:
            with socket.create_server(("127.0.0.1", number)):
                return number
        except OSError:
            continue
    raise AssertionError("no port is free")
