"""The calendar for tests whose database is emptied between them: it is seeded by a migration, once."""

from pathlib import Path

from deadlines.calendar_import import publish_year, read_year
from deadlines.models import WorkDay

DATA = Path(__file__).resolve().parent.parent / "data"
YEARS = (2024, 2025, 2026)


def published_file(year: int) -> bytes:
    """Return the file of a published year."""
    return (DATA / f"calendar-{year}.csv").read_bytes()


def publish_the_known_years() -> None:
    """Let the calendar hold exactly what the migration seeded."""
    WorkDay.objects.exclude(day__year__in=YEARS).delete()
    for year in YEARS:
        publish_year(read_year(published_file(year)), source="test", replace=True)
