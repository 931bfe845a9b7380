"""What staff ask for has columns of its own: a decision wrote over it. What no decision has written over moves there.

The columns and the rule for what is new come in one message to the database, so that nobody is kept from the appeals
while Django works out its next step. What is there moves in batches, and is held to the rule without a lock. So this
migration is not one transaction, and may be run again after it was interrupted.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models
from django.db.models import F, Q

BATCH = 5000

ADD = """
    ALTER TABLE appeals_appeal
        ADD COLUMN IF NOT EXISTS asked_reason_code varchar(32) DEFAULT '' NOT NULL,
        ADD COLUMN IF NOT EXISTS asked_for text DEFAULT '' NOT NULL;
    ALTER TABLE appeals_appeal
        ALTER COLUMN asked_reason_code DROP DEFAULT,
        ALTER COLUMN asked_for DROP DEFAULT,
        DROP CONSTRAINT IF EXISTS what_is_asked_for_is_said,
        ADD CONSTRAINT what_is_asked_for_is_said CHECK (
            NOT (status = 'more_wanted') OR (asked_at IS NOT NULL AND NOT (asked_reason_code = '') AND NOT (asked_for = ''))
        ) NOT VALID;
"""
REMOVE = """
    ALTER TABLE appeals_appeal
        DROP CONSTRAINT IF EXISTS what_is_asked_for_is_said,
        DROP COLUMN IF EXISTS asked_for,
        DROP COLUMN IF EXISTS asked_reason_code;
"""
SAME_IN_DJANGO = [
    migrations.AddField(
        model_name="appeal",
        name="asked_reason_code",
        field=models.CharField(blank=True, default="", max_length=32, verbose_name="reason for asking"),
        preserve_default=False,
    ),
    migrations.AddField(
        model_name="appeal",
        name="asked_for",
        field=models.TextField(blank=True, default="", verbose_name="asked for"),
        preserve_default=False,
    ),
    migrations.AddConstraint(
        model_name="appeal",
        constraint=models.CheckConstraint(
            condition=~Q(status="more_wanted")
            | (Q(asked_at__isnull=False) & ~Q(asked_reason_code="") & ~Q(asked_for="")),
            name="what_is_asked_for_is_said",
        ),
    ),
]


def undecided(apps):
    return apps.get_model("appeals", "Appeal").objects.filter(asked_at__isnull=False, decided_at__isnull=True)


def update_in_batches(appeals, **changed):
    last = 0
    while batch := list(appeals.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        appeals.filter(pk__in=batch).update(**changed)
        last = batch[-1]


def move_what_was_asked(apps, schema_editor):
    update_in_batches(
        undecided(apps).exclude(message=""),
        asked_for=F("message"),
        asked_reason_code=F("reason_code"),
        message="",
        reason_code="",
    )


def move_back(apps, schema_editor):
    update_in_batches(
        undecided(apps).exclude(asked_for=""), message=F("asked_for"), reason_code=F("asked_reason_code")
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("appeals", "0002_reply_templates")]

    operations = [
        migrations.RunSQL(ADD, REMOVE, state_operations=SAME_IN_DJANGO),
        migrations.RunPython(move_what_was_asked, move_back),
        ValidateConstraint("appeal", "what_is_asked_for_is_said"),
    ]
