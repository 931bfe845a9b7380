"""`manage.py verify`: recompute what must always be true."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from complaints_portal.verifying import verify, verify_evidence


class Command(BaseCommand):
    """Verify the data. Exit status: 0 when every invariant holds, 1 when one is broken."""

    help = "Recompute every invariant: one penalty per obligation, none for what was in time, clocks, history."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--evidence", action="store_true", help="also read the file of every picture again")

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for finding in [*verify(), *([verify_evidence()] if options["evidence"] else [])]:
            self.stdout.write(f"{'broken' if finding.count else 'holds':<8}{finding.invariant.sentence}")
            if finding.count:
                broken += 1
                self.stderr.write(f"        {finding.count} row(s): {', '.join(finding.examples)}")
        if broken:
            raise CommandError(f"{broken} invariant(s) are broken; the rows are named above.")
