"""What migrations seed, seeded where a test took it away."""

import importlib

from django.apps import apps
from django.contrib.auth.models import Group

from refunds.models import RulingTemplate


def seed() -> None:
    """Make the groups and the ruling templates unless they are there, as their migrations do."""
    if not Group.objects.exists():
        importlib.import_module("complaints_portal.migrations.0001_groups").make_groups(apps, None)
        importlib.import_module("complaints_portal.migrations.0002_groups_and_refunds").extend_groups(apps, None)
    if not RulingTemplate.objects.exists():
        importlib.import_module("refunds.migrations.0002_reviews_that_wait").seed(apps, None)
