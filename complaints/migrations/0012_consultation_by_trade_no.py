from django.db import migrations, models

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('complaints', '0011_root_cause'),
    ]

    operations = [
        AddIndexBeside(
            model_name='consultation',
            index=models.Index(fields=['merchant', 'trade_no'], name='consultation_by_trade_no', opclasses=('int8_ops', 'varchar_pattern_ops')),
        ),
    ]
