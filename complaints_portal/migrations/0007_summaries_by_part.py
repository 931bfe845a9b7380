"""Each day is summed up whole, by one thing each, and by everything. What stood there is counted anew by the task.

One message to the database, so that nobody is kept from the summaries while Django works out its next step; and the
table is emptied by it, not row by row, so that nothing in it has to be looked at.
"""

import django.db.models.deletion
from django.db import migrations, models

EMPTY = """
    DELETE FROM notifications_watermark WHERE name = 'insights'; -- first, as whoever counts locks it first
    TRUNCATE complaints_portal_daysummary;
"""
BY_PART = """
    ALTER TABLE complaints_portal_daysummary
        DROP CONSTRAINT one_summary_per_part,
        ADD COLUMN by varchar(16) NOT NULL,
        ALTER COLUMN mini_program_id DROP NOT NULL,
        ALTER COLUMN dispute_type DROP NOT NULL,
        ALTER COLUMN root_cause DROP NOT NULL;
    ALTER TABLE complaints_portal_daysummary ADD CONSTRAINT one_summary_per_part
        UNIQUE NULLS NOT DISTINCT (merchant_id, by, day, mini_program_id, dispute_type, root_cause);
"""
BY_EVERYTHING = """
    ALTER TABLE complaints_portal_daysummary
        DROP CONSTRAINT one_summary_per_part,
        DROP COLUMN by,
        ALTER COLUMN mini_program_id SET NOT NULL,
        ALTER COLUMN dispute_type SET NOT NULL,
        ALTER COLUMN root_cause SET NOT NULL;
    ALTER TABLE complaints_portal_daysummary ADD CONSTRAINT one_summary_per_part
        UNIQUE (merchant_id, day, mini_program_id, dispute_type, root_cause);
"""
SAME_IN_DJANGO = [
    migrations.RemoveConstraint("daysummary", "one_summary_per_part"),
    migrations.AddField(
        "daysummary",
        "by",
        models.CharField(
            choices=[
                ("total", "nothing: all complaints of the day"),
                ("dispute_type", "dispute type"),
                ("mini_program", "mini program"),
                ("root_cause", "root cause"),
                ("everything", "dispute type, mini program and root cause"),
            ],
            max_length=16,
            verbose_name="by",
        ),
        preserve_default=False,
    ),
    migrations.AlterField(
        "daysummary",
        "unhandled",
        models.PositiveIntegerField(
            help_text="Penalised, and to this day not handled.", verbose_name="missed and not handled"
        ),
    ),
    migrations.AlterField(
        "daysummary",
        "mini_program",
        models.ForeignKey(
            db_constraint=False,
            db_index=False,
            null=True,
            on_delete=django.db.models.deletion.CASCADE,
            related_name="+",
            to="merchants.miniprogram",
        ),
    ),
    migrations.AlterField(
        "daysummary", "dispute_type", models.CharField(max_length=200, null=True, verbose_name="dispute type")
    ),
    migrations.AlterField(
        "daysummary", "root_cause", models.CharField(max_length=16, null=True, verbose_name="root cause")
    ),
    migrations.AddConstraint(
        "daysummary",
        models.UniqueConstraint(
            fields=("merchant", "by", "day", "mini_program", "dispute_type", "root_cause"),
            name="one_summary_per_part",
            nulls_distinct=False,
        ),
    ),
]


class Migration(migrations.Migration):
    dependencies = [("complaints_portal", "0006_auditors_see_consultations"), ("notifications", "0003_notices")]

    operations = [
        migrations.RunSQL(EMPTY + BY_PART, EMPTY + BY_EVERYTHING, state_operations=SAME_IN_DJANGO),
    ]
