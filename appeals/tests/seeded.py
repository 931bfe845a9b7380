"""What migrations seed, seeded where a test took it away."""

import importlib

from django.apps import apps
from django.contrib.auth.models import Group

from appeals.models import ReplyTemplate


def seed() -> None:
    """Make the groups and the reply templates unless they are there, as their migrations do."""
    if not Group.objects.exists():
        importlib.import_module("complaints_portal.migrations.0001_groups").make_groups(apps, None)
        importlib.import_module("complaints_portal.migrations.0002_groups_and_refunds").extend_groups(apps, None)
        for name in ("0003_auditors_see_members", "0006_auditors_see_consultations"):
            importlib.import_module(f"complaints_portal.migrations.{name}").extend_auditor(apps, None)
        importlib.import_module("complaints_portal.migrations.0008_ops_control").extend_groups(apps, None)
        importlib.import_module("complaints_portal.migrations.0009_ops_see_alarms").extend_groups(apps, None)
    if not ReplyTemplate.objects.exists():
        importlib.import_module("appeals.migrations.0002_reply_templates").seed(apps, None)
