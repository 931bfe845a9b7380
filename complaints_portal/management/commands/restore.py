"""`manage.py restore`: bring back what `manage.py backup` kept, and verify it."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from complaints_portal.backups import differences, restore
from complaints_portal.postgres_programs import NotDone
from notifications.services import number_onwards


class Command(BaseCommand):
    """Restore. Exit status: 0 when the data is there and every invariant holds, 1 otherwise."""

    help = "Restore a backup into an empty database, put the pictures back, and verify both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", metavar="DIR", help="a directory that manage.py backup wrote")
        parser.add_argument("--replace", action="store_true", help="throw away what the database holds now")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = restore(Path(options["directory"]).absolute(), replace=options["replace"])
        except (NotDone, OSError) as refusal:
            raise CommandError(f"Not restored. {refusal}") from refusal
        connection.close()  # the session may still know the types and plans of what was there before
        self.stdout.write(f"Restored what was backed up at {manifest.made_at}.")
        for sentence in (different := differences(manifest)):
            self.stderr.write(sentence)
        call_command("migrate", verbosity=0)  # a backup of an older portal is brought up to this one
        number_onwards()
        call_command("verify", evidence=True, stdout=self.stdout, stderr=self.stderr)
        if different:
            raise CommandError("The database does not hold what the manifest says; the tables are named above.")
