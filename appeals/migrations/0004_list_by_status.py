from django.db import migrations, models

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("appeals", "0003_asked_for"),
    ]

    operations = [
        AddIndexBeside(
            model_name="appeal",
            index=models.Index(fields=["merchant", "status", "-submitted_at", "-id"], name="appeal_by_status"),
        ),
    ]
