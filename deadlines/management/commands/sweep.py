"""`manage.py sweep`: act on the clocks that were missed."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from deadlines.control import controls, not_ahead
from deadlines.management.looping import sweep_for_ever
from deadlines.management.orders import kinds_of, moment_of, who, whole_number
from deadlines.models import SweepControl
from deadlines.sweeping import BATCH, GRACE, Report, registered_kinds, run_sweep
from merchants.management.portal_command import USAGE

BATCHES = range(1, 1_000_001)
PAUSES = range(1, 3601)
EVERY = 60


class Command(BaseCommand):
    """Sweep the clocks. Exit status: 0 when every due row was dealt with, 1 when some failed, 2 for a wrong order."""

    help = "Act on every deadline that was missed: issue penalties, close appeal windows, finish silent complaints."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "kinds", nargs="*", metavar="KIND", help="which clocks to sweep; all of them when none is named"
        )
        parser.add_argument(
            "--at",
            metavar="ISO-8601",
            help="act on what was missed before this moment, and let what is done carry it; it needs its offset, as in "
            "2026-11-24T02:00:00Z (default: now, less a minute of grace for requests that are under way)",
        )
        parser.add_argument("--dry-run", action="store_true", help="list what would happen and change nothing")
        parser.add_argument(
            "--batch",
            default=str(BATCH),
            metavar="N",
            help=f"how many rows to take in one transaction (default: {BATCH})",
        )
        parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
        parser.add_argument(
            "--loop",
            action="store_true",
            help="sweep for ever as the schedule does, without a broker, until SIGTERM; kinds that are paused stay so",
        )
        parser.add_argument(
            "--every", metavar="SECONDS", help=f"with --loop: how often a round begins (default: {EVERY})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kinds = kinds_of(options["kinds"], registered_kinds())
        batch = whole_number("--batch", str(options["batch"]), BATCHES)
        if options["loop"] or options["every"]:
            self._loop(kinds, options)
            return
        now = not_ahead(timezone.now())
        at = moment_of("--at", options["at"]) if options["at"] else None
        if at and at > now and not options["dry_run"]:
            self.stderr.write(f"Note: {at.isoformat()} lies in the future; what is missed by then is acted upon now.")
        self._tell_of_controls(kinds, "looked at all the same" if options["dry_run"] else "swept now")
        reports = [
            self._sweep(kind, cut_off=at or now - GRACE, issued_at=at or now, batch=batch, dry_run=options["dry_run"])
            for kind in kinds
        ]
        if options["json"]:
            self.stdout.write(json.dumps({report.kind: report.counts() for report in reports}))
        else:
            self._print_table(reports)
        failed = sum(report.failed for report in reports)
        if failed:
            raise CommandError(f"{failed} due row(s) failed and stay due; each is named above.")

    def _loop(self, kinds: list[str], options: dict[str, Any]) -> None:
        """Sweep until SIGTERM. Refuses what makes no sense then."""
        if not options["loop"]:
            raise CommandError("--every needs --loop.", returncode=USAGE)
        if options["at"] or options["dry_run"] or options["json"] or options["batch"] != str(BATCH):
            raise CommandError("--loop goes with KIND and --every only.", returncode=USAGE)
        every = whole_number("--every", options["every"], PAUSES) if options["every"] else EVERY
        self.stdout.write(f"Sweeping {', '.join(kinds)} every {every} s, until SIGTERM.")
        self.stdout.flush()
        sweep_for_ever(kinds, every=every)
        self.stdout.write("Stopped; whole batches only were done.")

    def _tell_of_controls(self, kinds: list[str], what: str) -> None:
        """Say which kinds the schedule leaves alone. Whoever types this command means it, so it goes on."""
        for kind, control in controls().items():
            if kind in kinds and control.mode != SweepControl.Mode.RUN:
                state = "is paused" if control.mode == SweepControl.Mode.PAUSED else "runs in shadow only"
                self.stderr.write(f"Note: {kind} {state} ({control.changed_by}: {control.reason}); it is {what}.")

    def _sweep(self, kind: str, **options: Any) -> Report:
        try:
            report = run_sweep(kind, ran_by=who(), **options)
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(
                f"The sweep of {kind} was cut off: {reason}. What it had committed stands; run it again for the rest."
            ) from error
        for subject_id in report.subjects:
            self.stdout.write(f"would act: {kind} {subject_id}")
        for failure in report.failures:
            self.stderr.write(f"failed: {kind} {failure['subject_id']}: {failure['reason']}")
        if report.in_use:
            self.stderr.write(
                f"{report.in_use} row(s) of {kind} are in use by somebody else; the next sweep takes them."
            )
        return report

    def _print_table(self, reports: list[Report]) -> None:
        self.stdout.write(f"{'kind':<12}{'examined':>10}{'acted':>10}{'skipped':>10}{'failed':>10}")
        for report in reports:
            self.stdout.write(f"{report.kind:<12}" + "".join(f"{count:>10}" for count in report.counts().values()))
