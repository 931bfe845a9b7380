"""`manage.py amnesty`: forgive what was missed because of the platform."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.actors import Actor
from deadlines.management.four_eyes import FourEyesCommand
from deadlines.management.orders import moment_of
from deadlines.models import FourEyes, SweepRun
from merchants.management.portal_command import USAGE
from penalties import amnesty
from penalties.amnesty import Which
from penalties.models import Amnesty
from penalties.states import Kind


class Command(FourEyesCommand):
    """Give an amnesty. Exit status: 0 when done or proposed, 1 when it was refused, 2 for a wrong order."""

    help = "Revoke the penalties of a sweep run, or of deadlines missed in a span. Without --yes it only counts."
    noun = "amnesty"
    model = Amnesty

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--run", type=int, metavar="N", help="the sweep run whose penalties go")
        parser.add_argument("--from", dest="missed_from", metavar="ISO-8601", help="deadlines missed from this moment")
        parser.add_argument("--to", dest="missed_to", metavar="ISO-8601", help="until this one, both included")
        parser.add_argument(
            "--kind",
            dest="kinds",
            action="append",
            choices=Kind.values,
            help="which penalties of a span; all by default",
        )
        super().add_arguments(parser)

    def is_named(self, options: dict[str, Any]) -> bool:
        span = [options["missed_from"], options["missed_to"]]
        if any(span) and (not all(span) or options["run"] is not None):
            raise CommandError("Name a sweep run, or a span with both --from and --to.", returncode=USAGE)
        if options["run"] is not None and options["kinds"]:
            raise CommandError("--kind goes with a span; a sweep run has one kind.", returncode=USAGE)
        return all(span) or options["run"] is not None

    def count(self, options: dict[str, Any], *, now: datetime) -> int:
        which = _which(options)
        amnesty.require_a_past(which, now=now)
        found = amnesty.preview(which)
        self.stdout.write(
            f"{found.in_effect} penalties are revoked, {found.points} points given back to {found.merchants} "
            f"merchants; {found.under_appeal} under appeal are left, {found.revoked} are revoked already."
        )
        return found.in_effect

    def propose(self, options: dict[str, Any], *, actor: Actor, now: datetime) -> FourEyes:
        return amnesty.propose(_which(options), reason=options["reason"], actor=actor, now=now)

    def decide(self, number: int, *, approved: bool, actor: Actor, now: datetime) -> FourEyes:
        return amnesty.decide(number, approved=approved, actor=actor, now=now)

    def carry_out(self, number: int, *, actor: Actor, now: datetime) -> FourEyes:
        return amnesty.carry_out(number, actor=actor, now=now)


def _which(options: dict[str, Any]) -> Which:
    if options["run"] is not None:
        run = SweepRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no sweep run {options['run']}.", returncode=USAGE)
        return Which(sweep_run=run)
    return Which(
        missed_from=moment_of("--from", options["missed_from"]),
        missed_to=moment_of("--to", options["missed_to"]),
        kinds=tuple(options["kinds"] or Kind.values),
    )
