"""Errors reach Sentry when it is wanted, over a real socket, and nothing in them is anybody's."""

import gzip
import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import sentry_sdk
import structlog
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import IntegrityError
from django.test import RequestFactory
from django.utils import timezone

from complaints.consumer import links
from complaints.consumer.links import token_of
from complaints.tests.consumers import asked_at
from complaints.tests.factories import make_program
from complaints_portal import reporting
from complaints_portal.reporting import hide
from notifications import tasks

pytestmark = pytest.mark.django_db

NAME, PHONE, MAIL, WORDS = "Han Meimei", "13800001234", "meimei@example.com", "My parcel never came"
CSRF = "aTokenAgainstForgedFormsOfThem32"
SECRETS = (NAME, "Meimei", PHONE, MAIL, WORDS, "a-session-of-somebody", CSRF, "192.0.2.7")


class _Server(ThreadingHTTPServer):
    envelopes: list[bytes]


class _Sentry(BaseHTTPRequestHandler):
    """As much of Sentry's end as a client needs."""

    server: _Server

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.envelopes.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format, *args):
        """Say nothing."""


@pytest.fixture
def envelopes(settings):
    """Send errors to a server on this machine; give what it takes."""
    with _Server(("127.0.0.1", 0), _Sentry) as server:
        server.envelopes = []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.SENTRY_DSN = f"http://public@127.0.0.1:{server.server_address[1]}/7"
        settings.PUBLIC_URL = "https://portal.example.com"
        settings.RELEASE = "1.2.3"
        try:
            reporting.begin()
            assert sentry_sdk.get_client().should_send_default_pii() is False
            yield server.envelopes
        finally:
            sentry_sdk.get_client().close(timeout=2)
            sentry_sdk.get_global_scope().set_client(None)
            server.shutdown()
            thread.join()


def events(envelopes):
    """Every event that came, and that nothing but events did."""
    sentry_sdk.flush(timeout=60)
    found = []
    for envelope in envelopes:
        lines = envelope.split(b"\n")
        assert [json.loads(line)["type"] for line in lines[1::2] if line] == ["event"]
        found.append(json.loads(lines[2]))
    return found


def secrets_in(envelopes, *more):
    text = b"\n".join(envelopes).decode()
    return [secret for secret in (*SECRETS, *more) if secret in text or secret.replace(" ", "%20") in text]


def send_as_gunicorn_does(request):
    """Hand a request to the application itself, as a web server does; return the status of the answer."""
    statuses = []

    def start_response(status, headers, exc_info=None, /):
        statuses.append(status)
        return lambda written: None

    answer = WSGIHandler()(request.environ, start_response)
    answer.close()
    return statuses[0]


@pytest.mark.django_db(transaction=True)  # a web server's request gives its connection back at the end
def test_an_error_of_a_request_tells_where_it_was_and_nothing_of_whom(envelopes, monkeypatch):
    consultation = asked_at("2026-11-20T10:00+08:00", make_program())
    token = token_of(consultation, now=timezone.now())

    def fails(*args, **kwargs):
        consumer_name, phone = NAME, PHONE
        structlog.contextvars.bind_contextvars(consumer=MAIL)
        raise IntegrityError(f"DETAIL: ({consumer_name}, {phone}, {MAIL}) {WORDS}")

    monkeypatch.setattr(links, "opened", fails)
    status = send_as_gunicorn_does(
        RequestFactory().post(
            f"/c/{token}/message/?from={PHONE}",
            {"text": WORDS, "name": NAME, "csrfmiddlewaretoken": CSRF},
            headers={"Referer": f"https://x/c/{token}/"},
            HTTP_COOKIE=f"portal_session=a-session-of-somebody; portal_csrf={CSRF}",
            REMOTE_ADDR="192.0.2.7",
        )
    )
    assert status == "500 Internal Server Error"
    (event,) = events(envelopes)
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("IntegrityError", reporting.WITHHELD)
    assert error["stacktrace"]["frames"][-1]["function"] == "fails"
    assert all("vars" not in frame for frame in error["stacktrace"]["frames"])
    assert event["request"] == {"method": "POST", "url": "https://portal.example.com/c/…/message/"}
    assert (event["release"], event["environment"]) == ("1.2.3", "development")
    assert event["tags"]["request_id"]
    assert secrets_in(envelopes, token) == []


def test_an_error_of_a_task(envelopes, monkeypatch):
    def fails(*, now):
        raise ValueError(f"{NAME} {PHONE} {MAIL}")

    monkeypatch.setattr(tasks, "tell", fails)
    tasks.tell_members.apply(args=(), kwargs={})
    (event,) = events(envelopes)
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["transaction"] == "notifications.tasks.tell_members"
    assert event["tags"]["celery_task_id"]
    assert secrets_in(envelopes) == []


def test_an_error_in_the_log_has_its_name_and_its_stack(envelopes):
    log = structlog.get_logger("deadlines.tasks")
    try:
        raise KeyError(PHONE)
    except KeyError:
        log.exception("sweep_failed", kind="handle", consumer=NAME, text=WORDS)
    log.error("nobody_to_tell_of_alarms", hint=MAIL)
    log.warning("not_an_error", consumer=NAME)
    first, second = events(envelopes)
    assert first["logentry"] == {"message": "sweep_failed"}
    assert first["exception"]["values"][0]["type"] == "KeyError"
    assert first["exception"]["values"][0]["stacktrace"]["frames"][-1]["filename"].endswith("test_reporting.py")
    assert second["logentry"] == {"message": "nobody_to_tell_of_alarms"}
    assert secrets_in(envelopes) == []


def test_the_programs_own_words_leave_with_what_is_somebodys_hidden(envelopes):
    sentry_sdk.capture_exception(ConnectionError(f"no route to db.internal for {MAIL}, {PHONE}, /c/abc/"))
    (event,) = events(envelopes)
    assert event["exception"]["values"][0]["value"] == "no route to db.internal for …, …, /c/…/"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/join/abc/ and /calendar/xyz.ics", "/join/…/ and /calendar/…"),
        ("138 0000 1234, +86-138-0000-1234", "…, …"),
        ("took 250 ms on port 5432", "took 250 ms on port 5432"),
        ("to <wang@example.com>", "to <…>"),
    ],
)
def test_what_opens_something_or_is_somebodys_is_hidden(text, hidden):
    assert hide(text) == hidden


def test_without_a_dsn_nothing_of_it_is_imported():
    code = "import django, sys; django.setup(); import complaints_portal.urls; print('sentry_sdk' in sys.modules)"
    environment = {"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "complaints_portal.settings", "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_the_pages_policy_does_not_know_sentry(client, envelopes):
    assert "sentry" not in client.get("/accounts/login/").headers["Content-Security-Policy"]
