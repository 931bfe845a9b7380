"""`manage.py verify_ledger`: recompute every cent of the guarantee fund and of all refunds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from refunds.ledger import verify_ledger


class Command(BaseCommand):
    """Recompute the ledger. Exit status: 0 when all adds up, 1 when a cent is missing or too many."""

    help = "Recompute the ledger: transfers, balances, bonuses, refunds, reversals, top-ups, trades, pending refunds."

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify_ledger()
        self.stdout.write("Looked at " + ", ".join(f"{count} {name}" for name, count in report.looked_at.items()) + ".")
        for book, amount in report.books.items():
            self.stdout.write(f"        ¥{amount:>16} {book}")
        for finding in report.findings:
            self.stdout.write(f"{'broken' if finding.count else 'holds':<8}{finding.check.sentence}")
            if finding.count:
                self.stderr.write(f"        {finding.count} row(s): {'; '.join(finding.examples)}")
        if report.broken:
            raise CommandError(f"The ledger does not add up: {len(report.broken)} check(s) are broken.")
