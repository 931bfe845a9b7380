"""`manage.py sweep`: act on the clocks that were missed."""

import getpass
import json
import os
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from deadlines.sweeping import BATCH, GRACE, Report, registered_kinds, run_sweep

USAGE = 2
"""The exit status of a command line that cannot be understood; 1 is for rows that failed."""


YEARS = range(1970, 9000)
BATCHES = range(1, 1_000_001)


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

    def handle(self, *args: Any, **options: Any) -> None:
        kinds = _kinds(options["kinds"])
        batch = _batch(str(options["batch"]))
        now = timezone.now()
        at = _moment(options["at"]) if options["at"] else None
        if at and at > now and not options["dry_run"]:
            self.stderr.write(f"Note: {at.isoformat()} lies in the future; what is missed by then is acted upon now.")
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

    def _sweep(self, kind: str, **options: Any) -> Report:
        try:
            report = run_sweep(kind, ran_by=_who(), **options)
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


def _kinds(named: list[str]) -> list[str]:
    """Return the kinds to sweep, each once and in their own order. Refuses one that no sweep exists for."""
    known = registered_kinds()
    unknown = [kind for kind in named if kind not in known]
    if unknown:
        raise CommandError(
            f"No sweep exists for {', '.join(map(repr, unknown))}; the kinds are {', '.join(known)}.", returncode=USAGE
        )
    return [kind for kind in known if kind in named or not named]


def _moment(text: str) -> datetime:
    """Read a moment with its offset. Refuses anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"--at {text!r} is not a moment in ISO 8601, such as 2026-11-24T02:00:00Z.", returncode=USAGE
        ) from error
    if moment.tzinfo is None:
        raise CommandError(
            f"--at {text!r} needs its offset, such as 2026-11-24T02:00:00Z or 2026-11-24T10:00:00+08:00.",
            returncode=USAGE,
        )
    if moment.year not in YEARS:
        raise CommandError(
            f"--at {text!r} must lie between the years {YEARS.start} and {YEARS.stop - 1}.", returncode=USAGE
        )
    return moment


def _batch(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) in BATCHES):
        raise CommandError(
            f"--batch {text!r} must be a whole number from {BATCHES.start} to {BATCHES.stop - 1}.", returncode=USAGE
        )
    return int(text)


def _who() -> str:
    """Return the name of the person at the keyboard, or the number when the machine knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
