from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('complaints', '0011_root_cause'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='consultation',
            index=models.Index(fields=['merchant', 'trade_no'], name='consultation_by_trade_no', opclasses=('int8_ops', 'varchar_pattern_ops')),
        ),
    ]
