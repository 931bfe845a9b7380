"""Let ops control the sweeps, and let ops and auditors read what was done so."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN = {
    "deadlines": ["view_sweepcontrol", "view_opsline", "view_policychange", "view_extension", "view_extended"],
    "penalties": ["view_amnesty"],
}
MORE = {"ops": {"deadlines": ["control_sweeps"]}, "auditor": {}}


def extend_groups(apps, schema_editor):
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for label, seen in SEEN.items():
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
        of_app = permission_model.objects.filter(content_type__app_label=label)
        for name, more in MORE.items():
            group, _ = group_model.objects.get_or_create(name=name)
            group.permissions.add(*of_app.filter(codename__in=[*seen, *more.get(label, [])]))


class Migration(migrations.Migration):

    dependencies = [
        ("complaints_portal", "0007_summaries_by_part"),
        ("deadlines", "0007_ops"),
        ("penalties", "0006_ops"),
    ]

    operations = [migrations.RunPython(extend_groups, migrations.RunPython.noop)]
