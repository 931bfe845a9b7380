"""`manage.py sweeps`: show how the scheduled sweeps run; pause one, let it run for show, or let it run again."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from common.wording import beijing_time, span_words
from deadlines.control import set_mode
from deadlines.management.orders import kinds_of, whole_number
from deadlines.overview import HOURS, Line, overview
from deadlines.sweeping import registered_kinds
from merchants.management.portal_command import USAGE, PortalCommand, add_staff, staff_called

MODES = {"pause": "paused", "shadow": "shadow", "run": "run"}
COLUMNS = "{:<12}{:<8}{:<28}{:>14}{:>10}{:>12}  {}"


class Command(PortalCommand):
    """Show and control the sweeps. Exit status: 0 when done, 1 when it was refused, 2 for a wrong order."""

    help = "Show how the scheduled sweeps run; pause one, let it run in shadow (it acts on nothing), or let it run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order", nargs="?", choices=[*MODES], help="what to do; without it a table is shown")
        parser.add_argument("kinds", nargs="*", metavar="KIND", help="whose sweep")
        parser.add_argument("--reason", default="", help="why; it stays written down")
        parser.add_argument("--hours", default=str(HOURS), help=f"how far the table looks ahead (default: {HOURS})")
        parser.add_argument("--json", action="store_true", help="print the table as one JSON object")
        add_staff(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["order"]:
            actor = staff_called(options["username"])
            if not options["kinds"]:
                raise CommandError("Name the kind whose sweep is meant.", returncode=USAGE)
            for kind in kinds_of(options["kinds"], registered_kinds()):
                control = set_mode(kind, MODES[options["order"]], reason=options["reason"], actor=actor, now=now)
                self.stdout.write(f"{kind}: {control.mode}, by {control.changed_by}: {control.reason}")
            return
        hours = whole_number("--hours", options["hours"], range(1, 1001))
        lines = overview(now=now, hours=hours)
        if options["json"]:
            self.stdout.write(json.dumps({line.kind: line.as_json() for line in lines}))
            return
        self.stdout.write(
            COLUMNS.format("kind", "mode", "last run", "oldest due", "due now", f"in {hours} h", "reason")
        )
        for line in lines:
            self.stdout.write(_row(line).rstrip())


def _row(line: Line) -> str:
    last = beijing_time(line.last_run) if line.last_run else "never"
    due = span_words(line.lag) if line.lag else "-"
    by = f"{line.changed_by}: {line.reason}" if line.reason else ""
    return COLUMNS.format(line.kind, line.mode, last, due, line.due_now, line.due_soon, by)
