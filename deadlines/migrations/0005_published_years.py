"""Fill the calendar with the years that are published: every day of 2024 to 2026."""

import csv
from datetime import date, timedelta
from pathlib import Path

from django.db import migrations

DATA = Path(__file__).resolve().parent.parent / "data"
NOTICES = {2024: "国办发明电〔2023〕7号", 2025: "国办发明电〔2024〕12号", 2026: "国办发明电〔2025〕7号"}


def fill(apps, schema_editor):
    WorkDay = apps.get_model("deadlines", "WorkDay")
    days = []
    for year, notice in NOTICES.items():
        with (DATA / f"calendar-{year}.csv").open(encoding="utf-8", newline="") as file:
            named = {row["day"]: row for row in csv.DictReader(file)}
        first, following = date(year, 1, 1), date(year + 1, 1, 1)
        for number in range((following - first).days):
            day = first + timedelta(days=number)
            row = named.get(day.isoformat())
            days.append(
                WorkDay(
                    day=day,
                    is_working=row["is_working"] == "1" if row else day.weekday() < 5,
                    name=row["name"] if row else "",
                    source=notice,
                )
            )
    WorkDay.objects.bulk_create(days, ignore_conflicts=True)


class Migration(migrations.Migration):

    dependencies = [("deadlines", "0004_working_days")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
