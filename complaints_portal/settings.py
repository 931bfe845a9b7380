"""All settings, in one file, read from the environment; `.env.example` describes each.

This file starts nothing and asks nobody: `manage.py`, the launcher and the test plugin put the addresses of the
embedded services into the environment before Django reads it. What must not go wrong in production is refused by
`complaints_portal.checks`, with a sentence that says what to set.
"""

import logging
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import structlog
from botocore.config import Config
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from common.logs import hide_links
from complaints_portal import __version__
from complaints_portal.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()  # SECRET_KEY may come from the file that SECRET_KEY_FILE names, and so may every other
env.read_env(BASE_DIR / ".env")  # what is set already wins

ENVIRONMENT_PROBLEMS = env.problems  # what cannot be read; complaints_portal.checks reports it

PRODUCTION = env.choice("DJANGO_ENV", ("development", "production"), default="development") == "production"
DEBUG = not PRODUCTION and env.bool("DEBUG", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
DEVELOPMENT_SECRET_KEY = "development-only-and-refused-in-production"  # noqa: S105 (named for what it is)
SECRET_KEY = env.str("SECRET_KEY", default="" if PRODUCTION else DEVELOPMENT_SECRET_KEY)
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
POLICY_FILE = env.str("POLICY_FILE", default="")

INSTALLED_APPS = [
    "complaints_portal",
    "gateway",
    "appeals",
    "penalties",
    "refunds",
    "complaints",
    "deadlines",
    "evidence",
    "notifications",
    "merchants",
    "common",
    "complaints_portal.admin_config.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "rest_framework",
]

MIDDLEWARE = [
    "complaints_portal.middleware.arrival_middleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "complaints_portal.middleware.CompressionMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "complaints_portal.middleware.size_middleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "merchants.middleware.language_middleware",
    "merchants.middleware.privacy_middleware",
    "merchants.middleware.actor_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "common.middleware.portal_error_middleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "complaints_portal.urls"
WSGI_APPLICATION = "complaints_portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "common.kept.FormRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "complaints_portal.context.page",
            ],
            "builtins": ["common.templatetags.quick"],
            "libraries": {"i18n": "common.templatetags.quick"},
        },
    },
]

# Our `i18n` stands for Django's own on purpose: it holds all of that, and two of its tags quicker.
SILENCED_SYSTEM_CHECKS = ["templates.W003"]

# Database and queue. Persistent connections: without them a page costs nearly three times as much.
DATABASES = {"default": env.database("DATABASE_URL", default="postgres:///complaints_portal")}
DATABASES["default"] |= {"CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=600), "CONN_HEALTH_CHECKS": True}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("application_name", "complaints-portal")
# Off behind a pool that lends its connections for single transactions.
PREPARE_STATEMENTS = env.bool("PREPARE_STATEMENTS", default=True)

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "common.resting_cache.RestingCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "portal",
        # A page must not wait for a dead cache: a redis-py command would retry for four seconds by default.
        "OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.5},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 270
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's tasks come back after this time, so every task is shorter than it.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300}
CELERY_TIMEZONE = "UTC"

# People.
AUTH_USER_MODEL = "merchants.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "merchants.backends.PeopleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "merchants.accounts.AccountAdapter"
ACCOUNT_FORMS = {"login": "merchants.forms.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # members come by invitation; nobody signs up by themselves
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # the subjects name the portal; the host by which it was reached says nothing
ACCOUNT_RATE_LIMITS = {
    "login_failed": "20/m/ip",
    "second_factor": "8/15m/key",  # wrong codes for one person, from wherever they come
    "reset_password": "20/m/ip,5/m/key",
    "join": "20/m/ip",
}
MFA_FORMS = {"authenticate": "merchants.forms.CodeForm", "reauthenticate": "merchants.forms.CodeAgainForm"}
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "merchants.accounts.locked_out_as"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_VERBOSE = False

# Language and time: kept in UTC, shown in Beijing time with the zone named.
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "portal_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
USE_THOUSAND_SEPARATOR = False
FORMAT_MODULE_PATH = "complaints_portal.formats"

# Files.
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
WHITENOISE_USE_FINDERS = not PRODUCTION


S3_OPTIONS = {
    "access_key", "addressing_style", "custom_domain", "endpoint_url", "max_memory_size", "region_name", "secret_key",
    "security_token", "session_profile", "signature_version", "url_protocol", "use_ssl", "verify",
}  # fmt: skip


def evidence_storage(address: str) -> dict[str, object]:
    """Return the storage that `file:///directory` or `s3://bucket/prefix?endpoint_url=…&region_name=…` names."""
    parts = urlsplit(address)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": parts.path, "base_url": None, "file_permissions_mode": 0o600},
        }
    if parts.scheme == "s3" and parts.netloc:
        options = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for name in sorted(set(options) - S3_OPTIONS):
            env.note("EVIDENCE_STORAGE", f"EVIDENCE_STORAGE has an option that no bucket takes: {name}.")
            del options[name]
        options |= {"bucket_name": parts.netloc, "location": parts.path.strip("/")}
        return {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                **options,
                "default_acl": "private",
                "file_overwrite": False,
                # A page does not wait for a storage that is away: botocore's own patience is minutes.
                "client_config": Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2}),
            },
        }
    env.note("EVIDENCE_STORAGE", "EVIDENCE_STORAGE must be file:///an/absolute/directory or s3://bucket/prefix.")
    return evidence_storage(f"file://{DATA_DIR / 'evidence'}")


EVIDENCE_STORAGE = env.str("EVIDENCE_STORAGE", default=f"file://{DATA_DIR / 'evidence'}")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
    "evidence": evidence_storage(EVIDENCE_STORAGE),
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# Payment systems. Without one, refunds are made elsewhere and deposits are topped up by bank transfer.
PAYMENT_SYSTEM = env.choice("PAYMENT_SYSTEM", ("none", "alipay", "sandbox"), default="none")
REFUND_GATEWAY: str = {
    "none": "",
    "alipay": "refunds.gateways.alipay.AlipayGateway",
    "sandbox": "refunds.gateways.sandbox.SandboxGateway",
}[PAYMENT_SYSTEM]
PAYMENT_GATEWAY: str = REFUND_GATEWAY
ALIPAY_GATEWAY_URL = env.str("ALIPAY_GATEWAY_URL", default="https://openapi.alipay.com/gateway.do")
ALIPAY_APP_ID = env.str("ALIPAY_APP_ID", default="")
ALIPAY_APP_PRIVATE_KEY = env.str("ALIPAY_APP_PRIVATE_KEY", default="")
ALIPAY_PUBLIC_KEY = env.str("ALIPAY_PUBLIC_KEY", default="")
ALIPAY_TIMEOUT = env.int("ALIPAY_TIMEOUT", default=10)
GUARANTEE_BANK_DETAILS = env.str("GUARANTEE_BANK_DETAILS", default="")

# Mail.
EMAIL_CONFIG = env.mail("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds; a mail server that is silent must not hold up the other mails
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Complaints portal <noreply@localhost>")

# Robots of chat groups are called at their makers' own computers; other origins only where the operator names them.
ROBOT_HOSTS = env.list("ROBOT_HOSTS", default=[])

# Whom alarms are mailed to besides the people of ops, and what is asked each minute while all sweeps are on time.
OPS_MAIL = env.list("OPS_MAIL", default=[])
HEARTBEAT_URL = env.str("HEARTBEAT_URL", default="")

# Errors go to Sentry where the operator wants them there; nothing of it is even imported otherwise.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production" if PRODUCTION else "development")
RELEASE = env.str("RELEASE", default=__version__)

# Security.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
AXES_CLIENT_IP_CALLABLE = "common.callers.locked_out_by"
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it would believe any X-Forwarded-For; common.callers says it instead
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PRODUCTION
SESSION_ENGINE = "merchants.sessions"
SESSION_COOKIE_NAME = "portal_session"
CSRF_COOKIE_NAME = "portal_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "common.stale_forms.stale_form"
LANGUAGE_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

# API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["merchants.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["common.bodies.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Complaints portal",
    "DESCRIPTION": "File trade complaints, handle them, and follow what becomes of them.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Several nouns have a status and actions: each gets a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "ComplaintStatusEnum": "complaints.states.Status",
        "PenaltyStatusEnum": "penalties.states.Status",
        "AppealStatusEnum": "appeals.states.Status",
        "ConsultationStatusEnum": "complaints.consultations.states.Status",
        "ComplaintActionEnum": "complaints.documents.ACTIONS",
        "AppealActionEnum": "appeals.serializers.ACTIONS",
        "RefundCaseStatusEnum": "refunds.states.CaseStatus",
        "RefundStatusEnum": "refunds.states.RefundStatus",
        "NoRefundClaimStatusEnum": "refunds.states.ClaimStatus",
        "TopUpStatusEnum": "refunds.states.TopUpStatus",
        "RefundCaseActionEnum": "refunds.documents.ACTIONS",
        "RefundChannelEnum": "refunds.models.Channel",
        "TopUpChannelEnum": "refunds.models.TopUp.Channel",
        "PenaltyKindEnum": "penalties.states.Kind",
        "FundTransferKindEnum": "refunds.models.FundTransfer.Kind",
        "AppealReasonEnum": "appeals.reasons.Reason",
    },
}

# Logs: one line an event, with the request's id; JSON where a machine reads them.
LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", ("console", "json"), default="json" if PRODUCTION else "console")
_shared_processors: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    hide_links,
]
TOLD_OF_EACH_TASK = ("celery.app.trace", "celery.worker.strategy", "django_structlog.celery.receivers")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared_processors,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False)
                if LOG_FORMAT == "json"
                else structlog.dev.ConsoleRenderer(colors=False),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        "axes": {"level": logging.WARNING},
        # Tasks run every few seconds, and most find nothing to do: what they did, they say themselves.
        **{name: {"level": "WARNING" if LOG_LEVEL == "INFO" else LOG_LEVEL} for name in TOLD_OF_EACH_TASK},
    },
}
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
PROMETHEUS_EXPORT_MIGRATIONS = False
PROMETHEUS_LATENCY_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
