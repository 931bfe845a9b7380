"""Watch the sweeps, mail what is to be mailed, and ping whoever listens outside: all of it beside what calls it."""

import time
from datetime import datetime
from threading import Lock, Thread

import structlog
import urllib3
from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone

from deadlines.alarm_mails import send_alarm_mails
from deadlines.alarms import WATCH, Watched, watch_sweeps
from deadlines.lateness import EVERY
from deadlines.models import SweepWatch
from deadlines.standing import standings
from deadlines.totals import add_up

log = structlog.get_logger(__name__)

PING_PATIENCE = 5
"""Seconds that a ping may take from whoever sends it, whatever the network does."""


def watch(*, now: datetime) -> Watched:
    """Look at every kind, then send what is due. Mails that were put off go out with a later look."""
    watched = watch_sweeps(now=now)
    send_alarm_mails(timezone.now)
    add_up(now=now)
    return watched


def watch_aside() -> Thread | None:
    """Watch in a thread of its own, at most once a minute in this process; return it, or None when it is not time.

    Whoever calls goes on at once: a mail server may hang for as long as it likes.
    """
    return _aside.start()


class _Aside:
    """The thread of this process that watches, and when it was started last."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.thread: Thread | None = None
        self.started = float("-inf")

    def start(self) -> Thread | None:
        with self.lock:
            is_soon = time.monotonic() - self.started < EVERY.total_seconds()
            if is_soon or (self.thread and self.thread.is_alive()):
                return None
            self.started = time.monotonic()
            # A process that is told to end does not wait for it: what was not sent stands in the table.
            self.thread = Thread(target=_watch_quietly, name="sweep-watch", daemon=True)
            self.thread.start()
            return self.thread


_aside = _Aside()


def _watch_quietly() -> None:
    """Watch, unless somebody did within the last minute. What goes wrong is logged: there is nobody to tell."""
    try:
        now = timezone.now()
        if not SweepWatch.objects.filter(name=WATCH, at__gt=now - EVERY, at__lte=now).exists():
            watch(now=now)
        else:
            send_alarm_mails(timezone.now)
    except Exception:
        log.exception("watch_failed")
    finally:
        connection.close()


def ping() -> bool:
    """Tell HEARTBEAT_URL that every kind of sweep is on time; say whether it heard. Never raises, never takes long.

    Silence is the alarm: when a kind is late, or this machine is gone, nothing is said.
    """
    if not settings.HEARTBEAT_URL:
        return False
    try:
        late = [standing.kind for standing in standings(now=timezone.now()) if standing.late]
    except Exception:
        log.exception("ping_failed")
        close_old_connections()
        return False
    if late:
        log.warning("ping_withheld", late=late)
        return False
    heard: list[bool] = []
    # The time limits of a client begin only once the name of the computer was found.
    thread = Thread(target=lambda: heard.append(_ask(settings.HEARTBEAT_URL)), name="heartbeat", daemon=True)
    thread.start()
    thread.join(PING_PATIENCE)
    if not any(heard):
        log.warning("ping_not_heard", took_too_long=thread.is_alive())
    return any(heard)


def _ask(url: str) -> bool:
    timeout = urllib3.Timeout(connect=2, read=3)
    try:
        with urllib3.PoolManager(num_pools=1, retries=False, timeout=timeout) as pool:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
            answer.close()
            return 200 <= answer.status < 300
    except Exception as error:  # whatever the network does
        log.info("ping_error", reason=type(error).__name__)  # the address is a secret, and stands in the text
        return False
