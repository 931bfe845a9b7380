"""What staff ask for has columns of its own: a decision wrote over it. What no decision has written over moves there."""

from django.db import migrations, models
from django.db.models import F, Q


def move_what_was_asked(apps, schema_editor):
    appeals = apps.get_model("appeals", "Appeal").objects.filter(asked_at__isnull=False, decided_at__isnull=True)
    appeals.exclude(message="").update(
        asked_for=F("message"), asked_reason_code=F("reason_code"), message="", reason_code=""
    )


def move_back(apps, schema_editor):
    appeals = apps.get_model("appeals", "Appeal").objects.filter(asked_at__isnull=False, decided_at__isnull=True)
    appeals.exclude(asked_for="").update(message=F("asked_for"), reason_code=F("asked_reason_code"))


class Migration(migrations.Migration):

    dependencies = [("appeals", "0002_reply_templates")]

    operations = [
        migrations.AddField(
            model_name="appeal",
            name="asked_reason_code",
            field=models.CharField(blank=True, default="", max_length=32, verbose_name="reason for asking"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="appeal",
            name="asked_for",
            field=models.TextField(blank=True, default="", verbose_name="asked for"),
            preserve_default=False,
        ),
        migrations.RunPython(move_what_was_asked, move_back),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=~Q(status="more_wanted")
                | (Q(asked_at__isnull=False) & ~Q(asked_reason_code="") & ~Q(asked_for="")),
                name="what_is_asked_for_is_said",
            ),
        ),
    ]
