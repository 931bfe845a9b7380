"""`manage.py import_calendar`: take in a year of working days and holidays."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from deadlines.calendar import published_through
from deadlines.calendar_import import Published, UnusableCalendar, preview, publish_year, read_year
from merchants.management.portal_command import PortalCommand


class Command(PortalCommand):
    """Take in a year of the calendar. Exit status: 0 when it is published, 1 when the file is refused."""

    help = "Take in a year of China's public holidays and make-up working days from a CSV file: day,is_working,name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the CSV file, UTF-8 or GB18030; - reads standard input")
        parser.add_argument(
            "--source", required=True, metavar="NOTICE", help="the notice that these days were published with"
        )
        parser.add_argument("--replace", action="store_true", help="replace a year that is published with other days")
        parser.add_argument("--dry-run", action="store_true", help="say what would change and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            year = read_year(_content(options["file"]))
            if options["dry_run"]:
                found = preview(year)
                for each in found.different if not found.is_new else year.exceptions():
                    self.stdout.write(
                        f"would be: {each.day} {'work' if each.is_working else 'off'} {each.name}".rstrip()
                    )
                return
            published = publish_year(year, source=options["source"], replace=options["replace"])
        except UnusableCalendar as refusal:
            for problem in refusal.problems:
                self.stderr.write(problem)
            raise CommandError("Nothing was taken in.") from refusal
        self.stdout.write(_words(published))


def _content(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error


def _words(published: Published) -> str:
    moved = published.moved
    done = "is published" if published.has_changed else "was published already with the same days"
    return (
        f"{published.year.number} {done}; the calendar reaches through {published_through()}."
        f" {moved.certain} provisional deadline(s) are certain now, {moved.later} moved to a later day."
    )
