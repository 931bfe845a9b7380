import django.contrib.postgres.indexes
from django.db import migrations

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('penalties', '0004_standing'),
    ]

    operations = [
        AddIndexBeside(
            model_name='penalty',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['issued_at'], name='penalty_by_issue'),
        ),
    ]
