"""`manage.py doctor`: look at everything that a newcomer gets wrong, and say how it is mended."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from complaints_portal.doctor import State, examine


class Command(BaseCommand):
    """Examine the portal. Exit status: 0 when nothing is wrong, 1 otherwise; warnings are not wrong."""

    help = "Check what the portal stands on: versions, database, Redis, pictures, mail, calendar, sweeps, disk."
    requires_system_checks = []  # they are among what it looks at, and must not end it

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as one JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            findings = examine(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_json() for finding in findings]))
        else:
            for finding in findings:
                mend = f" {finding.mend}" if finding.mend else ""
                self.stdout.write(f"{finding.state:<9}{finding.name:<12}{finding.found}{mend}")
        wrong = sum(finding.state == State.WRONG for finding in findings)
        if wrong:
            raise CommandError(f"{wrong} thing(s) are wrong.")
