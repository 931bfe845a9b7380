"""The figures of the portal for Prometheus, at `/metrics`; docs/metrics.md says what each means.

Each collector asks one thing, by an index, within `PATIENCE`. One that fails leaves its figures out and says so in
`portal_collector_ok`, so that a broken Redis never breaks the page. What is due, waits or was done stands in PostgreSQL
and is read there: it is right with any number of processes, and after every restart. Only the times of requests are
kept by the web processes themselves.
"""

import hmac
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from ipaddress import ip_address

import django
import prometheus_client
import redis
import structlog
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.transport.redis import PRIORITY_STEPS
from kombu.transport.redis import Channel as RedisChannel
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from redis.backoff import NoBackoff
from redis.retry import Retry

from complaints_portal import __version__
from complaints_portal.celery import app
from complaints_portal.health import Finding, look, own_connection
from deadlines.models import Lateness
from deadlines.standing import MANY, due_counts, standings
from deadlines.sweeping import registered_kinds
from deadlines.totals import totals
from notifications.telling import READER
from refunds.queries import in_doubt

log = structlog.get_logger(__name__)

PATIENCE = 1
"""Seconds that one collector may take."""
BUDGET = 4
"""Seconds for all of them; those that come later are left out, so that Prometheus gets an answer."""
SOON = timedelta(hours=24)

Collector = Callable[[BaseDatabaseWrapper, datetime], Iterator[Metric]]


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures to Prometheus. For everybody else the address does not exist."""
    if not _may_read_metrics(request):
        raise Http404
    registry = prometheus_client.REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = prometheus_client.CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it registers itself
    own = prometheus_client.CollectorRegistry()
    own.register(_Collected(now=request.now))  # type: ignore[attr-defined]  # set by arrival_middleware
    body = prometheus_client.generate_latest(registry) + prometheus_client.generate_latest(own)
    return HttpResponse(body, content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    """Say whether the caller has METRICS_TOKEN, or asks from this machine itself and not through a proxy on it."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    forwarded = {"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} & set(request.headers)
    if forwarded or settings.TRUSTED_PROXIES:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Collected(prometheus_client.registry.Collector):
    """What the portal finds out while it is asked."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield from _checks(look(now=self.now))
        found, went_well = collect_all(now=self.now)
        yield from found
        ok = GaugeMetricFamily("portal_collector_ok", "1 when a collector found its figures.", labels=["collector"])
        for name, well in went_well.items():
            ok.add_metric([name], well)
        yield ok

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: a registry would ask everything only to learn the names."""
        yield from ()


def collect_all(*, now: datetime) -> tuple[list[Metric], dict[str, bool]]:
    """Return what every collector found, and which of them went well."""
    found: list[Metric] = [*_build()]
    went_well = dict.fromkeys([*FROM_DATABASE, "queues"], False)
    began = time.monotonic()
    try:
        with own_connection(patience=PATIENCE) as own:
            for name, collector in FROM_DATABASE.items():
                if time.monotonic() - began > BUDGET:
                    log.warning("collectors_out_of_time", left_out=name)
                    break
                went_well[name] = _collect(found, name, lambda each=collector: each(own, now))  # type: ignore[misc]  # mypy reads no defaults of lambdas
    except Exception as error:  # the database is away, and says so in one of many ways
        log.warning("collector_failed", collector="database", reason=f"{type(error).__name__}: {error}")
    went_well["queues"] = _collect(found, "queues", _queues)
    return found, went_well


def _collect(found: list[Metric], name: str, collector: Callable[[], Iterator[Metric]]) -> bool:
    """Take what one collector finds, all of it or nothing; say whether it went well. The reason goes to the log."""
    try:
        found += list(collector())
    except Exception as error:  # each client fails in its own way, and the page must answer
        log.warning("collector_failed", collector=name, reason=f"{type(error).__name__}: {error}")
        return False
    return True


def _build() -> Iterator[Metric]:
    build = GaugeMetricFamily(
        "portal_build_info", "What runs here; always 1.", labels=["version", "release", "python", "django"]
    )
    build.add_metric([__version__, settings.RELEASE, platform.python_version(), django.get_version()], 1)
    yield build


def _checks(findings: dict[str, Finding]) -> Iterator[Metric]:
    """What the health page says, as figures."""
    ok = GaugeMetricFamily("portal_check_ok", "1 when a check finds all well.", labels=["check"])
    for name, finding in findings.items():
        ok.add_metric([name], finding.ok)
    yield ok
    days_left = findings["calendar"].figures.get("days_left")
    if days_left is not None:
        yield _gauge("portal_calendar_days_left", "Days until the published calendar of working days ends.", days_left)


def _sweeps(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    """How each kind stands, by the same rule as health and alarms."""
    age = _by_kind("portal_sweep_age_seconds", "Seconds since a sweep of this kind ended.")
    lag = _by_kind("portal_oldest_due_seconds", "Seconds since the oldest clock that is still due.")
    last_lag = _by_kind("portal_sweep_last_lag_seconds", "How late the oldest clock was when the last run began.")
    late = GaugeMetricFamily("portal_sweep_late", "1 when a kind is late for this reason.", labels=["kind", "why"])
    for standing in standings(now=now, on=own):
        lag.add_metric([standing.kind], standing.waiting(now).total_seconds())
        if (since := standing.age(now)) is not None:
            age.add_metric([standing.kind], since.total_seconds())
            last_lag.add_metric([standing.kind], standing.last_lag.total_seconds() if standing.last_lag else 0)
        for why in Lateness:
            late.add_metric([standing.kind, why.value], standing.late == why)
    yield from (age, lag, last_lag, late)


def _due(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    due = _by_kind("portal_deadlines_due", f"Clocks that are due, at most {MANY}.")
    soon = _by_kind("portal_deadlines_due_soon", f"Clocks that will be due within 24 hours, at most {MANY}.")
    for kind, (due_now, due_soon) in due_counts(now=now, until=now + SOON, on=own).items():
        due.add_metric([kind], due_now)
        soon.add_metric([kind], due_soon)
    yield from (due, soon)


def _work(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    """What the sweeps ever did."""
    words = {
        "examined": "Due clocks that sweeps looked at.",
        "acted": "Due clocks that sweeps acted on.",
        "skipped": "Due clocks that sweeps left: dealt with already, or in use.",
        "failed": "Due clocks that sweeps could not act on.",
    }
    families = {
        name: CounterMetricFamily(f"portal_sweep_{name}", text, labels=["kind"]) for name, text in words.items()
    }
    for kind, total in totals(on=own).items():
        for name, family in families.items():
            family.add_metric([kind], getattr(total, name))
    yield from families.values()


def _alarms(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    with own.cursor() as cursor:
        cursor.execute("SELECT kind FROM deadlines_sweepalarm WHERE ended_at IS NULL")
        lasting = {kind for (kind,) in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM deadlines_alarmletter WHERE due_at IS NOT NULL AND failures > 0")
        (held,) = cursor.fetchone()
    alarms = _by_kind("portal_alarm_open", "1 while the alarm of a kind of sweep lasts.")
    for kind in registered_kinds():
        alarms.add_metric([kind], kind in lasting)
    yield alarms
    yield _gauge("portal_alarm_mails_held", "Mails about alarms that the mail server did not take so far.", held)


def _outbox(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    """What is still to be told: events that made no notices yet, mails and calls of robots that are due."""
    with own.cursor() as cursor:
        cursor.execute(
            """
            SELECT event.at FROM notifications_watermark AS mark CROSS JOIN LATERAL (
                SELECT at FROM notifications_event
                WHERE (transaction, id) > (mark.transaction, mark.event_id) ORDER BY transaction, id LIMIT 1
            ) AS event WHERE mark.name = %s
            """,
            [READER],
        )
        oldest = (cursor.fetchone() or (None,))[0]
        yield _gauge("portal_events_untold_seconds", "Age of the oldest event not told yet.", _ago(oldest, now))
        for what, table in (("letters", "notifications_letter"), ("robot_calls", "notifications_robotcall")):
            cursor.execute(
                f"""
                SELECT (SELECT count(*) FROM (SELECT FROM {table} WHERE due_at <= %(now)s LIMIT %(many)s) AS due),
                    (SELECT min(due_at) FROM {table} WHERE due_at <= %(now)s)
                """,  # noqa: S608 (names of tables of ours)
                {"now": now, "many": MANY},
            )
            number, oldest = cursor.fetchone()
            yield _gauge(f"portal_{what}_due", f"Due and not sent yet, at most {MANY}.", number)
            yield _gauge(f"portal_{what}_oldest_seconds", "For how long the oldest has been due.", _ago(oldest, now))


def _refunds(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    query, parameters = in_doubt(now).order_by().values("requested_at").query.sql_with_params()
    with own.cursor() as cursor:
        cursor.execute(f"SELECT count(*), min(requested_at) FROM ({query}) AS doubt", parameters)  # noqa: S608 (Django's own)
        number, oldest = cursor.fetchone()
    yield _gauge("portal_refunds_in_doubt", "Refunds whose result has been unknown for too long.", number)
    yield _gauge("portal_refunds_in_doubt_oldest_seconds", "Since when the oldest was requested.", _ago(oldest, now))


def _exports(own: BaseDatabaseWrapper, now: datetime) -> Iterator[Metric]:
    with own.cursor() as cursor:
        cursor.execute("SELECT count(*), min(asked_at) FROM complaints_export WHERE status IN ('waiting', 'running')")
        number, oldest = cursor.fetchone()
    yield _gauge("portal_exports_waiting", "Exports that were asked for and are not ready.", number)
    yield _gauge("portal_exports_oldest_seconds", "Since when the oldest of them was asked for.", _ago(oldest, now))


def _queues() -> Iterator[Metric]:
    """What waits in Celery's queues, and what a worker took and has not finished."""
    options = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
    names = sorted(app.amqp.queues) or [app.conf.task_default_queue]
    with closing(redis.Redis.from_url(settings.REDIS_URL, **options)) as client:
        asked = client.pipeline(transaction=False)
        for name in names:
            for step in PRIORITY_STEPS:
                asked.llen(f"{name}{RedisChannel.sep}{step}" if step else name)
        asked.hlen(RedisChannel.unacked_key)
        *lengths, unacked = asked.execute()
    length = GaugeMetricFamily("portal_queue_length", "Tasks that wait for a worker.", labels=["queue"])
    steps = len(PRIORITY_STEPS)
    for number, name in enumerate(names):
        length.add_metric([name], sum(lengths[number * steps : (number + 1) * steps]))
    yield length
    yield _gauge("portal_queue_unacked", "Tasks that a worker took and has not finished, of all queues.", unacked)


FROM_DATABASE: dict[str, Collector] = {
    "sweeps": _sweeps,
    "alarms": _alarms,
    "due": _due,
    "work": _work,
    "outbox": _outbox,
    "refunds": _refunds,
    "exports": _exports,
}


def _by_kind(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["kind"])


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _ago(moment: datetime | None, now: datetime) -> float:
    """Return the seconds since a moment; none when there is no such moment."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


urlpatterns = [path("metrics", metrics, name="metrics")]
