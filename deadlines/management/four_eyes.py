"""What the commands have in common that do something for many cases at once: propose, decide, carry out, list."""

from abc import abstractmethod
from datetime import datetime
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from common.actors import Actor
from common.policy import policy_at
from common.wording import beijing_time
from deadlines.models import FourEyes
from merchants.management.portal_command import USAGE, PortalCommand, add_staff, staff_called

LISTED = 50


class FourEyesCommand(PortalCommand):
    """A door to something that is proposed, decided by a second person above a number of cases, and carried out."""

    noun: ClassVar[str]
    model: ClassVar[type[FourEyes]]

    @abstractmethod
    def count(self, options: dict[str, Any], *, now: datetime) -> int:
        """Print what would be done, and return how many cases that is."""

    @abstractmethod
    def propose(self, options: dict[str, Any], *, actor: Actor, now: datetime) -> FourEyes:
        """Call the verb that proposes."""

    @abstractmethod
    def decide(self, number: int, *, approved: bool, actor: Actor, now: datetime) -> FourEyes:
        """Call the verb that approves or declines."""

    @abstractmethod
    def carry_out(self, number: int, *, actor: Actor, now: datetime) -> FourEyes:
        """Call the verb that does it."""

    @abstractmethod
    def is_named(self, options: dict[str, Any]) -> bool:
        """Say whether the command line names what is to be done."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason", default="", help="why; it stays written down, and stands in each case's history"
        )
        parser.add_argument(
            "--yes", action="store_true", help="propose it, and do it at once when no second person is needed"
        )
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--approve", type=int, metavar="N", help="approve what another person proposed, and do it")
        which.add_argument("--decline", type=int, metavar="N", help="decline what another person proposed")
        which.add_argument("--carry-out", type=int, metavar="N", help="go on with what is approved and not done yet")
        which.add_argument("--list", action="store_true", help=f"list the last {LISTED}")
        add_staff(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["list"]:
            self._list()
            return
        named = [name for name in ("approve", "decline", "carry_out") if options[name] is not None]
        if named:
            self._go_on(named[0], options[named[0]], actor=staff_called(options["username"]), now=now)
            return
        if not self.is_named(options):
            raise CommandError(f"Say what the {self.noun} is of, or use --list; see --help.", returncode=USAGE)
        actor = staff_called(options["username"]) if options["yes"] else None
        counted = self.count(options, now=now)
        if actor is None:
            if not counted:
                self.stdout.write("No case is touched; there is nothing to propose.")
                return
            limit = policy_at(now).four_eyes_cases
            many = f"proposed; more than {limit} cases need a second person"
            self.stdout.write(f"Nothing was done. With --yes this is {many if counted > limit else 'done at once'}.")
            return
        made = self.propose(options, actor=actor, now=now)
        if made.status == FourEyes.Status.PROPOSED:
            approve = f"manage.py {self.noun_command} --approve {made.pk} --as USERNAME"
            self.stdout.write(f"{self.noun.capitalize()} {made.pk} is proposed, for {made.counted} cases.")
            self.stdout.write(f"A second person approves it: {approve}")
            return
        self._do(made.pk, actor=actor, now=now)

    @property
    def noun_command(self) -> str:
        """The name of the command, as it is typed."""
        return type(self).__module__.rpartition(".")[2]

    def _go_on(self, order: str, number: int, *, actor: Actor, now: datetime) -> None:
        if not self.model._default_manager.filter(pk=number).exists():  # noqa: SLF001 (Django's own API)
            raise CommandError(f"There is no {self.noun} {number}.", returncode=USAGE)
        if order != "carry_out":
            self.decide(number, approved=order == "approve", actor=actor, now=now)
        if order == "decline":
            self.stdout.write(f"{self.noun.capitalize()} {number} is declined; nothing was done.")
        else:
            self._do(number, actor=actor, now=now)

    def _do(self, number: int, *, actor: Actor, now: datetime) -> None:
        done = self.carry_out(number, actor=actor, now=now)
        self.stdout.write(f"{self.noun.capitalize()} {number}: {done.done} case(s) done.")
        if done.status != FourEyes.Status.DONE:
            raise CommandError(
                f"Some cases were in use by somebody else; go on with manage.py {self.noun_command} "
                f"--carry-out {number}."
            )

    def _list(self) -> None:
        rows = self.model._default_manager.select_related("proposed_by", "decided_by").order_by("-pk")[:LISTED]  # noqa: SLF001 (Django's own API)
        for row in rows:
            decided = f", decided by {row.decided_by}" if row.decided_by else ""
            self.stdout.write(
                f"{row.pk:<6}{row.status:<10}{row.counted:>8} counted{row.done:>8} done  {row}; proposed by "
                f"{row.proposed_by} at {beijing_time(row.proposed_at)}{decided}: {row.reason}"
            )
