"""What `/metrics` prints: every figure that docs/metrics.md names and no other, by indexes, and without Redis too."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from complaints_portal import health, metrics
from complaints_portal.celery import app
from deadlines.models import SweepAlarm
from deadlines.tests.explaining import plans_of
from deadlines.tests.standing_still import due, swept
from notifications.models import Watermark
from notifications.telling import READER

ROOT = Path(django_settings.BASE_DIR)
DASHBOARD = ROOT / "ops" / "grafana" / "portal.json"
RULES = (ROOT / "ops" / "prometheus" / "alerts.yml", ROOT / "ops" / "prometheus" / "recording.yml")
NAME = re.compile(r"(?<![\w:])(?:portal|django)_[a-z0-9_]+\b")
SERIES = re.compile(r"^([a-z_:][a-z0-9_:]*)(?:\{|\s)", re.MULTILINE)


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A busy machine tells the same figures as an idle one."""
    health._probe_store.cache_clear()
    monkeypatch.setattr(health, "PATIENCE", 60)
    monkeypatch.setattr(metrics, "PATIENCE", 60)
    monkeypatch.setattr(metrics, "BUDGET", 600)


def asked(client) -> str:
    client.get("/accounts/login/")  # so that there is a request whose time is told
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return str(answer.content.decode())


def series(text) -> set[str]:
    return set(SERIES.findall(text))


def own(text) -> set[str]:
    return {name for name in series(text) if name.startswith("portal_")}


@pytest.fixture
def busy(transactional_db):
    Watermark.objects.get_or_create(name=READER)
    now = timezone.now()
    swept(now.isoformat(), acted=3, examined=5, failed=2)
    due(now.isoformat())
    SweepAlarm.objects.create(kind="handle", why="silent", began_at=now, told_at=now)
    return now


def test_the_page_about_metrics_names_each_and_no_other(client, busy):
    text = (ROOT / "docs" / "metrics.md").read_text()
    shown = re.findall(r"^\| `(portal_[a-z_]+)` \|", text, re.MULTILINE)
    assert len(shown) == len(set(shown)) >= 25
    printed = {name for name in own(asked(client)) if not name.endswith("_created")}
    assert set(shown) == printed | {"portal_calendar_days_left"}  # no calendar, no days


def test_the_figures_are_those_of_the_database(client, busy):
    text = asked(client)
    for line in (
        'portal_sweep_acted_total{kind="handle"} 3.0',
        'portal_sweep_failed_total{kind="handle"} 2.0',
        'portal_deadlines_due{kind="handle"} 1.0',
        'portal_alarm_open{kind="handle"} 1.0',
        'portal_alarm_open{kind="finish"} 0.0',
        'portal_sweep_late{kind="handle",why="silent"} 0.0',
        'portal_collector_ok{collector="queues"} 1.0',
        'portal_queue_length{queue="celery"} 0.0',
    ):
        assert line in text, line
    assert 'portal_build_info{django="5.2' in text
    assert (
        'django_http_requests_latency_seconds_by_view_method_bucket{le="0.025",method="GET",view="account_login"}'
        in text
    )


def test_a_broken_redis_breaks_nothing_but_its_own_figures(client, busy, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    text = asked(client)
    assert 'portal_collector_ok{collector="queues"} 0.0' in text
    assert "portal_queue_length" not in series(text)
    assert 'portal_collector_ok{collector="sweeps"} 1.0' in text


def test_without_a_database_the_page_still_answers(client, busy, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'portal_collector_ok{collector="sweeps"} 0.0' in text
    assert 'portal_check_ok{check="database"} 0.0' in text
    assert 'portal_collector_ok{collector="queues"} 1.0' in text


def test_a_collector_that_takes_too_long_is_given_up(busy, monkeypatch):
    def slow(own, now):
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        yield from ()

    monkeypatch.setattr(metrics, "FROM_DATABASE", {"slow": slow, **metrics.FROM_DATABASE})
    monkeypatch.setattr(metrics, "PATIENCE", 3)
    _found, went_well = metrics.collect_all(now=timezone.now())
    assert (went_well["slow"], went_well["sweeps"], went_well["exports"]) == (False, True, True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", metrics.FROM_DATABASE)
def test_every_figure_is_read_by_an_index(name):
    Watermark.objects.get_or_create(name=READER)
    small = ("deadlines_sweepcontrol", "deadlines_sweeptotal", "deadlines_sweepalarm", "deadlines_alarmletter")
    for plan in plans_of(lambda: list(metrics.FROM_DATABASE[name](connection, timezone.now()))):
        read_whole = [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table not in small]
        assert read_whole == [], plan


def test_what_waits_in_the_queue_is_counted(settings):
    import redis

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete("celery", "unacked")
        client.lpush("celery", "one", "two")
        client.hset("unacked", "a", "b")
        try:
            found = {metric.name: [sample.value for sample in metric.samples] for metric in metrics._queues()}
        finally:
            client.delete("celery", "unacked")
    assert found == {"portal_queue_length": [2.0], "portal_queue_unacked": [1.0]}


class TestCelery:
    """What a killed worker may lose: nothing, as long as these hold."""

    def test_a_task_that_a_killed_worker_had_comes_back_and_no_other_worker_hoards(self):
        assert app.conf.task_acks_late
        assert app.conf.task_reject_on_worker_lost
        assert app.conf.worker_prefetch_multiplier == 1

    def test_no_task_outlives_the_time_after_which_another_worker_gets_it(self):
        app.loader.import_default_modules()
        visible_again = app.conf.broker_transport_options["visibility_timeout"]
        ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
        assert len(ours) >= 14
        for task in ours:
            limit = task.time_limit or app.conf.task_time_limit
            soft = task.soft_time_limit or app.conf.task_soft_time_limit
            assert soft < limit < visible_again, task.name

    def test_what_the_schedule_wakes_exists_and_a_wake_up_expires_before_the_next(self):
        app.loader.import_default_modules()
        for name, entry in app.conf.beat_schedule.items():
            assert entry["task"] in app.tasks, name
            every = entry["schedule"]
            seconds = every if isinstance(every, float) else every.remaining_estimate(timezone.now()).total_seconds()
            assert entry["options"]["expires"] > 0
            assert not isinstance(every, float) or entry["options"]["expires"] < seconds


class TestTheDashboard:
    @pytest.fixture
    def dashboard(self):
        return json.loads(DASHBOARD.read_text())

    def panels(self, dashboard):
        return [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    def test_it_is_a_dashboard(self, dashboard):
        assert {"title", "uid", "schemaVersion", "panels", "templating", "time", "refresh", "tags"} <= set(dashboard)
        assert dashboard["id"] is None
        assert dashboard["schemaVersion"] >= 36
        (source,) = [each for each in dashboard["templating"]["list"] if each["type"] == "datasource"]
        assert (source["name"], source["query"]) == ("datasource", "prometheus")

    def test_every_panel_has_a_number_a_title_a_description_and_a_unit(self, dashboard):
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))
        assert len(self.panels(dashboard)) >= 12
        for panel in self.panels(dashboard):
            assert panel["title"], panel["id"]
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["targets"], panel["title"]
            references = [target["refId"] for target in panel["targets"]]
            assert len(references) == len(set(references))

    def test_no_panel_lies_on_another_and_none_leaves_the_grid(self, dashboard):
        taken: dict[tuple[int, int], str] = {}
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    assert taken.setdefault((x, y), panel["title"]) == panel["title"]

    def test_every_figure_that_it_or_a_rule_names_is_printed(self, client, busy, dashboard):
        named = set()
        for panel in self.panels(dashboard):
            for target in panel["targets"]:
                named |= set(NAME.findall(target["expr"]))
        for path in RULES:
            for line in path.read_text().splitlines():
                named |= set(NAME.findall(line)) if "expr" in line or line.startswith("          ") else set()
        assert len(named) >= 20
        printed = series(asked(client))
        assert named - printed == set()
