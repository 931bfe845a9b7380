"""Let auditors read what was added since they were let in: consultations, contacts, notices and more."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

EXTENDED = ("complaints", "merchants", "notifications")


def extend_auditor(apps, schema_editor):
    for label in EXTENDED:
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    auditor, _ = apps.get_model("auth", "Group").objects.get_or_create(name="auditor")
    permissions = apps.get_model("auth", "Permission").objects
    auditor.permissions.add(*permissions.filter(content_type__app_label__in=EXTENDED, codename__startswith="view_"))


class Migration(migrations.Migration):
    dependencies = [
        ("complaints_portal", "0005_missed_and_not_handled"),
        ("complaints", "0012_consultation_by_trade_no"),
        ("merchants", "0004_contacts"),
        ("notifications", "0004_robots_that_fail"),
    ]

    operations = [migrations.RunPython(extend_auditor, migrations.RunPython.noop)]
