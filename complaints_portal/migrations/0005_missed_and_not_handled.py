from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("complaints_portal", "0004_insights")]

    operations = [
        migrations.AddField(
            model_name="daysummary",
            name="unhandled",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Penalised, and to this day not handled.",
                verbose_name="missed and not handled",
            ),
        ),
    ]
