"""Indexes for what is no longer pending, and for what the list is narrowed to: a mini program, a dispute type, whose it
is, advance protection.

They are built beside the intake, without stopping it. So this migration is not one transaction, and may be run again
after it was interrupted.
"""

from django.db import migrations, models

from common.indexing import AddIndexBeside

INDEXES = [
    models.Index(
        fields=["merchant", "-filed_at", "-id"],
        name="complaint_no_longer_pending",
        condition=~models.Q(status="pending"),
    ),
    models.Index(fields=["merchant", "mini_program", "status"], name="complaint_by_program"),
    models.Index(fields=["merchant", "dispute_type", "status"], name="complaint_by_type"),
    models.Index(fields=["merchant", "assignee", "status"], name="complaint_by_whose"),
    models.Index(
        fields=["merchant", "status"], name="complaint_protected", condition=models.Q(advance_protection=True)
    ),
]
# Without it the planner takes the complaints of a merchant about its own program for as few as if any merchant's could
# be about it, and sorts them all for one page.
STATISTICS = """
CREATE STATISTICS IF NOT EXISTS complaint_program_has_a_merchant (dependencies) ON merchant_id, mini_program_id
    FROM complaints_complaint
"""

# A pair that is not among those that were counted is taken for half as frequent as the rarest of these. Of the usual
# number of them that is far too much for a large table.
MORE_PAIRS = "ALTER INDEX complaint_by_pairs ALTER COLUMN 2 SET STATISTICS 1000"
AS_USUAL = "ALTER INDEX complaint_by_pairs ALTER COLUMN 2 SET STATISTICS -1"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("complaints", "0012_consultation_by_trade_no"),
    ]

    operations = [
        *(AddIndexBeside(model_name="complaint", index=index) for index in INDEXES),
        migrations.RunSQL(STATISTICS, "DROP STATISTICS IF EXISTS complaint_program_has_a_merchant"),
        migrations.RunSQL(MORE_PAIRS, AS_USUAL),
        migrations.RunSQL("ANALYZE complaints_complaint", migrations.RunSQL.noop),
    ]
