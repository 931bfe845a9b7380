from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("refunds", "0003_staff_lists")]

    operations = [
        migrations.AddIndex(
            model_name="norefundclaim",
            index=models.Index(fields=["merchant", "-submitted_at", "-id"], name="claim_by_merchant"),
        ),
    ]
