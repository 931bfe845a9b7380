"""`manage.py extend`: give back the time for which the portal was away."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.actors import Actor
from complaints import extending
from complaints.extending import movable_kinds
from deadlines.management.four_eyes import FourEyesCommand
from deadlines.management.orders import kinds_of, moment_of
from deadlines.models import Extension, FourEyes
from merchants.management.portal_command import USAGE


class Command(FourEyesCommand):
    """Extend deadlines. Exit status: 0 when done or proposed, 1 when it was refused, 2 for a wrong order."""

    help = "The portal was away: move every deadline that ran then to a later moment. Without --yes it only counts."
    noun = "extension"
    model = Extension

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = ", ".join(movable_kinds())
        parser.add_argument(
            "kinds", nargs="*", metavar="KIND", help=f"which deadlines: {kinds}; all when none is named"
        )
        parser.add_argument("--from", dest="began", metavar="ISO-8601", help="when the portal went away")
        parser.add_argument("--to", dest="ended", metavar="ISO-8601", help="when it was back")
        super().add_arguments(parser)

    def is_named(self, options: dict[str, Any]) -> bool:
        if bool(options["began"]) != bool(options["ended"]):
            raise CommandError("A span has both --from and --to.", returncode=USAGE)
        return bool(options["began"])

    def count(self, options: dict[str, Any], *, now: datetime) -> int:
        began, ended, kinds = _span(options)
        counts = extending.preview(began, ended, kinds, now=now)
        for kind, number in counts.items():
            self.stdout.write(f"{kind:<12}{number:>10} deadline(s) move, by up to {ended - began}")
        for other in extending.overlapping(began, ended, kinds):
            self.stderr.write(f"Note: extension {other.pk} ({other.status}) is about some of the same time: {other}.")
        return sum(counts.values())

    def propose(self, options: dict[str, Any], *, actor: Actor, now: datetime) -> FourEyes:
        began, ended, kinds = _span(options)
        return extending.propose(began, ended, kinds, reason=options["reason"], actor=actor, now=now)

    def decide(self, number: int, *, approved: bool, actor: Actor, now: datetime) -> FourEyes:
        return extending.decide(number, approved=approved, actor=actor, now=now)

    def carry_out(self, number: int, *, actor: Actor, now: datetime) -> FourEyes:
        return extending.carry_out(number, actor=actor, now=now)


def _span(options: dict[str, Any]) -> tuple[datetime, datetime, list[str]]:
    kinds = kinds_of(options["kinds"], movable_kinds(), "way of moving the clock")
    return moment_of("--from", options["began"]), moment_of("--to", options["ended"]), kinds
