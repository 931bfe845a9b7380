"""`manage.py create_platform`: register a platform."""

from typing import Any

from django.core.management.base import CommandParser

from merchants.management.portal_command import PortalCommand
from merchants.services import create_platform


class Command(PortalCommand):
    help = "Register a platform of mini programs; its key files complaints."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", metavar="CODE", help="a short name for commands: letters, digits, hyphens")
        parser.add_argument("name", metavar="NAME", help="the name that people read")

    def handle(self, *args: Any, code: str, name: str, **options: Any) -> None:
        platform = create_platform(code, name)
        self.stdout.write(f"Platform “{platform.name}” is registered as {platform.code}.")
