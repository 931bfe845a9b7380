from django.db import migrations, models

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('penalties', '0003_revoked'),
    ]

    operations = [
        AddIndexBeside(
            model_name='penalty',
            index=models.Index(condition=models.Q(('status__in', ['in_effect', 'under_appeal'])), fields=['merchant', 'appeal_by', 'id'], name='penalty_standing'),
        ),
    ]
