"""Let ops and auditors read alarms, and auditors what else watching keeps."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN = {
    "ops": ["view_sweepalarm", "view_alarmletter"],
    "auditor": ["view_sweepalarm", "view_alarmletter", "view_sweepwatch", "view_sweeptotal"],
}


def extend_groups(apps, schema_editor):
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    create_permissions(installed.get_app_config("deadlines"), verbosity=0, apps=apps)
    of_app = permission_model.objects.filter(content_type__app_label="deadlines")
    for name, seen in SEEN.items():
        group, _ = group_model.objects.get_or_create(name=name)
        group.permissions.add(*of_app.filter(codename__in=seen))


class Migration(migrations.Migration):

    dependencies = [("complaints_portal", "0008_ops_control"), ("deadlines", "0008_alarms")]

    operations = [migrations.RunPython(extend_groups, migrations.RunPython.noop)]
