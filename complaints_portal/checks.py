"""System checks: what must not go wrong in production is refused at the start, with a sentence that says what to set.

`manage.py` runs them before most commands. gunicorn and Celery heed none by themselves, so both call
`refuse_to_start_wrong`.
"""

import os
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError
from django.utils import timezone

from common.policy import PolicyError, policy_spans
from complaints_portal.environment import is_set
from deadlines.calendar import published_through, reach

PORTAL = "portal"
SHORTEST_SECRET_KEY = 50
LONGEST_PATIENCE = 15
"""Seconds for one answer of a payment system: three of them end before another worker looks at the same refund."""
CONSOLE_MAIL = "django.core.mail.backends.console.EmailBackend"


class WrongSettings(ImproperlyConfigured):
    """The portal does not start with these settings; the text has a line for each that is wrong."""


def refuse_to_start_wrong() -> None:
    """Run the portal's own checks; raise `WrongSettings`, with a sentence for each error, when there is one."""
    errors = [message for message in run_checks(tags=[PORTAL]) if message.is_serious()]
    if errors:
        lines = [f"{message.id}: {message.msg} {message.hint or ''}".strip() for message in errors]
        raise WrongSettings("\n".join(["The portal does not start with these settings.", *lines]))


@register(PORTAL)
def policy_file_is_usable(**options: Any) -> list[CheckMessage]:
    """Refuse a policy file with unknown, zero, negative or overlapping numbers."""
    try:
        policy_spans()
    except PolicyError as error:
        return [Error(str(error), hint="Mend the file that POLICY_FILE names.", id="portal.E001")]
    return []


@register(PORTAL)
def environment_is_readable(**options: Any) -> list[CheckMessage]:
    """Refuse a variable that is not of the kind that its setting needs, anywhere."""
    return [Error(each.sentence, hint=each.hint, id="portal.E002") for each in settings.ENVIRONMENT_PROBLEMS]


@register(PORTAL)
def database_is_postgresql(**options: Any) -> list[CheckMessage]:
    """Refuse every other database, anywhere: the sweeps rest on what only PostgreSQL does."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        return []
    return [
        Error(
            "The portal runs on PostgreSQL only.",
            hint="Set DATABASE_URL to postgres://user:password@host:5432/name.",
            id="portal.E003",
        )
    ]


@register(Tags.database)
def calendar_reaches_far_enough(**options: Any) -> list[CheckMessage]:
    """Warn before the published working days run out. It looks where the database may be asked: `migrate` does."""
    if not options.get("databases"):
        return []
    try:
        found = reach(published_through(), now=timezone.now())
    except DatabaseError:  # the table is not there yet
        return []
    if not found.runs_out_soon:
        return []
    return [
        CheckWarning(
            f"The calendar of working days ends with {found.through}: review deadlines past it are provisional.",
            hint="Import the next year with manage.py import_calendar, or in admin.",
            id="portal.W002",
        )
    ]


@register(PORTAL)
def public_url_is_an_address(**options: Any) -> list[CheckMessage]:
    """Refuse an address that no link in a mail can begin with; in production it must be a safe one, and set."""
    scheme = "https" if settings.PRODUCTION else "http"
    try:
        parts = urlsplit(settings.PUBLIC_URL)
        is_usable = parts.scheme in (scheme, "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        is_usable = False
    if is_usable:
        return []
    return [
        Error(
            f"PUBLIC_URL is {'not set, or ' if settings.PRODUCTION else ''}no address that begins with {scheme}://.",
            hint="Set it to the address under which people reach the portal, such as https://portal.example.com: "
            "the links in mails begin with it.",
            id="portal.E016",
        )
    ]


@register(PORTAL)
def robot_hosts_are_origins(**options: Any) -> list[CheckMessage]:
    """Refuse what is no origin: a robot is called at exactly that computer. In production only by https."""
    schemes = ("https",) if settings.PRODUCTION else ("https", "http")
    wrong = [origin for origin in settings.ROBOT_HOSTS if not _is_origin(origin, schemes)]
    if not wrong:
        return []
    return [
        Error(
            f"ROBOT_HOSTS names what is no origin: {', '.join(wrong)}.",
            hint="Write each as https://chat.example.com, with a port where it needs one, and without a path.",
            id="portal.E017",
        )
    ]


@register(PORTAL)
def trusted_origins_are_origins(**options: Any) -> list[CheckMessage]:
    """Refuse what is no origin: without its scheme it trusts nobody, and every form is refused behind the proxy."""
    wrong = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not _is_origin(origin, ("https", "http"))]
    if not wrong:
        return []
    return [
        Error(
            f"CSRF_TRUSTED_ORIGINS names what is no origin: {', '.join(wrong)}.",
            hint="Write each as https://portal.example.com, with its scheme, and without a path.",
            id="portal.E021",
        )
    ]


@register(PORTAL)
def numbers_are_not_negative(**options: Any) -> list[CheckMessage]:
    """Refuse what would be less than nothing: fewer than no proxies would still be believed about https."""
    names = ("CONN_MAX_AGE", "SECURE_HSTS_SECONDS", "TRUSTED_PROXIES")
    values = {name: getattr(settings, name, None) for name in names}
    values["CONN_MAX_AGE"] = settings.DATABASES["default"].get("CONN_MAX_AGE")
    return [
        Error(f"{name} must not be below zero, not {value}.", hint=f"Leave {name} out, or count up.", id="portal.E022")
        for name, value in values.items()
        if value is not None and value < 0
    ]


@register(PORTAL)
def redis_url_is_an_address(**options: Any) -> list[CheckMessage]:
    """Refuse an address that no client of Redis can read. Nobody is asked whether a Redis is there."""
    try:
        redis.ConnectionPool.from_url(settings.REDIS_URL)
    except ValueError:  # its words may hold a part of the password
        return [
            Error(
                "REDIS_URL is no address of a Redis.",
                hint="Set it to redis://:password@host:6379/0; a / or # in the password is written %2F or %23.",
                id="portal.E023",
            )
        ]
    return []


@register(PORTAL)
def metrics_have_their_directory(**options: Any) -> list[CheckMessage]:
    """Refuse a directory for the metrics of several web processes that is not there: none of them would start."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if not directory or (os.path.isdir(directory) and os.access(directory, os.W_OK)):
        return []
    return [
        Error(
            f"PROMETHEUS_MULTIPROC_DIR is no directory that can be written: {directory}.",
            hint="Make it, empty, before the web starts; with one web process leave it out.",
            id="portal.E024",
        )
    ]


def _is_origin(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username) and parts.port != 0
    except ValueError:
        return False
    return is_bare and parts.scheme in schemes and bool(parts.hostname)


@register(PORTAL)
def watching_is_configured(**options: Any) -> list[CheckMessage]:
    """Refuse addresses for alarms, a heartbeat and Sentry that cannot be used, or that speak in the clear."""
    return [*_ops_mail(), *_heartbeat(), *_sentry()]


def _ops_mail() -> list[CheckMessage]:
    wrong = []
    for address in settings.OPS_MAIL:
        try:
            validate_email(address)
        except ValidationError:
            wrong.append(address)
    if not wrong:
        return []
    return [
        Error(
            f"OPS_MAIL names what is no mail address: {', '.join(wrong)}.",
            hint="Write ops@example.com, several by commas.",
            id="portal.E018",
        )
    ]


def _heartbeat() -> list[CheckMessage]:
    """Refuse http, but to this machine itself: whoever reads the address can keep a dead portal looking alive."""
    if not settings.HEARTBEAT_URL or _is_safe_address(settings.HEARTBEAT_URL):
        return []
    return [
        Error(
            "HEARTBEAT_URL must be an https address; http only to this machine itself.",
            hint="Set it to what the service that waits for the ping shows, or leave it out.",
            id="portal.E019",
        )
    ]


def _sentry() -> list[CheckMessage]:
    """Refuse what is no DSN."""
    if not settings.SENTRY_DSN or is_dsn(settings.SENTRY_DSN):
        return []
    return [
        Error(
            "SENTRY_DSN must be https://key@host/number; http only to this machine itself.",
            hint="Copy it from the project's settings in Sentry, or leave it out.",
            id="portal.E020",
        )
    ]


def is_dsn(text: str) -> bool:
    """Say whether an address is one of Sentry's: a key, a computer, and the number of a project."""
    try:
        parts = urlsplit(text)
        has_parts = bool(parts.username) and parts.path.rpartition("/")[2].isdecimal()
    except ValueError:
        return False
    return has_parts and _is_safe_address(text)


def _is_safe_address(text: str) -> bool:
    """Say whether an address is https, or http to a loopback address."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        is_usable = bool(host) and parts.port != 0
    except ValueError:
        return False
    if parts.scheme != "http":
        return is_usable and parts.scheme == "https"
    try:
        return is_usable and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


@register(PORTAL)
def payment_system_is_configured(**options: Any) -> list[CheckMessage]:
    """Refuse a payment system that cannot be used, anywhere, and one that moves no real money in production."""
    if settings.PAYMENT_SYSTEM == "none":
        return []
    return [*_sandbox(), *_payment_address(), *_payment_keys(), *_payment_patience()]


def _sandbox() -> list[CheckMessage]:
    if settings.PAYMENT_SYSTEM != "sandbox" or not settings.PRODUCTION:
        return []
    return [
        Error(
            "PAYMENT_SYSTEM is the sandbox, which says that money moved when none did.",
            hint="Set PAYMENT_SYSTEM to alipay, or to none.",
            id="portal.E010",
        )
    ]


def _payment_address() -> list[CheckMessage]:
    """Refuse an address that would send refunds in the clear, or a sandbox's that leads away from this machine."""
    from refunds.gateways.alipay_client import is_loopback  # noqa: PLC0415 (the SDK takes a while to load)

    try:
        address = urlsplit(settings.ALIPAY_GATEWAY_URL)
        is_here = is_loopback(address.hostname) and not settings.PRODUCTION
        is_plain = not (address.query or address.fragment or address.username) and address.port != 0
    except ValueError:  # a port or a bracket that is none
        is_here = is_plain = False
        address = urlsplit("")
    if settings.PAYMENT_SYSTEM == "sandbox" and not settings.PRODUCTION and not (is_here and is_plain):
        return [
            Error(
                "PAYMENT_SYSTEM is the sandbox, but ALIPAY_GATEWAY_URL leads to none on this machine.",
                hint="Leave both out and use `make run`, or set what `manage.py sandbox` prints when it starts.",
                id="portal.E011",
            )
        ]
    if is_plain and address.hostname and (address.scheme == "https" or (address.scheme == "http" and is_here)):
        return []
    return [
        Error(
            "ALIPAY_GATEWAY_URL must be an https address without a query.",
            hint="Leave it out to use https://openapi.alipay.com/gateway.do.",
            id="portal.E012",
        )
    ]


def _payment_keys() -> list[CheckMessage]:
    from refunds.gateways.alipay_client import read_key  # noqa: PLC0415 (see above)

    found: list[CheckMessage] = []
    if not settings.ALIPAY_APP_ID:
        found.append(Error("ALIPAY_APP_ID is not set.", hint="Set it to the number of the app.", id="portal.E013"))
    for variable, private, whose in (
        ("ALIPAY_APP_PRIVATE_KEY", True, "the app's private key"),
        ("ALIPAY_PUBLIC_KEY", False, "the payment system's public key, not the app's"),
    ):
        try:
            read_key(getattr(settings, variable), private=private)
        except ValueError as error:
            problem = f"cannot be used: {error}" if getattr(settings, variable) else "is not set"
            hint = f"Set it to {whose}, or {variable}_FILE to a file that holds it."
            found.append(Error(f"{variable} {problem}.", hint=hint, id="portal.E014"))
    return found


def _payment_patience() -> list[CheckMessage]:
    if 0 < settings.ALIPAY_TIMEOUT <= LONGEST_PATIENCE:
        return []
    return [
        Error(
            f"ALIPAY_TIMEOUT must be from 1 to {LONGEST_PATIENCE} seconds.",
            hint="Leave it out for 10 seconds.",
            id="portal.E015",
        )
    ]


@register(PORTAL)
def production_is_configured(**options: Any) -> list[CheckMessage]:
    """Refuse to run in production with what only development may leave out."""
    if not settings.PRODUCTION:
        return []
    return [*_secret_key(), *_hosts(), *_debug(), *_addresses(), *_mail()]


def _secret_key() -> list[CheckMessage]:
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django's own answer to an empty key
        key = ""
    if key != settings.DEVELOPMENT_SECRET_KEY and len(key) >= SHORTEST_SECRET_KEY:
        return []
    return [
        Error(
            f"SECRET_KEY is missing, known, or shorter than {SHORTEST_SECRET_KEY} characters.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
            id="portal.E004",
        )
    ]


def _hosts() -> list[CheckMessage]:
    wrong = [name for name in settings.ALLOWED_HOSTS if "/" in name]
    if wrong:
        return [
            Error(
                f"ALLOWED_HOSTS names what is no host: {', '.join(wrong)}.",
                hint="Write names alone, without http:// and without a path: portal.example.com.",
                id="portal.E005",
            )
        ]
    if settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS names no host, or every host.",
            hint="Set it to the names under which people reach the portal, separated by commas.",
            id="portal.E005",
        )
    ]


def _debug() -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [Error("DEBUG is on.", hint="Leave DEBUG out in production.", id="portal.E006")]


def _addresses() -> list[CheckMessage]:
    """In production nothing falls back to an address on this machine: it would lose or hide data without a word."""
    return [
        Error(f"{variable} is not set.", hint=f"Set it to {example}.", id=number)
        for variable, example, number in (
            ("DATABASE_URL", "postgres://user:password@host:5432/name", "portal.E007"),
            ("REDIS_URL", "redis://host:6379/0", "portal.E008"),
            ("EVIDENCE_STORAGE", "s3://bucket/prefix, or to file:///a/directory/that/is/backed/up", "portal.E009"),
        )
        if not is_set(variable)
    ]


def _mail() -> list[CheckMessage]:
    if settings.EMAIL_BACKEND != CONSOLE_MAIL:
        return []
    return [
        CheckWarning(
            "Mail is only written to the log, so nobody can reset a password or be invited.",
            hint="Set EMAIL_URL to smtp+tls://user:password@host:587.",
            id="portal.W001",
        )
    ]
