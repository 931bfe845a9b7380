"""`manage.py doctor`: content when all is well, and each thing that a newcomer gets wrong found by its name."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from common.numbers import BEIJING
from complaints_portal import doctor, health, postgres_programs
from deadlines.models import AlarmLetter, SweepAlarm, SweepControl, SweepRun, WorkDay
from deadlines.sweeping import registered_kinds

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def well(settings, monkeypatch):
    """Everything that a test machine may lack is there: a published calendar, sweeps, an address, room on the disk."""
    health._probe_store.cache_clear()
    monkeypatch.setattr(health, "PATIENCE", 60)  # a busy machine is as well as an idle one
    settings.PUBLIC_URL = "https://portal.example.com"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "Complaints <complaints@example.com>"
    settings.OPS_MAIL = ["ops@example.com"]
    WorkDay.objects.all().delete()
    WorkDay.objects.create(day=timezone.now().astimezone(BEIJING).date() + timedelta(days=400), is_working=True)
    swept = timezone.now() - timedelta(seconds=30)
    for kind in registered_kinds():
        SweepRun.objects.create(
            kind=kind, cut_off=swept, issued_at=swept, started_at=swept, ended_at=swept, ran_by="schedule"
        )


def examined() -> dict[str, list[doctor.Finding]]:
    found: dict[str, list[doctor.Finding]] = {}
    for finding in doctor.examine(now=timezone.now()):
        found.setdefault(finding.name, []).append(finding)
    return found


def states(name: str) -> list[str]:
    return [finding.state for finding in examined()[name]]


def test_all_is_well_in_a_line_each_and_the_status_is_0(monkeypatch):
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 0)
    monkeypatch.setattr(doctor, "NO_SPACE", 0)
    out = StringIO()
    call_command("doctor", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(doctor.LOOKS), out.getvalue()
    assert [line.split()[1] for line in lines] == list(doctor.LOOKS)


def test_a_server_without_the_extensions_of_the_search_is_found(monkeypatch):
    monkeypatch.setattr(doctor, "EXTENSIONS", ("pg_trgm", "not_of_this_world"))
    (finding,) = examined()["rights"]
    assert finding.state == "wrong"
    assert "not_of_this_world." in finding.found
    assert "contrib" in finding.mend


def test_a_role_that_may_make_tables_but_not_the_extensions_is_found(monkeypatch):
    monkeypatch.setattr(doctor, "EXTENSIONS", ("citext",))  # available, and never made
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_database())")
        cursor.execute(f"REVOKE CREATE ON DATABASE {cursor.fetchone()[0]} FROM PUBLIC, CURRENT_USER")
    (finding,) = examined()["rights"]
    assert "may not make the extensions that the search needs: citext." in finding.found
    assert "GRANT CREATE ON DATABASE" in finding.mend


def test_what_is_wrong_ends_with_status_1_and_says_how_to_mend_it():
    SweepRun.objects.all().delete()
    out = StringIO()
    with pytest.raises(CommandError, match=r"thing\(s\) are wrong"):
        call_command("doctor", json=True, stdout=out)
    wrong = [finding for finding in json.loads(out.getvalue()) if finding["state"] == "wrong"]
    assert {finding["name"] for finding in wrong} == {"sweeps"}
    assert wrong[0]["found"] == "No sweep of handle has run ever."
    assert "sweep --loop" in wrong[0]["mend"]


def old_python(monkeypatch, settings):
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))


def old_postgres(monkeypatch, settings):
    monkeypatch.setattr(postgres_programs, "server_version", lambda: 13)


def no_redis(monkeypatch, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def no_storage(monkeypatch, settings):
    store = FileSystemStorage(location="/proc/nowhere")
    monkeypatch.setattr(health, "evidence_files", lambda: store)


def no_mail_server(monkeypatch, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


def mail_to_the_log(monkeypatch, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"


def wrong_address(monkeypatch, settings):
    settings.PUBLIC_URL = "portal.example.com"


def address_of_this_machine(monkeypatch, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"


def calendar_soon_over(monkeypatch, settings):
    WorkDay.objects.update(day=timezone.now().astimezone(BEIJING).date() + timedelta(days=30))


def calendar_over(monkeypatch, settings):
    WorkDay.objects.update(day=timezone.now().astimezone(BEIJING).date() - timedelta(days=1))


def no_calendar(monkeypatch, settings):
    WorkDay.objects.all().delete()


def beat_stands_still(monkeypatch, settings):
    SweepRun.objects.filter(kind="handle").update(ended_at=timezone.now() - timedelta(minutes=6))


def a_kind_is_paused(monkeypatch, settings):
    now = timezone.now()
    SweepControl.objects.create(kind="handle", mode="paused", reason="Repairs.", changed_by="Wang", changed_at=now)


def nobody_of_ops(monkeypatch, settings):
    settings.OPS_MAIL = []


def an_alarm_that_was_not_mailed(monkeypatch, settings):
    now = timezone.now()
    alarm = SweepAlarm.objects.create(kind="handle", why="silent", began_at=now, told_at=now)
    AlarmLetter.objects.create(
        alarm=alarm, occasion="begun", address="ops@example.com", language="en", written_at=now, due_at=now, failures=1
    )


def no_ping_in_production(monkeypatch, settings):
    settings.PRODUCTION = True
    monkeypatch.setattr(doctor, "LOOKS", {"outside": doctor.LOOKS["outside"]})


def no_token_behind_a_proxy(monkeypatch, settings):
    settings.TRUSTED_PROXIES = 1


def a_ping_in_the_clear(monkeypatch, settings):
    settings.HEARTBEAT_URL = "http://hc.example.com/ping"


def a_dsn_without_a_project(monkeypatch, settings):
    settings.SENTRY_DSN = "https://key@sentry.example.com/"


def mail_from_nowhere(monkeypatch, settings):
    settings.DEFAULT_FROM_EMAIL = "Complaints portal <noreply@localhost>"


def ops_mail_that_is_none(monkeypatch, settings):
    settings.OPS_MAIL = ["ops@example.com", "night shift"]


def little_space(monkeypatch, settings):
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 2**62)


def no_space(monkeypatch, settings):
    monkeypatch.setattr(doctor, "NO_SPACE", 2**62)


def a_migration_is_missing(monkeypatch, settings):
    more = health.known_migrations() | {("complaints", "9999_not_there")}
    monkeypatch.setattr(health, "known_migrations", lambda: more)


def another_zone(monkeypatch, settings):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Shanghai'")


@pytest.mark.parametrize(
    ("how", "name", "state"),
    [
        (old_python, "python", "wrong"),
        (old_postgres, "postgresql", "wrong"),
        (no_redis, "redis", "wrong"),
        (no_storage, "storage", "wrong"),
        (no_mail_server, "mail", "wrong"),
        (mail_to_the_log, "mail", "warning"),
        (wrong_address, "settings", "wrong"),
        (address_of_this_machine, "public_url", "warning"),
        (calendar_soon_over, "calendar", "warning"),
        (calendar_over, "calendar", "wrong"),
        (no_calendar, "calendar", "wrong"),
        (beat_stands_still, "sweeps", "wrong"),
        (a_kind_is_paused, "sweeps", "warning"),
        (nobody_of_ops, "alarms", "warning"),
        (an_alarm_that_was_not_mailed, "alarms", "wrong"),
        (no_ping_in_production, "outside", "warning"),
        (no_token_behind_a_proxy, "metrics", "warning"),
        (a_ping_in_the_clear, "settings", "wrong"),
        (a_dsn_without_a_project, "settings", "wrong"),
        (ops_mail_that_is_none, "settings", "wrong"),
        (mail_from_nowhere, "mail", "warning"),
        (little_space, "disk", "warning"),
        (no_space, "disk", "wrong"),
        (a_migration_is_missing, "migrations", "wrong"),
        (another_zone, "time_zone", "warning"),
    ],
)
def test_each_thing_is_found_by_its_name(how, name, state, monkeypatch, settings):
    how(monkeypatch, settings)
    assert states(name) == [state]
    (finding,) = examined()[name]
    assert finding.mend


@pytest.mark.django_db(transaction=True)
def test_without_a_database_it_says_so_and_looks_at_the_rest(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    found = examined()
    connection.close()
    assert {name for name, (first, *_) in found.items() if "does not answer" in first.found} >= {
        "postgresql", "rights", "migrations", "time_zone", "sweeps",
    }  # fmt: skip
    assert found["redis"][0].state == "ok"
    assert list(found) == list(doctor.LOOKS)
