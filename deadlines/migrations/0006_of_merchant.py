from django.db import migrations, models

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('deadlines', '0005_published_years'),
    ]

    operations = [
        AddIndexBeside(
            model_name='deadline',
            index=models.Index(condition=models.Q(('kind__in', ['handle', 'refund', 'supplement'])), fields=['merchant', 'due_at'], name='deadline_of_merchant'),
        ),
        migrations.RemoveIndex(
            model_name='deadline',
            name='deadline_handle_by_merchant',
        ),
    ]
