"""`manage.py verify`: recompute what must always be true."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from complaints_portal.verifying import verify


class Command(BaseCommand):
    """Verify the data. Exit status: 0 when every invariant holds, 1 when one is broken."""

    help = "Recompute every invariant: one penalty per obligation, none for what was in time, clocks, history."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for finding in verify():
            self.stdout.write(f"{'broken' if finding.count else 'holds':<8}{finding.invariant.sentence}")
            if finding.count:
                broken += 1
                self.stderr.write(f"        {finding.count} row(s): {', '.join(finding.examples)}")
        if broken:
            raise CommandError(f"{broken} invariant(s) are broken; the rows are named above.")
