"""The calendar for tests whose database is emptied between them: it is seeded by a migration, once."""

from pathlib import Path

from deadlines.calendar_import import publish_year, read_year
from deadlines.models import WorkDay

DATA = Path(__file__).resolve().parent.parent / "data"
NOTICES = {2024: "国办发明电〔2023〕7号", 2025: "国办发明电〔2024〕12号", 2026: "国办发明电〔2025〕7号"}


def published_file(year: int) -> bytes:
    """Return the file of a published year."""
    return (DATA / f"calendar-{year}.csv").read_bytes()


def publish_the_known_years() -> None:
    """Let the calendar hold what the migration seeded, also after a test that emptied the database."""
    if WorkDay.objects.count() != 1096:
        WorkDay.objects.all().delete()
        for year, notice in NOTICES.items():
            publish_year(read_year(published_file(year)), source=notice)
