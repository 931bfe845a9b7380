"""Each day is summed up whole, by one thing each, and by everything. What stood there is counted anew by the task."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("complaints_portal", "0006_auditors_see_consultations"), ("notifications", "0003_notices")]

    operations = [
        migrations.RunSQL(
            "DELETE FROM complaints_portal_daysummary; DELETE FROM notifications_watermark WHERE name = 'insights'",
            migrations.RunSQL.noop,
        ),
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
