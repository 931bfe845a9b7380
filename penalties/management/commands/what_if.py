"""`manage.py what_if`: what a stretch of days would have cost under other numbers. Nothing is changed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from common.policy import PolicyError, laid_upon, policy_at, read_policy_file
from complaints.queries import start_of
from deadlines.management.orders import day_of
from merchants.management.portal_command import USAGE, PortalCommand
from penalties.what_if import what_if


class Command(PortalCommand):
    """Count under other numbers. Exit status: 0 when counted, 2 for a wrong order."""

    help = "Count what a stretch of days would have cost under the numbers of a policy file. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--policy", required=True, metavar="FILE", help="a policy file; its tables hold one upon the other, undated"
        )
        parser.add_argument("--from", dest="first", required=True, metavar="DAY", help="the first day, Beijing's")
        parser.add_argument("--to", dest="last", required=True, metavar="DAY", help="the last day, included")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = day_of("--from", options["first"]), day_of("--to", options["last"])
        if last < first:
            raise CommandError("--to must not lie before --from.", returncode=USAGE)
        as_it_was = policy_at(start_of(first))
        try:
            policy = laid_upon(as_it_was, read_policy_file(Path(options["policy"])))
        except PolicyError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        found = what_if(policy, first=first, last=last, now=timezone.now(), as_it_was=as_it_was)
        if options["json"]:
            self.stdout.write(json.dumps({each.noun: asdict(each) for each in found}))
            return
        self.stdout.write(
            f"{'noun':<14}{'obligations':>12}{'missed':>10}{'would miss':>12}{'points':>10}{'would cost':>12}"
        )
        for each in found:
            self.stdout.write(
                f"{each.noun:<14}{each.obligations:>12}{each.missed:>10}{each.would_miss:>12}{each.points:>10}"
                f"{each.would_cost:>12}"
            )
