"""`manage.py sandbox`: a payment system to try refunds and payments with."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from refunds.sandbox.home import HOST, CannotRun, Home
from refunds.sandbox.server import Sandbox


class Command(BaseCommand):
    help = (
        "Run the sandbox in the foreground, on this machine only: it speaks the Alipay protocol and moves no real "
        "money. `make run` starts it by itself. Refuses in production."
    )
    requires_system_checks: list[str] = []  # the settings may name the very sandbox that is to be started

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=0, help=f"of {HOST}; by default that of the last time, or any")
        parser.add_argument(
            "--directory",
            type=Path,
            default=Path(settings.DATA_DIR) / "sandbox",
            help="for its keys and its books; by default %(default)s",
        )

    def handle(self, *, port: int, directory: Path, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The sandbox does not run in production: what it says is paid is not.")
        home = Home(directory.resolve())
        try:
            home.prepare()
            sandbox = Sandbox(home, port=port or home.choose_port(), say=self.say)
        except CannotRun as reason:
            raise CommandError(str(reason)) from None
        except OSError as error:
            raise CommandError(f"The sandbox cannot use {directory}: {error.strerror or error}.") from None
        self.say("A portal on the same DATA_DIR finds it; another one needs these variables:")
        self.say("\n".join(f"  {name}={value}" for name, value in home.variables(sandbox.address).items()))
        try:
            sandbox.serve()
        except KeyboardInterrupt:
            self.say("Stopped. The books are kept.")

    def say(self, line: str) -> None:
        """Show a line at once: what happens here happens while somebody looks."""
        self.stdout.write(line)
        self.stdout.flush()
