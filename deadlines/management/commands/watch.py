"""`manage.py watch`: say whether each kind of sweep is on time, and mail ops when one is not. For cron or a timer."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from common.wording import beijing_time
from deadlines.alarm_mails import mail_trouble
from deadlines.alarms import Watched
from deadlines.standing import Standing, standings
from deadlines.watching import watch
from merchants.management.portal_command import PortalCommand


class Command(PortalCommand):
    """Watch the sweeps. Exit status: 0 when every kind is on time, 1 when one is late or nothing can be told."""

    help = "Say whether each kind of sweep is on time, and mail ops when one is not. Needs PostgreSQL, and no broker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            watched = watch(now=now)
            found, held = standings(now=now), mail_trouble()
        except OperationalError as error:
            reason = str(error).strip().partition("\n")[0]
            raise CommandError(f"The database does not answer, so nothing can be told: {reason}") from error
        if options["json"]:
            self.stdout.write(json.dumps({each.kind: _facts(each, watched) for each in found}))
        else:
            for each in found:
                self.stdout.write(_line(each, watched))
        if held.waiting:
            self.stderr.write(f"{held.waiting} mail(s) about alarms have not left: {held.reason}")
        late = [each.kind for each in found if each.late]
        if late:
            raise CommandError(f"Late: {', '.join(late)}.")


def _facts(standing: Standing, watched: Watched) -> dict[str, Any]:
    return {
        "late": standing.late,
        "mode": standing.mode,
        "last_run": standing.last_run.isoformat() if standing.last_run else None,
        "oldest_due": standing.oldest_due.isoformat() if standing.oldest_due else None,
        "alarm": _news(standing.kind, watched) or None,
    }


def _line(standing: Standing, watched: Watched) -> str:
    last = beijing_time(standing.last_run) if standing.last_run else "never"
    due = f", due since {beijing_time(standing.oldest_due)}" if standing.oldest_due else ""
    reason = f" ({standing.changed_by}: {standing.reason})" if standing.reason else ""
    news = _news(standing.kind, watched)
    told = f"; alarm {news}" if news else ""
    state = f"LATE, {standing.late}" if standing.late else "on time"
    return f"{standing.kind:<12}{state}; last run {last}{due}{reason}{told}"


def _news(kind: str, watched: Watched) -> str:
    """Return what became of the alarm of this kind just now."""
    named = {"begun": watched.begun, "told again": watched.repeated, "ended": watched.ended}
    return next((name for name, kinds in named.items() if kind in kinds), "")
