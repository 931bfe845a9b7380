"""Who watches when beat is dead: the health page, without waiting for it; and the ping that goes outside."""

import socket
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from django.db import connection
from django.utils import timezone

from complaints.tests.factories import moment
from complaints_portal import health
from deadlines import tasks, watching
from deadlines.models import AlarmLetter, SweepAlarm, SweepRun, SweepWatch
from deadlines.sweeping import registered_kinds
from deadlines.tests.standing_still import swept
from deadlines.totals import add_up, totals
from merchants.tests.people import smtp_server


@pytest.fixture
def aside(monkeypatch):
    """The health page watches, and did not do so in the last minute."""
    fresh = watching._Aside()
    monkeypatch.setattr(watching, "_aside", fresh)
    monkeypatch.setattr(health, "watch_aside", watching.watch_aside)
    return fresh


@pytest.fixture
def mailing(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "127.0.0.1", False, False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.OPS_MAIL = ["ops@example.com"]
    return settings


def long_silent():
    """Beat has been dead for an hour, and the portal was there before."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    swept(an_hour_ago.isoformat())
    SweepWatch.objects.create(name="sweeps", since=an_hour_ago, at=an_hour_ago)


@contextmanager
def silent_server():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.django_db(transaction=True)
class TestTheHealthPage:
    def test_it_raises_the_alarm_by_itself_once_a_minute(self, client, aside, mailing):
        long_silent()
        with smtp_server() as (mailing.EMAIL_PORT, mails):
            assert client.get("/health/ready/").json()["status"] == "degraded"
            aside.thread.join(60)
            first = aside.thread
            client.get("/health/ready/")
            assert aside.thread is first
        assert len(mails) == 1
        assert SweepAlarm.objects.filter(ended_at=None).count() == len(registered_kinds())

    def test_it_leaves_the_watch_to_whoever_watched_within_the_minute(self, client, aside, mailing):
        long_silent()
        SweepWatch.objects.update(at=timezone.now() - timedelta(seconds=30))
        client.get("/health/ready/")
        aside.thread.join(60)
        assert not SweepAlarm.objects.exists()

    def test_it_is_quick_when_the_mail_server_hangs(self, client, aside, mailing):
        long_silent()
        mailing.EMAIL_TIMEOUT = 120
        with silent_server() as mailing.EMAIL_PORT:
            began = time.monotonic()
            answer = client.get("/health/ready/")
            took = time.monotonic() - began
            assert aside.thread.is_alive()
        aside.thread.join(60)  # the server is gone, so the thread sees its connection end
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert took < 50
        assert not aside.thread.is_alive()
        assert AlarmLetter.objects.filter(failures=1).count() == len(registered_kinds())

    def test_it_answers_when_watching_fails(self, client, aside, monkeypatch):
        monkeypatch.setattr(watching, "watch", lambda now: 1 / 0)
        assert client.get("/health/ready/").status_code == 200
        aside.thread.join(60)

    def test_without_a_database_nobody_watches(self, client, aside, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
        assert client.get("/health/ready/").status_code == 503
        assert aside.thread is None


class _Listening(ThreadingHTTPServer):
    """Whoever waits for the ping: what was heard, and how it answers."""

    heard: list[str]
    status: int
    pause: Event
    patience: float


class _Listener(BaseHTTPRequestHandler):
    server: _Listening

    def do_GET(self):
        self.server.heard.append(self.path)
        self.server.pause.wait(self.server.patience)
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        """Say nothing."""


@pytest.fixture
def listener(settings):
    """Whoever waits for the ping, on this machine."""
    with _Listening(("127.0.0.1", 0), _Listener) as server:
        server.heard, server.status, server.pause, server.patience = [], 200, Event(), 0
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.HEARTBEAT_URL = f"http://127.0.0.1:{server.server_address[1]}/ping/secret"
        yield server
        server.pause.set()
        server.shutdown()
        thread.join()


@pytest.mark.django_db
class TestThePing:
    def test_it_leaves_after_the_sweeps_when_every_kind_is_on_time(self, listener):
        tasks.sweep_all()
        assert listener.heard == ["/ping/secret"]

    def test_it_does_not_leave_when_one_kind_is_late(self, listener, monkeypatch):
        monkeypatch.setattr(tasks, "registered_kinds", lambda: ["handle"])
        tasks.sweep_all()
        assert listener.heard == []

    def test_it_does_not_leave_without_an_address(self, settings):
        settings.HEARTBEAT_URL = ""
        assert not watching.ping()

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_it_follows_no_redirect_and_knows_a_refusal(self, listener, status):
        listener.status = status
        swept((timezone.now() - timedelta(seconds=1)).isoformat())
        assert not watching.ping()
        assert listener.heard == ["/ping/secret"]

    def test_a_listener_that_hangs_holds_up_nothing(self, listener, monkeypatch):
        monkeypatch.setattr(watching, "PING_PATIENCE", 0.2)
        listener.patience = 30
        swept((timezone.now() - timedelta(seconds=1)).isoformat())
        began = time.monotonic()
        assert not watching.ping()
        assert time.monotonic() - began < 25

    def test_a_listener_that_is_away_harms_no_sweep(self, settings):
        settings.HEARTBEAT_URL = "http://127.0.0.1:1/"
        tasks.sweep_all()
        assert SweepRun.objects.filter(ended_at__isnull=False).count() == len(registered_kinds())


@pytest.mark.django_db
class TestTheTotals:
    def run(self, at, acted, **fields):
        swept(at, "handle", acted=acted, examined=acted + 1, **fields)

    def test_they_are_the_same_before_and_after_old_runs_are_added_up(self):
        for number, at in enumerate(("2026-03-08T12:00+08:00", "2026-03-09T11:59+08:00", "2026-03-10T11:00+08:00")):
            self.run(at, 10**number)
        self.run("2026-03-10T11:30+08:00", 5000, is_shadow=True)
        before = totals()["handle"]
        assert (before.acted, before.examined) == (111, 114)
        now = moment("2026-03-10T12:00+08:00")
        assert add_up(now=now) == len(registered_kinds())
        assert add_up(now=now) == 0
        assert totals()["handle"] == before
        SweepRun.objects.filter(started_at__lt=moment("2026-03-09T00:00+08:00")).delete()
        assert totals()["handle"] == before
        self.run("2026-03-10T12:30+08:00", 1000)
        assert totals()["handle"].acted == 1111
        assert add_up(now=moment("2026-03-10T13:00+08:00")) == 0
        assert add_up(now=moment("2026-03-11T13:00+08:00")) == len(registered_kinds())
        assert totals()["handle"].acted == 1111
