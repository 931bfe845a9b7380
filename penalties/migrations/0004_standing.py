from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('penalties', '0003_revoked'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='penalty',
            index=models.Index(condition=models.Q(('status__in', ['in_effect', 'under_appeal'])), fields=['merchant', 'appeal_by', 'id'], name='penalty_standing'),
        ),
    ]
