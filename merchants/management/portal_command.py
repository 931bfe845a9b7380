"""What the commands about who takes part have in common."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from common.actors import Actor, ActorKind
from common.errors import PortalError
from merchants.models import Grant, User

USAGE = 2
"""The exit status of a command line that cannot be understood; 1 is for what was refused, or went wrong."""


class PortalCommand(BaseCommand):
    """A command that ends with a sentence and exit status 1 when a verb refuses."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with translation.override("en"):
            try:
                return super().execute(*args, **options)
            except PortalError as error:
                raise CommandError(str(error)) from error


def add_grants(parser: CommandParser, *, default: list[str]) -> None:
    """Let a command take `--grant`, several times."""
    parser.add_argument(
        "--grant",
        dest="grants",
        action="append",
        choices=Grant.values,
        help=f"what may be done, once for each (default: {', '.join(default)})",
    )


def add_staff(parser: CommandParser, *, required: bool = False) -> None:
    """Let a command take `--as`, the person of the staff in whose name it acts."""
    parser.add_argument(
        "--as",
        dest="username",
        metavar="USERNAME",
        required=required,
        help="the person of the staff who does this, by the name that they sign in with; their permissions count",
    )


def staff_called(username: str | None) -> Actor:
    """Return a person of the staff as an actor, with the permissions that they have now. Refuses everybody else."""
    if not username:
        raise CommandError("Say with --as in whose name this is done: a person of the staff.", returncode=USAGE)
    user = User.objects.filter(username=username, is_staff=True, is_active=True).first()
    if user is None:
        raise CommandError(f"Nobody of the staff signs in as {username!r}.", returncode=USAGE)
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset(user.get_all_permissions()))
