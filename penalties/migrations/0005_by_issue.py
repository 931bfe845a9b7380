import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('penalties', '0004_standing'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='penalty',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['issued_at'], name='penalty_by_issue'),
        ),
    ]
