"""A server that sends a byte now and then holds nobody for longer than a whole answer may take."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications import whole_answers
from notifications.whole_answers import Pools

PATIENCE = 0.4
BETWEEN = PATIENCE / 4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Talk = Callable[[socket.socket], None]


def drips(connection: socket.socket, piece: bytes) -> None:
    """Send so little at a time, for as long as somebody is there, a thousand times at most."""
    for _piece in range(1000):
        connection.sendall(piece)
        time.sleep(BETWEEN)  # the fault itself is that each byte takes its time


def drips_a_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    drips(connection, b"x")


def drips_a_body(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    drips(connection, b"x")


def drips_chunks(connection: socket.socket) -> None:
    connection.sendall(CHUNKED)
    drips(connection, b"1\r\nx\r\n")


def answers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    for piece in (b"go", b"od"):
        time.sleep(0.02)  # a moment, so that it comes in two pieces
        connection.sendall(piece)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    unencrypted = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    path.write_bytes(pem + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(params=["http", "https"])
def serve(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Callable[[Talk], str]]:
    """Give the function that treats each connection in a given way and returns where."""
    listener = socket.create_server(("127.0.0.1", 0))
    talks: list[Talk] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer(plain: socket.socket) -> None:
        with suppress(OSError), plain:
            plain.settimeout(10)
            connection = context.wrap_socket(plain, server_side=True) if request.param == "https" else plain
            with connection:
                while b"\r\n\r\n" in connection.recv(65_536):
                    talks[-1](connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()

    def begin(talk: Talk) -> str:
        talks.append(talk)
        return f"{request.param}://localhost:{listener.getsockname()[1]}/"

    yield begin
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


@pytest.fixture
def pools(certificate: Path) -> Iterator[Pools]:
    with Pools(retries=False, timeout=PATIENCE, ca_certs=str(certificate)) as pools:
        yield pools


def ask(pools: urllib3.PoolManager, url: str) -> bytes:
    response = pools.request("GET", url, preload_content=False)
    try:
        return response.read(100)
    finally:
        response.release_conn()


@pytest.mark.parametrize("talk", [drips_a_head, drips_a_body, drips_chunks])
def test_who_drips_is_left_when_the_time_is_over(serve, pools, talk):
    began = time.monotonic()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        ask(pools, serve(talk))
    took = time.monotonic() - began
    assert PATIENCE * 0.9 < took < 100 * BETWEEN, "a hundred bytes would have made the answer"


def test_without_the_guard_who_drips_holds_a_call_for_as_long_as_he_likes(serve, certificate):
    """The control: a limit for each read is kept by each byte."""

    def drips_on(connection):
        connection.sendall(HEAD)
        for _byte in range(8):
            time.sleep(BETWEEN)  # as above
            connection.sendall(b"x")

    with urllib3.PoolManager(retries=False, timeout=PATIENCE, ca_certs=str(certificate)) as pools:
        began = time.monotonic()
        with pytest.raises(urllib3.exceptions.HTTPError):
            ask(pools, serve(drips_on))
    assert time.monotonic() - began > 2 * PATIENCE


def test_a_good_answer_is_read_and_the_connection_is_used_again_with_all_its_time(serve, certificate, monkeypatch):
    url, later = serve(answers), 0
    monkeypatch.setattr(whole_answers, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later))
    with Pools(retries=False, timeout=10, ca_certs=str(certificate)) as pools:
        for _call in range(4):
            assert ask(pools, url) == b"good"
            later += 100  # the time of one answer is none of the next one's
        pool = pools.connection_from_url(url)
        assert (pool.num_connections, pool.num_requests) == (1, 4)
