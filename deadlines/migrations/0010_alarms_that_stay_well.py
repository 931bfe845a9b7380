from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deadlines', '0009_idle_runs'),
    ]

    operations = [
        migrations.AddField(
            model_name='sweepalarm',
            name='well_since',
            field=models.DateTimeField(blank=True, null=True, verbose_name='on time since'),
        ),
    ]
