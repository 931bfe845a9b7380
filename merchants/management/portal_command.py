"""What the commands about who takes part have in common."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from common.errors import PortalError
from merchants.models import Grant


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
