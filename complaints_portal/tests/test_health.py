"""The health pages say what works, fast, and tell nobody more than they need."""

from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone
from freezegun import freeze_time

from common.numbers import BEIJING
from complaints_portal import health
from complaints_portal.checks import calendar_reaches_far_enough
from deadlines.models import Deadline, SweepControl, SweepRun, WorkDay
from deadlines.sweeping import registered_kinds

READY = "/health/ready/"


@pytest.fixture(autouse=True)
def _fresh_probe(monkeypatch):
    health._probe_store.cache_clear()
    monkeypatch.setattr(health, "PATIENCE", 60)  # a busy machine is as well as an idle one


@pytest.fixture
def swept(transactional_db):
    """Every kind of clock was swept half a minute ago."""
    moment = timezone.now() - timedelta(seconds=30)
    for kind in registered_kinds():
        SweepRun.objects.create(
            kind=kind, cut_off=moment, issued_at=moment, started_at=moment, ended_at=moment, ran_by="schedule"
        )
    published_for(days=400)


def published_for(*, days: int) -> None:
    """The calendar reaches so many days from today."""
    WorkDay.objects.all().delete()
    through = timezone.now().astimezone(BEIJING).date() + timedelta(days=days)
    WorkDay.objects.create(day=through, is_working=True, source="test")


def test_live_asks_nobody(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        response = client.get("/health/live/")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


def test_ready_when_all_is_well(client, swept):
    response = client.get(READY)
    body = response.json()
    assert (response.status_code, body["status"]) == (200, "ready"), body
    assert set(body["checks"]) == {"database", "migrations", "redis", "storage", "sweeps", "calendar"}
    assert 29 <= body["checks"]["sweeps"]["kinds"]["handle"]["age_seconds"] < 300
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")


def test_not_ready_without_the_database_and_the_reason_stays_in_the_log(client, swept, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get(READY)
    assert (response.status_code, response.json()["status"]) == (503, "not_ready")
    assert not response.json()["checks"]["migrations"]["ok"]
    assert "nowhere" not in response.content.decode()


def test_not_ready_with_a_migration_that_is_not_applied(client, swept, monkeypatch):
    more = health.known_migrations() | {("complaints", "9999_not_there")}
    monkeypatch.setattr(health, "known_migrations", lambda: more)
    response = client.get(READY)
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"]["not_applied"] == 1


def test_degraded_but_ready_without_redis_and_within_the_patience(client, swept, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get(READY)
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert not response.json()["checks"]["redis"]["ok"]


def test_degraded_when_the_store_takes_no_files(client, swept, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("a file where the directory should be")
    monkeypatch.setattr(health, "evidence_files", lambda: FileSystemStorage(location=tmp_path / "file"))
    assert client.get(READY).json()["checks"]["storage"] == {"ok": False}


def test_degraded_when_no_sweep_ended_for_five_minutes(client, swept):
    SweepRun.objects.filter(kind="handle").update(ended_at=timezone.now() - timedelta(minutes=5, seconds=1))
    response = client.get(READY)
    assert (response.status_code, response.json()["status"]) == (200, "degraded")


def test_degraded_when_a_clock_stays_due_although_sweeps_run(client, swept):
    due_at = timezone.now() - timedelta(minutes=10)
    Deadline.objects.create(
        kind="handle", subject_id=1, complaint_id=1, merchant_id=1, mini_program_id=1, due_at=due_at
    )
    response = client.get(READY)
    assert response.json()["status"] == "degraded"
    assert response.json()["checks"]["sweeps"]["kinds"]["handle"]["oldest_due_seconds"] >= 600


def test_a_run_that_did_not_end_does_not_count(client, swept):
    SweepRun.objects.filter(kind="handle").update(ended_at=None)
    assert client.get(READY).json()["checks"]["sweeps"]["kinds"]["handle"]["age_seconds"] is None


@pytest.mark.parametrize(("mode", "status"), [("paused", "degraded"), ("shadow", "ready"), ("run", "ready")])
def test_a_paused_kind_degrades_and_is_named_its_reason_stays_in_the_log(client, swept, mode, status):
    now = timezone.now()
    SweepControl.objects.create(kind="handle", mode=mode, reason="Server 7.", changed_by="Wang", changed_at=now)
    response = client.get(READY)
    assert (response.status_code, response.json()["status"]) == (200, status)
    kinds = response.json()["checks"]["sweeps"]["kinds"]
    assert (kinds["handle"]["mode"], kinds["finish"]["mode"]) == (mode, "run")
    assert "Server 7." not in response.content.decode()


def test_a_run_in_shadow_is_a_run(client, swept):
    SweepRun.objects.filter(kind="handle").update(is_shadow=True)
    assert client.get(READY).json()["status"] == "ready"


def test_metrics_are_given_to_this_machine_itself(client, swept):
    response = client.get("/metrics")
    assert response.status_code == 200
    text = response.content.decode()
    assert 'portal_check_ok{check="database"} 1.0' in text
    assert 'portal_sweep_age_seconds{kind="handle"}' in text
    assert "django_http_requests_total_by_method_total" in text


@pytest.mark.parametrize(
    "extra",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "not an address"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_AUTHORIZATION": "Bearer wrong"},
    ],
)
def test_for_everybody_else_the_metrics_do_not_exist(client, db, settings, extra):
    settings.METRICS_TOKEN = "a-token-of-ours"
    assert client.get("/metrics", **extra).status_code == 404


def test_metrics_are_given_to_who_has_the_token(client, swept, settings):
    settings.METRICS_TOKEN = "a-token-of-ours"
    extra = {"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer a-token-of-ours"}
    assert client.get("/metrics", **extra).status_code == 200


def test_behind_trusted_proxies_every_address_is_the_proxys_so_only_the_token_counts(client, db, settings):
    settings.TRUSTED_PROXIES = 1
    assert client.get("/metrics").status_code == 404


def test_nothing_is_changed_by_asking(client, db):
    assert client.post(READY).status_code == 405


@pytest.mark.parametrize(
    ("days", "ok", "warning"),
    [
        (60, True, None),
        (59, True, "import the next year"),
        (0, True, "import the next year"),
        (-1, False, "import the next year"),
    ],
)
def test_the_calendar_warns_sixty_days_ahead_and_is_not_well_once_it_has_run_out(client, swept, days, ok, warning):
    with freeze_time(timezone.now()):  # midnight may be near
        published_for(days=days)
        body = client.get(READY).json()
        warnings = calendar_reaches_far_enough(databases=["default"])
    found = body["checks"]["calendar"]
    assert (found["days_left"], found["ok"], found["warning"]) == (days, ok, warning)
    assert body["status"] == ("ready" if ok else "degraded")
    assert len(warnings) == (1 if warning else 0)
    assert calendar_reaches_far_enough() == []
