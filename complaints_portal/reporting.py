"""Errors to Sentry, when SENTRY_DSN is set; without it this module is not even imported.

What leaves is built anew from a list of what may leave: which error, in which line of which file, on which route, in
which task, and the number of the request, by which the log says the rest. The words of an error leave only where they
are the program's own: in those of a database or of a form stand the names and phones of consumers. Nothing that a
person typed, no cookie, no address with a token in it, and no value of a variable is in an event.
"""

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sentry_sdk
import structlog
from django.conf import settings
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.utils import event_from_exception

from common.logs import LINK

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

KEPT = ("event_id", "timestamp", "level", "platform", "release", "environment", "server_name", "sdk", "logger")
TAGS = ("celery_task_id", "request_id", "task")
CONTEXTS = ("runtime", "trace")
ROUTES = ("route", "component", "task")
FRAME = ("filename", "module", "function", "lineno", "in_app", "context_line", "pre_context", "post_context")

OWN_WORDS = frozenset(
    {
        "AttributeError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "ImportError",
        "ImproperlyConfigured",
        "InterfaceError",
        "ModuleNotFoundError",
        "NameError",
        "OperationalError",
        "RecursionError",
        "SoftTimeLimitExceeded",
        "TemplateDoesNotExist",
        "TimeLimitExceeded",
        "TimeoutError",
        "TypeError",
        "WorkerLostError",
    }
)
"""Errors whose words are the program's: names of attributes, modules and computers."""

WITHHELD = "(withheld: the log has the words, under the same request_id)"
MAIL = re.compile(r"[^\s@<>\"'=:,;()]{1,64}@[^\s@<>\"'=:,;()]+")
NUMBER = re.compile(r"\+?\d(?:[\s-]?\d){6,}")
"""A phone, the number of a trade, of a card or of a person."""


TOLD_ALREADY = ("django_structlog.middlewares.request", "django_structlog.celery.receivers")
"""Loggers that write down the errors of requests and tasks, which Django and Celery report themselves."""


def begin() -> None:
    """Send errors from here on. No traces, no sessions, no breadcrumbs: they would carry what people do."""
    for name in TOLD_ALREADY:
        ignore_logger(name)
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=settings.RELEASE,
        environment=settings.SENTRY_ENVIRONMENT,
        integrations=[
            DjangoIntegration(transaction_style="url", middleware_spans=False, signals_spans=False),
            CeleryIntegration(propagate_traces=False, monitor_beat_tasks=False),
            LoggingIntegration(level=None),
        ],
        auto_enabling_integrations=False,
        spotlight=False,  # it would turn on what is off unless it is said: `send_default_pii`, whose name is deprecated
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        traces_sample_rate=None,
        before_send=cleaned,
    )


def cleaned(event: "Event", hint: "Hint") -> "Event | None":
    """Return what of an event may leave."""
    kept: dict[str, Any] = {name: event[name] for name in KEPT if name in event}  # type: ignore[literal-required]  # names of ours
    route = _route(event)
    kept["transaction"], kept["transaction_info"] = route, event.get("transaction_info", {})
    if request := event.get("request"):
        kept["request"] = {"method": request.get("method"), "url": f"{settings.PUBLIC_URL.rstrip('/')}{route}"}
    tags = event.get("tags") or {}
    told = {name: tags[name] for name in TAGS if name in tags}
    told |= {name: str(value) for name, value in structlog.contextvars.get_contextvars().items() if name in TAGS[:2]}
    kept["tags"] = {name: hide(str(value)) for name, value in told.items()}
    kept["contexts"] = {name: _plain(event.get("contexts", {}).get(name)) for name in CONTEXTS}
    if exception := event.get("exception") or _being_logged(hint):
        kept["exception"] = {"values": [_exception(each) for each in exception.get("values", [])]}
    if record := hint.get("log_record"):
        kept["logentry"] = {"message": _message(record.msg)}
    return kept  # type: ignore[return-value]  # the parts of an event


def _being_logged(hint: "Hint") -> Mapping[str, Any] | None:
    """Return the error that is being logged: in a line of structlog it is words already, and its stack is not told."""
    if not hint.get("log_record") or sys.exc_info()[0] is None:
        return None
    found, _hint = event_from_exception(sys.exc_info(), client_options=sentry_sdk.get_client().options)
    return {"values": found["exception"]["values"]}


def hide(text: str) -> str:
    """Replace in a text what opens something, or is somebody's."""
    return NUMBER.sub("…", MAIL.sub("…", LINK.sub(r"\1…", text)))


def _route(event: "Event") -> str:
    """Return the pattern of the address, or the name of the task: never the address itself, which may let people in."""
    source = (event.get("transaction_info") or {}).get("source")
    name = hide(str(event.get("transaction") or "")) if source in ROUTES else ""
    return name if source == "task" or not event.get("request") else f"/{name.removeprefix('/')}"


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(value.get("type"))
    stack = value.get("stacktrace") or {}
    frames = [{name: frame[name] for name in FRAME if name in frame} for frame in stack.get("frames", [])]
    return {
        "type": kind,
        "module": value.get("module"),
        "value": hide(str(value.get("value"))) if kind in OWN_WORDS else WITHHELD,
        "mechanism": {"type": "generic", "handled": bool((value.get("mechanism") or {}).get("handled", True))},
        "stacktrace": {"frames": frames},
    }


def _message(message: object) -> str:
    """Return which line of the log this is: the event of a line of ours, the unfilled text of any other."""
    return hide(str(message.get("event")) if isinstance(message, dict) else str(message))


def _plain(context: Any) -> dict[str, Any]:
    """Return what of a context is a plain value and no payload."""
    if not isinstance(context, dict):
        return {}
    return {name: value for name, value in context.items() if name != "data" and isinstance(value, str | int)}
