"""Let auditors read who was invited, who asked for what, and every change of members."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN = ["view_invitation", "view_accessrequest", "view_memberline"]


def extend_auditor(apps, schema_editor):
    create_permissions(installed.get_app_config("merchants"), verbosity=0, apps=apps)
    auditor, _ = apps.get_model("auth", "Group").objects.get_or_create(name="auditor")
    of_merchants = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="merchants")
    auditor.permissions.add(*of_merchants.filter(codename__in=SEEN))


class Migration(migrations.Migration):

    dependencies = [
        ("complaints_portal", "0002_groups_and_refunds"),
        ("merchants", "0002_team"),
    ]

    operations = [migrations.RunPython(extend_auditor, migrations.RunPython.noop)]
