"""Two merchants, and a storage of the test's own."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from complaints.tests.factories import make_merchant, member_actor, moment
from evidence.models import Evidence
from evidence.services import keep_pictures
from merchants.models import Merchant

NOW = moment("2026-11-20T02:00Z")


@pytest.fixture
def directory(tmp_path: Path, settings: Settings) -> Path:
    """Let the portal keep its evidence in a directory of this test, and return it."""
    directory = tmp_path / "evidence"
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"evidence": {"BACKEND": backend, "OPTIONS": {"location": directory}}}
    return directory


@pytest.fixture
def merchant(db: None) -> Merchant:
    return make_merchant()


@pytest.fixture
def other_merchant(merchant: Merchant) -> Merchant:
    """A second merchant of the same platform."""
    return make_merchant(platform=merchant.platform)


def keep_for(merchant: Merchant, *files: Any) -> list[Evidence]:
    """Keep pictures for a merchant, sent by one of its members."""
    actor = member_actor(merchant)
    return keep_pictures(files, platform_id=merchant.platform_id, merchant_id=merchant.pk, actor=actor, now=NOW)


def files_in(directory: Path) -> list[Path]:
    """Return every file in the storage."""
    return sorted(path for path in directory.rglob("*") if path.is_file())
