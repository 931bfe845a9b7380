"""`manage.py translations`: keep the Chinese catalogue complete."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from complaints_portal import catalogue


class Command(BaseCommand):
    help = "Bring the Chinese catalogue up to date (--update), check that it is complete (--check), or compile it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--update", action="store_true", help="add new messages, drop what nobody asks for")
        what.add_argument("--check", action="store_true", help="fail when a message is missing, fuzzy or unused")
        what.add_argument("--compile", action="store_true", help="write the compiled catalogue where it is older")

    def handle(self, *args: Any, update: bool, check: bool, compile: bool, **options: Any) -> None:
        if update:
            catalog = catalogue.update()
            empty = sum(1 for message in catalog if message.id and not message.string)
            self.stdout.write(f"{len(catalog)} messages, {empty} without Chinese: {catalogue.po_file()}")
        if check:
            self._check()
        if compile:
            written = catalogue.compile_all()
            self.stdout.write(f"{len(written)} catalogues compiled")

    def _check(self) -> None:
        findings = catalogue.check()
        for title in ("missing", "fuzzy", "placeholders", "unused"):
            for name in getattr(findings, title):
                self.stderr.write(f"{title}: {name}")
        if findings:
            raise CommandError(
                "The Chinese catalogue is not complete: run `manage.py translations --update` and fill it in."
            )
        self.stdout.write("The Chinese catalogue is complete.")
