from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("complaints", "0007_search_by_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="export",
            name="problem",
            field=models.CharField(
                blank=True,
                choices=[
                    ("filters", "One of its filters does not exist any more. Filter the list anew, and export that."),
                    ("too_long", "More complaints match by now than fit into one file. Choose fewer days."),
                    ("broken", "It could not be made, although it was tried several times. Try again later."),
                ],
                default="",
                max_length=16,
                verbose_name="why it failed",
            ),
            preserve_default=False,
        ),
    ]
