"""Make the groups of staff: reviewer, ops, auditor. Who is in them is up to whoever runs the portal."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

OURS = ("appeals", "penalties", "refunds", "complaints", "deadlines", "evidence", "notifications", "merchants")

CASES = [
    "appeals.view_appeal",
    "appeals.view_replytemplate",
    "penalties.view_penalty",
    "complaints.view_complaint",
    "complaints.view_handling",
    "complaints.view_message",
    "complaints.view_historyline",
    "evidence.view_evidence",
    "deadlines.view_deadline",
    "deadlines.view_workday",
    "merchants.view_platform",
    "merchants.view_merchant",
    "merchants.view_miniprogram",
]
GROUPS = {
    "reviewer": [
        *CASES,
        "appeals.decide_appeal",
        "appeals.add_replytemplate",
        "appeals.change_replytemplate",
        "appeals.delete_replytemplate",
    ],
    "ops": [
        *CASES,
        "penalties.revoke_penalty",
        "deadlines.view_sweeprun",
        "deadlines.add_workday",
        "deadlines.change_workday",
        "notifications.view_event",
    ],
}


def make_groups(apps, schema_editor):
    """Make each group with its permissions; what is there already stays, and so does what was added by hand.

    Django makes permissions only after all migrations have run, which is too late on an empty database.
    """
    for label in OURS:
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for name, wanted in GROUPS.items():
        group, _ = group_model.objects.get_or_create(name=name)
        for each in wanted:
            label, codename = each.split(".")
            group.permissions.add(permission_model.objects.get(content_type__app_label=label, codename=codename))
    auditor, _ = group_model.objects.get_or_create(name="auditor")
    auditor.permissions.add(
        *permission_model.objects.filter(content_type__app_label__in=OURS, codename__startswith="view_")
    )


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("appeals", "0002_reply_templates"),
        ("penalties", "0004_standing"),
        ("complaints", "0004_search_by_start"),
        ("deadlines", "0005_published_years"),
        ("evidence", "0002_initial"),
        ("notifications", "0001_initial"),
        ("merchants", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
