"""`manage.py backup`: the database and the pictures together, in a directory of their own."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from complaints_portal.backups import back_up
from complaints_portal.postgres_programs import NotDone


class Command(BaseCommand):
    """Back up. Exit status: 0 when all is kept, 1 when nothing was, or when a picture is missing or damaged."""

    help = "Back up the database and the pictures into a directory that does not exist yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", metavar="DIR", help="where to; it must not exist, or be empty")

    def handle(self, *args: Any, **options: Any) -> None:
        directory = Path(options["directory"]).absolute()
        try:
            manifest = back_up(directory, now=timezone.now())
        except (NotDone, OSError) as refusal:
            raise CommandError(f"Nothing was backed up. {refusal}") from refusal
        rows = sum(manifest.tables.values())
        self.stdout.write(
            f"{directory}: {len(manifest.tables)} tables with {rows} rows, {manifest.pictures} pictures with "
            f"{manifest.picture_bytes} bytes, of PostgreSQL {manifest.server_version}."
        )
        if manifest.damaged:
            for name in manifest.damaged[:20]:
                self.stderr.write(f"missing or damaged: {name}")
            raise CommandError(f"{len(manifest.damaged)} picture(s) are missing or damaged; all else was backed up.")
