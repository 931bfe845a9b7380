"""The points that count stand in the index that finds them, and what was given back has one of its own.

Built beside the sweeps, without stopping them. So this migration is not one transaction, and may be run again after it
was interrupted.
"""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("penalties", "0006_ops"),
    ]

    operations = [
        AddIndexBeside(
            model_name="penalty",
            index=models.Index(
                fields=["merchant", "appeal_by", "id"],
                include=["mini_program", "status", "points"],
                name="penalty_that_counts",
                condition=models.Q(status__in=["in_effect", "under_appeal"]),
            ),
        ),
        AddIndexBeside(
            model_name="penalty",
            index=models.Index(
                fields=["merchant", "complaint"],
                name="penalty_revoked",
                condition=models.Q(status="revoked"),
            ),
        ),
        RemoveIndexConcurrently(model_name="penalty", name="penalty_standing"),
    ]
