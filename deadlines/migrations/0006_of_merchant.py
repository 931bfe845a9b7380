from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deadlines', '0005_published_years'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='deadline',
            name='deadline_handle_by_merchant',
        ),
        migrations.AddIndex(
            model_name='deadline',
            index=models.Index(condition=models.Q(('kind__in', ['handle', 'refund', 'supplement'])), fields=['merchant', 'due_at'], name='deadline_of_merchant'),
        ),
    ]
