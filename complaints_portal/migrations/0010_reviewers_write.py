"""Let support staff write to both sides of a case."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations


def extend_reviewers(apps, schema_editor):
    create_permissions(installed.get_app_config("complaints"), verbosity=0, apps=apps)
    reviewer, _ = apps.get_model("auth", "Group").objects.get_or_create(name="reviewer")
    reviewer.permissions.add(
        apps.get_model("auth", "Permission").objects.get(content_type__app_label="complaints", codename="add_message")
    )


class Migration(migrations.Migration):

    dependencies = [("complaints_portal", "0009_ops_see_alarms")]

    operations = [migrations.RunPython(extend_reviewers, migrations.RunPython.noop)]
