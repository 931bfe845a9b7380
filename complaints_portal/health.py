"""Whether the portal lives, and whether it is ready for requests.

`/health/live/` asks nobody. `/health/ready/` answers 200 as long as pages work, and 503 when they do not: without the
database, or with migrations that are not applied. What only delays work (queue, picture store, a late sweep) makes
it say `degraded`, still with 200: taking every web process away would help nobody.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import redis
import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

from deadlines.calendar import reach
from deadlines.models import SweepControl
from deadlines.standing import standings
from deadlines.watching import watch_aside
from evidence.models import evidence_files

log = structlog.get_logger(__name__)

PATIENCE = 2
"""Seconds that one check may take."""

NEEDED = ("database", "migrations")
"""Without these pages do not work. The other checks only say that something is delayed."""


@dataclass(slots=True)
class Finding:
    """What one check found: whether all is well, and the figures behind it."""

    ok: bool
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **self.figures}


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; whoever asks learns nothing about what it needs."""
    return JsonResponse({"status": "live"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say what works, check by check. Reasons stand in the log only, because anybody may ask."""
    findings = look(now=request.now)  # type: ignore[attr-defined]  # set by arrival_middleware
    is_ready = all(findings[name].ok for name in NEEDED)
    all_well = all(finding.ok for finding in findings.values())
    if is_ready:
        watch_aside()  # whoever asks from outside watches too: beat and every worker may be dead
    return JsonResponse(
        {
            "status": ("ready" if all_well else "degraded") if is_ready else "not_ready",
            "checks": {name: finding.as_json() for name, finding in findings.items()},
        },
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def look(*, now: datetime) -> dict[str, Finding]:
    """Make every check; none takes longer than `PATIENCE`, and none raises."""
    findings: dict[str, Finding] = {}
    with _guarded(findings, "database"), own_connection() as own:
        _check(findings, "database", lambda: Finding(ok=_answers(own)))
        _check(findings, "migrations", lambda: _migrations(own))
        _check(findings, "sweeps", lambda: _sweeps(own, now=now))
        _check(findings, "calendar", lambda: _calendar(own, now=now))
    for name in ("migrations", "sweeps", "calendar"):
        findings.setdefault(name, Finding(ok=False))
    _check(findings, "redis", lambda: Finding(ok=redis_answers()))
    _check(findings, "storage", lambda: Finding(ok=store_takes_files()))
    return findings


def _check(findings: dict[str, Finding], name: str, look_at: Callable[[], Finding]) -> None:
    started = time.monotonic()
    with _guarded(findings, name):
        findings[name] = look_at()
        findings[name].figures["milliseconds"] = round((time.monotonic() - started) * 1000)


@contextmanager
def _guarded(findings: dict[str, Finding], name: str) -> Iterator[None]:
    """Turn whatever goes wrong into a finding; the reason goes to the log."""
    try:
        yield
    except Exception as error:  # each client fails in its own way, and a check must answer
        log.warning("health_check_failed", check=name, reason=f"{type(error).__name__}: {error}")
        findings[name] = Finding(ok=False)


@contextmanager
def own_connection(*, patience: int = PATIENCE) -> Iterator[BaseDatabaseWrapper]:
    """Open a connection for looking alone, which gives up after so many seconds where the pages' own would wait."""
    own = connection.copy()
    own.settings_dict["OPTIONS"] = {**own.settings_dict["OPTIONS"], "connect_timeout": max(2, patience)}
    with closing(own):
        with own.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(patience * 1000)])
        yield own


def _answers(own: BaseDatabaseWrapper) -> bool:
    with own.cursor() as cursor:
        cursor.execute("SELECT NOT pg_is_in_recovery()")  # a standby takes no writes
        return bool(cursor.fetchone()[0])


def _migrations(own: BaseDatabaseWrapper) -> Finding:
    missing = missing_migrations(own)
    return Finding(ok=not missing, figures={"not_applied": len(missing)})


def missing_migrations(own: BaseDatabaseWrapper) -> frozenset[tuple[str, str]]:
    """Return the migrations of this version that were not applied to the database."""
    return known_migrations() - MigrationRecorder(own).applied_migrations().keys()


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """Return every migration that this version of the portal brings."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _sweeps(own: BaseDatabaseWrapper, *, now: datetime) -> Finding:
    """Say for each kind how it runs, how long ago a sweep ended, and how long its oldest due clock has been waiting.

    A kind that ops paused is not well, and says that it is paused. A run in shadow is a run; what it leaves waits.
    """
    kinds: dict[str, Any] = {}
    ok = True
    for standing in standings(now=now, on=own):
        if standing.mode != SweepControl.Mode.RUN:
            log.warning("sweep_is_held", kind=standing.kind, mode=standing.mode, reason=standing.reason)
        age = standing.age(now)
        ok = ok and standing.late is None
        kinds[standing.kind] = {
            "mode": standing.mode,
            "late": standing.late,
            "age_seconds": None if age is None else round(age.total_seconds()),
            "oldest_due_seconds": round(standing.waiting(now).total_seconds()),
        }
    return Finding(ok=ok, figures={"kinds": kinds})


def _calendar(own: BaseDatabaseWrapper, *, now: datetime) -> Finding:
    """Say how far the published working days reach. It warns in time, and is not well once they have run out."""
    with own.cursor() as cursor:
        cursor.execute("SELECT max(day) FROM deadlines_workday")
        found = reach(cursor.fetchone()[0], now=now)
    return Finding(
        ok=not found.has_run_out,
        figures={
            "published_through": found.through.isoformat() if found.through else None,
            "days_left": found.days_left,
            "warning": "import the next year" if found.runs_out_soon else None,
        },
    )


def redis_answers() -> bool:
    """Say whether Redis answers within `PATIENCE`; raises what its client raises when it does not."""
    options = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
    with closing(redis.Redis.from_url(settings.REDIS_URL, **options)) as client:
        return bool(client.ping())


_probing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storage-probe")


def store_takes_files() -> bool:
    """Write and remove a small file, at most once a minute while it works; a store that hangs is given up on."""
    return _probing.submit(_probe_store, int(time.monotonic() // 60)).result(timeout=PATIENCE)


@lru_cache(maxsize=1)
def _probe_store(_minute: int) -> bool:
    store = evidence_files()
    store.delete(store.save(f"health/{uuid4().hex}.txt", ContentFile(b"written by the health check")))
    return True


urlpatterns = [
    path("health/live/", live, name="health_live"),
    path("health/ready/", ready, name="health_ready"),
]
