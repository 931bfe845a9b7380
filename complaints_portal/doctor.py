"""What a newcomer gets wrong, looked at one thing after another: what was found, and how it is mended."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.mail import get_connection
from django.db import connection
from django.db.utils import Error as AnyDatabaseError
from django.db.utils import ProgrammingError

from common.wording import span_words
from complaints_portal import health, postgres_programs
from complaints_portal.checks import CONSOLE_MAIL, PORTAL
from complaints_portal.embedded import configured
from deadlines.alarm_mails import mail_trouble
from deadlines.alarms import recipients
from deadlines.calendar import published_through, reach
from deadlines.lateness import Lateness
from deadlines.models import SweepControl
from deadlines.overview import overview

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRES = 14
LITTLE_SPACE, NO_SPACE = 5 * 1024**3, 512 * 1024**2
"""Bytes: below the first it is time to look, below the second PostgreSQL may stop any day."""


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found, and what to do about it."""

    name: str
    state: State
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Look = Callable[[datetime], Iterator[tuple[State, str, str]]]


def examine(*, now: datetime) -> list[Finding]:
    """Look at everything. A look that fails says so, and does not keep the others from being made."""
    findings = []
    for name, look in LOOKS.items():
        try:
            findings += [Finding(name, state, found, mend) for state, found, mend in look(now)]
        except ProgrammingError as error:
            reason = str(error).strip().partition("\n")[0]
            mend = "Run manage.py migrate, and look again."
            findings.append(Finding(name, State.WRONG, f"The database lacks something: {reason}", mend))
        except AnyDatabaseError as error:
            reason = str(error).strip().partition("\n")[0]
            findings.append(Finding(name, State.WRONG, f"The database does not answer: {reason}", CHECK_DATABASE))
            connection.close()
        except Exception as error:  # whatever it is, the next look must be made
            findings.append(Finding(name, State.WRONG, f"{type(error).__name__}: {error}", "Mend what it names."))
    return findings


CHECK_DATABASE = "Start PostgreSQL, and set DATABASE_URL to postgres://user:password@host:5432/name."


def _python(now: datetime) -> Iterator[tuple[State, str, str]]:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    state = State.OK if sys.version_info >= OLDEST_PYTHON else State.WRONG
    yield (
        state,
        f"Python {platform.python_version()}",
        "" if state == State.OK else f"Install Python {wanted} or newer.",
    )


def _settings(now: datetime) -> Iterator[tuple[State, str, str]]:
    """Say what the portal's own checks say; PUBLIC_URL, the policy file and the payment system are among them."""
    messages = run_checks(tags=[PORTAL])
    for message in messages:
        yield State.WRONG if message.is_serious() else State.WARNING, f"{message.id}: {message.msg}", message.hint or ""
    if not messages:
        yield State.OK, "The settings can be used.", ""


def _public_url(now: datetime) -> Iterator[tuple[State, str, str]]:
    local = any(f"//{host}" in settings.PUBLIC_URL for host in ("127.0.0.1", "localhost", "[::1]"))
    if local:
        yield (
            State.WARNING,
            f"PUBLIC_URL is {settings.PUBLIC_URL}: links in mails lead to this machine only.",
            "Set PUBLIC_URL to the address under which people reach the portal.",
        )
    else:
        yield State.OK, f"Links in mails begin with {settings.PUBLIC_URL}.", ""


def _postgres(now: datetime) -> Iterator[tuple[State, str, str]]:
    version = postgres_programs.server_version()
    if version < OLDEST_POSTGRES:
        yield State.WRONG, f"PostgreSQL {version}", f"Upgrade to PostgreSQL {OLDEST_POSTGRES} or newer."
    else:
        yield State.OK, f"PostgreSQL {version}", ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_is_in_recovery(), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s",
            [connection.settings_dict["NAME"]],
        )
        is_standby, encoding = cursor.fetchone()
    if is_standby:
        yield State.WRONG, "The server is a standby, which takes no writes.", "Point DATABASE_URL at the primary."
    if encoding != "UTF8":
        yield State.WRONG, f"The database is encoded in {encoding}.", "Make it anew with ENCODING 'UTF8'."


EXTENSIONS = ("pg_trgm", "btree_gin")
"""What the search of complaints is indexed with; a migration makes them where they are missing."""


def _rights(now: datetime) -> Iterator[tuple[State, str, str]]:
    """Say whether migrations may make what they make: tables, triggers, and the extensions that are not there yet."""
    user, name = connection.settings_dict["USER"] or "this role", connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_schema_privilege('public', 'CREATE'), has_schema_privilege('public', 'USAGE'),"
            " has_database_privilege(current_database(), 'CREATE')"
        )
        may_create, may_use, may_extend = cursor.fetchone()
        cursor.execute(
            "SELECT name, installed_version IS NOT NULL FROM pg_available_extensions WHERE name = ANY(%s)",
            [list(EXTENSIONS)],
        )
        available: dict[str, bool] = dict(cursor.fetchall())
    absent = [each for each in EXTENSIONS if each not in available]
    unmade = [each for each in EXTENSIONS if available.get(each) is False]
    if not (may_create and may_use):
        yield (
            State.WRONG,
            f"{user} may make no tables.",
            f"GRANT ALL ON SCHEMA public TO {user}, or let it own the database.",
        )
    if absent:
        yield (
            State.WRONG,
            f"The server does not have the extensions that the search needs: {', '.join(absent)}.",
            "Install PostgreSQL's contrib package on the server.",
        )
    if unmade and not may_extend:
        yield (
            State.WRONG,
            f"{user} may not make the extensions that the search needs: {', '.join(unmade)}.",
            f"GRANT CREATE ON DATABASE {name} TO {user}, or let the owner of the database CREATE EXTENSION each.",
        )
    if may_create and may_use and not absent and (may_extend or not unmade):
        yield State.OK, "This role may make tables, and what the search needs is there or may be made.", ""


def _migrations(now: datetime) -> Iterator[tuple[State, str, str]]:
    missing = health.missing_migrations(connection)
    if missing:
        yield State.WRONG, f"{len(missing)} migration(s) are not applied.", "Run manage.py migrate."
    else:
        yield State.OK, "All migrations are applied.", ""


def _time_zone(now: datetime) -> Iterator[tuple[State, str, str]]:
    """Compare clocks: deadlines are judged by this machine's, and what the database writes carries its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('TimeZone'), clock_timestamp()")
        zone, there = cursor.fetchone()
    apart = abs((there - datetime.now(tz=there.tzinfo)).total_seconds())
    if apart > 5:
        yield (
            State.WARNING,
            f"The clocks of this machine and of the database are {apart:.0f} s apart.",
            "Let NTP set both.",
        )
    elif zone != "UTC":
        yield (
            State.WARNING,
            f"Sessions run in {zone}, not UTC.",
            "Leave TIME_ZONE of the connection and ALTER ROLE alone.",
        )
    else:
        yield State.OK, "Sessions run in UTC, and the clocks agree.", ""


def _redis(now: datetime) -> Iterator[tuple[State, str, str]]:
    try:
        health.redis_answers()
    except Exception as error:  # redis-py, sockets and URLs fail in ways of their own
        yield (
            State.WRONG,
            f"Redis does not answer: {error}",
            "Start Redis or Valkey, and set REDIS_URL to redis://host:6379/0.",
        )
    else:
        yield State.OK, "Redis answers.", ""


def _storage(now: datetime) -> Iterator[tuple[State, str, str]]:
    try:
        health.store_takes_files()
    except Exception as error:  # each storage fails in its own way
        mend = "Make the directory of EVIDENCE_STORAGE writable for this user, or mend the keys of the bucket."
        yield State.WRONG, f"The storage of pictures takes no file: {type(error).__name__}: {error}", mend
    else:
        yield State.OK, "The storage of pictures takes files.", ""


def _mail(now: datetime) -> Iterator[tuple[State, str, str]]:
    if settings.EMAIL_BACKEND == CONSOLE_MAIL:
        mend = "Set EMAIL_URL to smtp+tls://user:password@host:587."
        yield State.WARNING, "Mail is only written to the log.", mend
        return
    mails = get_connection()
    try:
        mails.open()
    except OSError as error:  # smtplib's exceptions are of this kind
        mend = "Look at host, port, user and password in EMAIL_URL."
        yield State.WRONG, f"The mail server takes no mail: {error}", mend
    else:
        mails.close()
        yield _sender() or (State.OK, "The mail server lets the portal in.", "")


def _sender() -> tuple[State, str, str] | None:
    """Say when mails come from nowhere: other mail servers refuse them, after ours took them."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    if address.partition("@")[2] not in ("", "localhost"):
        return None
    mend = "Set DEFAULT_FROM_EMAIL to an address of your own domain, such as Complaints <complaints@example.com>."
    return State.WARNING, f"Mails come from {settings.DEFAULT_FROM_EMAIL}, which other mail servers refuse.", mend


def _calendar(now: datetime) -> Iterator[tuple[State, str, str]]:
    found = reach(published_through(), now=now)
    mend = "Import the year with manage.py import_calendar, or in admin."
    if found.has_run_out:
        yield State.WRONG, f"The calendar of working days ends with {found.through}.", mend
    elif found.runs_out_soon:
        yield State.WARNING, f"The calendar of working days ends with {found.through}.", mend
    else:
        yield State.OK, f"The calendar of working days reaches {found.through}.", ""


def _sweeps(now: datetime) -> Iterator[tuple[State, str, str]]:
    """Say which kinds no sweep looked at lately, which are held, and which leave things waiting."""
    lines = overview(now=now)
    all_well = True
    mend = "Start `celery -A complaints_portal beat` and a worker, or manage.py sweep --loop."
    for line in lines:
        if line.mode != SweepControl.Mode.RUN:
            all_well = False
            yield (
                State.WARNING,
                f"{line.kind} is {line.mode}, by {line.changed_by}: {line.reason}",
                (f"When the reason is gone: manage.py sweeps run {line.kind} --reason … --as …"),
            )
        elif line.late == Lateness.SILENT:
            all_well = False
            ago = f"for {span_words(now - line.last_run)}" if line.last_run else "ever"
            yield State.WRONG, f"No sweep of {line.kind} has run {ago}.", mend
        elif line.late == Lateness.BEHIND:
            all_well = False
            waits = span_words(line.lag) if line.lag else ""
            yield (
                State.WRONG,
                f"What {line.kind} should act on has waited for {waits}.",
                "manage.py sweeps, and the log.",
            )
    if all_well:
        yield State.OK, "Every kind of deadline was swept within two minutes.", ""


def _alarms(now: datetime) -> Iterator[tuple[State, str, str]]:
    """Say who is told when a sweep is late, and whether the mails about it leave."""
    told = recipients()
    if not told:
        yield (
            State.WARNING,
            "Nobody is told when a sweep is late: no person of ops has a mail address, and OPS_MAIL is not set.",
            "Set OPS_MAIL, or give people of the group ops their mail address in admin.",
        )
        return
    trouble = mail_trouble()
    if trouble.waiting:
        mend = "Look at EMAIL_URL and the mail server; they are tried again by themselves."
        yield State.WRONG, f"{trouble.waiting} mail(s) about alarms have not left: {trouble.reason}", mend
        return
    yield State.OK, f"{len(told)} address(es) are told when a sweep is late.", ""


def _outside(now: datetime) -> Iterator[tuple[State, str, str]]:
    """Say whether somebody outside notices when this whole machine is gone, and where errors go."""
    if settings.PRODUCTION and not settings.HEARTBEAT_URL:
        mend = "Set HEARTBEAT_URL to a service that waits for pings, or let a monitor ask /health/ready/."
        yield State.WARNING, "No ping leaves: when this whole machine is gone, it cannot say so.", mend
        return
    ping = "A ping leaves each minute" if settings.HEARTBEAT_URL else "No ping leaves (HEARTBEAT_URL)"
    errors = "errors go to Sentry" if settings.SENTRY_DSN else "errors stay in the log (SENTRY_DSN)"
    yield State.OK, f"{ping}; {errors}.", ""


def _metrics(now: datetime) -> Iterator[tuple[State, str, str]]:
    if settings.METRICS_TOKEN:
        yield State.OK, "/metrics is given to whoever has METRICS_TOKEN.", ""
    elif settings.TRUSTED_PROXIES:
        mend = "Set METRICS_TOKEN, and give it to Prometheus as its bearer token."
        yield State.WARNING, "Nobody can read /metrics: behind a proxy only METRICS_TOKEN opens it.", mend
    else:
        yield State.OK, "/metrics is given to this machine itself only.", ""


def _disk(now: datetime) -> Iterator[tuple[State, str, str]]:
    place = next(path for path in (settings.DATA_DIR, *settings.DATA_DIR.parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / 1024**3:.1f} GiB are free at {place}."
    if free < NO_SPACE:
        yield State.WRONG, said, "Free some space, or move DATA_DIR."
    elif free < LITTLE_SPACE:
        yield State.WARNING, said, "Free some space, or move DATA_DIR."
    else:
        yield State.OK, said, ""


def _services(now: datetime) -> Iterator[tuple[State, str, str]]:
    own = [name for name in ("DATABASE_URL", "REDIS_URL") if not configured(name)]
    if settings.PRODUCTION and own:
        yield State.WRONG, f"{', '.join(own)} is not set.", "In production the portal brings no services of its own."
    elif Path(settings.DATA_DIR).exists() and not os.access(settings.DATA_DIR, os.W_OK):
        yield State.WRONG, f"{settings.DATA_DIR} cannot be written.", "Start as its owner, or set DATA_DIR."
    else:
        yield State.OK, f"DATA_DIR is {settings.DATA_DIR}.", ""


def _nothing_more(now: datetime) -> Iterator[tuple[State, str, str]]:
    yield State.OK, "No locale, fonts or gettext programs of the machine are needed.", ""


LOOKS: dict[str, Look] = {
    "python": _python,
    "settings": _settings,
    "services": _services,
    "public_url": _public_url,
    "postgresql": _postgres,
    "rights": _rights,
    "migrations": _migrations,
    "time_zone": _time_zone,
    "redis": _redis,
    "storage": _storage,
    "mail": _mail,
    "calendar": _calendar,
    "sweeps": _sweeps,
    "alarms": _alarms,
    "outside": _outside,
    "metrics": _metrics,
    "disk": _disk,
    "machine": _nothing_more,
}
