"""Let the groups of staff do what refunds bring: reviewers rule, ops record bank transfers and look a second time."""

from django.contrib.auth.management import create_permissions
from django.apps import apps as installed
from django.db import migrations

SEEN = [
    "refunds.view_norefundclaim",
    "refunds.view_refundcase",
    "refunds.view_refund",
    "refunds.view_rulingtemplate",
]
GROUPS = {
    "reviewer": [
        *SEEN,
        "refunds.decide_norefundclaim",
        "refunds.add_rulingtemplate",
        "refunds.change_rulingtemplate",
        "refunds.delete_rulingtemplate",
    ],
    "ops": [
        *SEEN,
        "refunds.view_guaranteeaccount",
        "refunds.view_topup",
        "refunds.view_fundtransfer",
        "refunds.view_fundentry",
        "refunds.view_refundedtrade",
        "refunds.add_topup",
        "refunds.approve_topup",
    ],
}


def extend_groups(apps, schema_editor):
    create_permissions(installed.get_app_config("refunds"), verbosity=0, apps=apps)
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    of_refunds = permission_model.objects.filter(content_type__app_label="refunds")
    for name, wanted in GROUPS.items():
        group, _ = group_model.objects.get_or_create(name=name)
        group.permissions.add(*(of_refunds.get(codename=each.split(".")[1]) for each in wanted))
    auditor, _ = group_model.objects.get_or_create(name="auditor")
    auditor.permissions.add(*of_refunds.filter(codename__startswith="view_"))


class Migration(migrations.Migration):

    dependencies = [
        ("complaints_portal", "0001_groups"),
        ("refunds", "0002_reviews_that_wait"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(extend_groups, migrations.RunPython.noop)]
