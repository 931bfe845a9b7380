from django.db import migrations, models

from common.indexing import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("refunds", "0003_staff_lists")]

    operations = [
        AddIndexBeside(
            model_name="norefundclaim",
            index=models.Index(fields=["merchant", "-submitted_at", "-id"], name="claim_by_merchant"),
        ),
    ]
