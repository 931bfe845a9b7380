"""What must not go wrong in production is refused at the start, by every program, with a sentence."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.checks import run_checks

from common.policy import policy_spans
from complaints_portal.checks import PORTAL, WrongSettings, refuse_to_start_wrong
from complaints_portal.environment import Problem
from refunds.tests.keys import new_key

A_KEY = "k7Jx2-vQm9Lr4TzW8bNc5PdYf3HgSa6EuRi1Oe0KlMqVwXyZ_tBnCs"


def ids_of(messages):
    return {message.id for message in messages}


@pytest.fixture
def production(settings, monkeypatch):
    """Settings with which the portal starts in production; a test spoils one of them."""
    settings.PRODUCTION = True
    settings.SECRET_KEY = A_KEY
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.PUBLIC_URL = "https://portal.example.com"
    monkeypatch.setenv("EVIDENCE_STORAGE", "s3://evidence/portal")
    return settings


def test_good_production_settings_pass(production):
    assert run_checks(tags=[PORTAL]) == []
    refuse_to_start_wrong()


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("SECRET_KEY", "", "portal.E004"),
        ("SECRET_KEY", "too-short", "portal.E004"),
        ("SECRET_KEY", settings.DEVELOPMENT_SECRET_KEY, "portal.E004"),
        ("ALLOWED_HOSTS", [], "portal.E005"),
        ("ALLOWED_HOSTS", ["portal.example.com", "*"], "portal.E005"),
        ("ALLOWED_HOSTS", ["https://portal.example.com"], "portal.E005"),
        ("DEBUG", True, "portal.E006"),
        ("PUBLIC_URL", "http://127.0.0.1:8000", "portal.E016"),
        ("PUBLIC_URL", "https://", "portal.E016"),
        ("PUBLIC_URL", "https://[portal", "portal.E016"),
    ],
)
def test_a_wrong_setting_is_refused_in_production(production, name, value, number):
    setattr(production, name, value)
    assert ids_of(run_checks(tags=[PORTAL])) == {number}
    with pytest.raises(WrongSettings, match=number):
        refuse_to_start_wrong()


@pytest.mark.parametrize(
    ("variable", "number"),
    [("DATABASE_URL", "portal.E007"), ("REDIS_URL", "portal.E008"), ("EVIDENCE_STORAGE", "portal.E009")],
)
def test_a_missing_address_is_refused_in_production(production, monkeypatch, variable, number):
    monkeypatch.delenv(variable)
    assert ids_of(run_checks(tags=[PORTAL])) == {number}


def test_an_address_in_a_file_counts_as_set(production, monkeypatch):
    monkeypatch.delenv("REDIS_URL")
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis")
    assert run_checks(tags=[PORTAL]) == []


def test_mail_that_only_the_log_sees_is_a_warning_and_stops_nothing(production):
    production.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert ids_of(run_checks(tags=[PORTAL])) == {"portal.W001"}
    refuse_to_start_wrong()


def test_another_database_is_refused_in_development_too(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert ids_of(run_checks(tags=[PORTAL])) == {"portal.E003"}


def test_a_variable_that_cannot_be_read_is_refused_in_development_too(settings):
    settings.ENVIRONMENT_PROBLEMS = [Problem("CONN_MAX_AGE", "CONN_MAX_AGE must be a whole number.", "Set it.")]
    with pytest.raises(WrongSettings, match=r"portal.E002: CONN_MAX_AGE must be a whole number\. Set it\."):
        refuse_to_start_wrong()


APP, SYSTEM = new_key(), new_key()


@pytest.fixture
def alipay(production):
    """Production settings with a payment system; a test spoils one of them."""
    production.PAYMENT_SYSTEM = "alipay"
    production.ALIPAY_GATEWAY_URL = "https://openapi.alipay.com/gateway.do"
    production.ALIPAY_APP_ID = "2021000000000001"
    production.ALIPAY_APP_PRIVATE_KEY = APP.export_key().decode()
    production.ALIPAY_PUBLIC_KEY = SYSTEM.public_key().export_key().decode()
    production.ALIPAY_TIMEOUT = 10
    return production


def test_a_good_payment_system_passes(alipay):
    assert run_checks(tags=[PORTAL]) == []


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("ALIPAY_GATEWAY_URL", "http://openapi.alipay.com/gateway.do", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "http://127.0.0.1:8001/gateway.do", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "https://openapi.alipay.com/gateway.do?a=1", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "https://user@openapi.alipay.com/gateway.do", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "https:///gateway.do", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "https://[::1/gateway.do", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "https://openapi.alipay.com:port/gateway.do", "portal.E012"),
        ("ALIPAY_GATEWAY_URL", "file:///etc/passwd", "portal.E012"),
        ("ALIPAY_APP_ID", "", "portal.E013"),
        ("ALIPAY_APP_PRIVATE_KEY", "", "portal.E014"),
        ("ALIPAY_APP_PRIVATE_KEY", "no key", "portal.E014"),
        ("ALIPAY_APP_PRIVATE_KEY", SYSTEM.public_key().export_key().decode(), "portal.E014"),
        ("ALIPAY_PUBLIC_KEY", "", "portal.E014"),
        ("ALIPAY_PUBLIC_KEY", SYSTEM.export_key().decode(), "portal.E014"),
        ("ALIPAY_TIMEOUT", 0, "portal.E015"),
        ("ALIPAY_TIMEOUT", 16, "portal.E015"),
        ("PAYMENT_SYSTEM", "sandbox", "portal.E010"),
    ],
)
def test_a_payment_system_that_cannot_be_used_is_refused_in_production(alipay, name, value, number):
    setattr(alipay, name, value)
    assert ids_of(run_checks(tags=[PORTAL])) == {number}


def test_keys_are_missed_in_development_too(settings):
    settings.PAYMENT_SYSTEM = "alipay"
    assert ids_of(run_checks(tags=[PORTAL])) == {"portal.E013", "portal.E014"}


def test_no_key_is_shown_in_a_refusal(alipay):
    alipay.ALIPAY_PUBLIC_KEY = alipay.ALIPAY_APP_PRIVATE_KEY
    (message,) = run_checks(tags=[PORTAL])
    assert message.msg == "ALIPAY_PUBLIC_KEY cannot be used: it is a private key."


@pytest.mark.parametrize(
    ("address", "numbers"),
    [
        ("http://127.0.0.1:8001/gateway.do", set()),
        ("https://openapi.alipay.com/gateway.do", {"portal.E011"}),
        ("http://192.168.0.7:8001/gateway.do", {"portal.E011"}),
    ],
)
def test_a_sandbox_is_on_this_machine(alipay, address, numbers):
    alipay.PRODUCTION = False
    alipay.PAYMENT_SYSTEM = "sandbox"
    alipay.ALIPAY_GATEWAY_URL = address
    assert ids_of(run_checks(tags=[PORTAL])) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "[[policy]]\nsince = 2026-01-01T00:00:00Z\nhandle_hours = 0\n",
        "[[policy]]\nsince = 2026-01-01T00:00:00Z\nhandel_hours = 48\n",
        "[[policy]]\nsince = 2026-01-01T00:00:00Z\n[[policy]]\nsince = 2026-01-01T08:00:00+08:00\n",
        "this is not TOML",
    ],
)
def test_a_policy_file_that_cannot_be_used_is_refused(settings, tmp_path, text):
    settings.POLICY_FILE = str(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").write_text(text)
    policy_spans.cache_clear()
    try:
        assert ids_of(run_checks(tags=[PORTAL])) == {"portal.E001"}
    finally:
        policy_spans.cache_clear()


def start(*command, **environment):
    """Run a program of the portal with these variables and no others that the portal reads."""
    names = ("PATH", "HOME", "LANG", "DATABASE_URL", "REDIS_URL", "DATA_DIR")
    own = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env={**own, "DJANGO_SETTINGS_MODULE": "complaints_portal.settings", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


PRODUCTION = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": A_KEY,
    "ALLOWED_HOSTS": "portal.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://portal.example.com",
    "PUBLIC_URL": "https://portal.example.com",
    "EVIDENCE_STORAGE": "s3://evidence/portal",
    "EMAIL_URL": "smtp+tls://portal:secret@mail.example.com:587",
}
WRONG = {**PRODUCTION, "SECRET_KEY": "short"}


def test_the_deployment_check_has_nothing_to_warn_of():
    result = start("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "check"),
        ("-c", "import complaints_portal.wsgi"),
        ("-m", "celery", "-A", "complaints_portal", "worker", "--pool", "solo"),
        ("-m", "celery", "-A", "complaints_portal", "beat", "--schedule", "{directory}/schedule"),
    ],
    ids=["manage.py", "wsgi", "worker", "beat"],
)
def test_no_program_starts_with_wrong_settings(command, tmp_path):
    result = start(*(part.format(directory=tmp_path) for part in command), **WRONG)
    assert result.returncode != 0
    assert "SECRET_KEY is missing, known, or shorter than 50 characters." in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"), [("SENTRY_DSN", "nonsense"), ("PROMETHEUS_MULTIPROC_DIR", "/nowhere/metrics")]
)
def test_what_would_break_the_start_itself_is_refused_before_it_does(variable, value):
    result = start("-c", "import complaints_portal.wsgi", **{variable: value})
    assert result.returncode != 0
    assert "The portal does not start with these settings." in result.stderr
    assert result.stderr.splitlines()[-1].partition(" ")[2].startswith(variable)


def test_gunicorn_gives_up_at_once_instead_of_starting_workers_again_and_again(tmp_path):
    result = start("-m", "gunicorn", "complaints_portal.wsgi", "--bind", f"unix:{tmp_path}/web", **WRONG)
    assert result.returncode == 3
    assert "SECRET_KEY is missing" in result.stderr


UNREADABLE = [
    (
        {
            "DJANGO_ENV": "prod",
            "CONN_MAX_AGE": "ten",
            "DEBUG": "maybe",
            "LOG_LEVEL": "LOUD",
            "EVIDENCE_STORAGE": "ftp://host/x",
            "DATABASE_URL": "mysql://localhost/x",
            "EMAIL_URL": "pigeon://coop",
            "PUBLIC_URL": "portal.example.com",
            "SECRET_KEY_FILE": "/nowhere/key",
            "PAYMENT_SYSTEM": "paypal",
            "ALIPAY_TIMEOUT": "ten",
        },
        [
            "(portal.E002) DJANGO_ENV must be one of development, production, not 'prod'.",
            "(portal.E002) CONN_MAX_AGE must be a whole number, not 'ten'.",
            "(portal.E002) DEBUG must be true or false, not 'maybe'.",
            "(portal.E002) LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'.",
            "(portal.E002) EVIDENCE_STORAGE must be file:///an/absolute/directory or s3://bucket",
            "(portal.E002) DATABASE_URL must be the address of a PostgreSQL database",
            "(portal.E002) EMAIL_URL must be the address of a mail server.",
            "(portal.E016) PUBLIC_URL is no address that begins with http://.",
            "(portal.E002) SECRET_KEY_FILE names a file that cannot be read",
            "(portal.E002) PAYMENT_SYSTEM must be one of none, alipay, sandbox, not 'paypal'.",
            "(portal.E002) ALIPAY_TIMEOUT must be a whole number, not 'ten'.",
        ],
    ),
    (
        {"EVIDENCE_STORAGE": "file://relative/x", "PAYMENT_SYSTEM": "alipay"},
        [
            "(portal.E002) EVIDENCE_STORAGE must be file:///an/absolute/directory",
            "(portal.E014) ALIPAY_APP_PRIVATE_KEY is not set.",
        ],
    ),
    (
        {
            "EVIDENCE_STORAGE": "s3://bucket/prefix?endpoint=https://s3.example.com",
            "SENTRY_DSN": "https://host/1",
            "CSRF_TRUSTED_ORIGINS": "portal.example.com",
            "TRUSTED_PROXIES": "-1",
            "CONN_MAX_AGE": "-1",
            "SECURE_HSTS_SECONDS": "-1",
            "REDIS_URL": "redis://:se/cret@host:6379/0",
            "PROMETHEUS_MULTIPROC_DIR": "/nowhere/metrics",
        },
        [
            "(portal.E002) EVIDENCE_STORAGE has an option that no bucket takes: endpoint.",
            "(portal.E020) SENTRY_DSN must be https://key@host/number",
            "(portal.E021) CSRF_TRUSTED_ORIGINS names what is no origin: portal.example.com.",
            "(portal.E022) TRUSTED_PROXIES must not be below zero, not -1.",
            "(portal.E022) CONN_MAX_AGE must not be below zero, not -1.",
            "(portal.E022) SECURE_HSTS_SECONDS must not be below zero, not -1.",
            "(portal.E023) REDIS_URL is no address of a Redis.\n",
            "(portal.E024) PROMETHEUS_MULTIPROC_DIR is no directory that can be written: /nowhere/metrics.",
        ],
    ),
]
"""What stands in the environment of one start, and the error that each variable is: a start takes a second."""


@pytest.mark.parametrize(
    ("environment", "sentences"), UNREADABLE, ids=["most of them", "twice wrong", "what services need"]
)
def test_a_variable_that_cannot_be_read_ends_in_a_sentence(environment, sentences):
    result = start("manage.py", "check", **environment)
    assert result.returncode == 1
    assert [sentence for sentence in sentences if sentence not in result.stderr] == []
    assert "Traceback" not in result.stderr
