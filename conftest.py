"""Fixtures for every app. Test data comes from `complaints.tests.factories`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import TransactionTestCase, override_settings
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker, Settings

from common.policy import policy_spans
from complaints_portal.testing_database import copy_what_is_migrated, empty, remember

# No test is judged by the clock: a busy machine makes each of them slow at times. And each run tries the same examples,
# so that what somebody changed is why a test fails; `pytest --hypothesis-profile=exploring` looks for new ones.
PATIENTLY = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("exploring", PATIENTLY)
hypothesis_settings.register_profile("portal", PATIENTLY, derandomize=True)
hypothesis_settings.load_profile("portal")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Let each worker copy a database that is migrated already, instead of migrating one of its own."""
    with django_db_blocker.unblock():
        copy_what_is_migrated()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Keep what the migrations wrote, which is written again after each test that commits."""
    with django_db_blocker.unblock():
        remember()


@pytest.fixture(autouse=True, scope="session")
def emptied_by_need() -> Iterator[None]:
    """Let a test that commits be followed by the deletion of what it left, instead of by making all tables anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty())
        yield


@pytest.fixture
def policy_file(tmp_path: Path, settings: Settings) -> Iterator[Callable[[str], None]]:
    """Let a test write the operator's policy file; the published policy holds again afterwards."""

    def write(text: str) -> None:
        path = tmp_path / "policy.toml"
        path.write_text(text, encoding="utf-8")
        settings.POLICY_FILE = str(path)
        policy_spans.cache_clear()

    yield write
    policy_spans.cache_clear()


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """Let each test begin in English, whatever the last request before it spoke; a request chooses for itself."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="session", autouse=True)
def patient_cache() -> None:
    """Wait long for Valkey, without which pages do after half a second: a busy machine is no reason to fail."""
    django_settings.CACHES["default"]["OPTIONS"] |= {"socket_connect_timeout": 60, "socket_timeout": 60}


@pytest.fixture(autouse=True, scope="session")
def quick_settings() -> Iterator[None]:
    """Leave out what takes longer than most tests and is of no use to them.

    The hash of passwords that production uses; reading every static file before the first answer of each `Client`,
    instead of the one that is asked for; and preparing statements, whose words tests read (`test_prepared` has it on,
    and so have the tests in the browser).
    """
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        WHITENOISE_AUTOREFRESH=True,
        PREPARE_STATEMENTS=False,
    ):
        yield


@pytest.fixture(autouse=True)
def watched_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no thread watch the sweeps beside a test that asks the health page; tests about that bring it back."""
    monkeypatch.setattr("complaints_portal.health.watch_aside", lambda: None)
