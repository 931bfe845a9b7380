"""`manage.py create_mini_program`: register a mini program or a life account."""

from typing import Any

from django.core.management.base import CommandParser

from merchants.management.portal_command import PortalCommand
from merchants.models import MiniProgram
from merchants.queries import merchant_called, platform_called
from merchants.services import create_mini_program


class Command(PortalCommand):
    help = "Register a mini program or a life account of a merchant; complaints name it by its app id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("platform", metavar="PLATFORM", help="the code of the platform")
        parser.add_argument("merchant", metavar="MERCHANT", help="the name of the merchant")
        parser.add_argument("app_id", metavar="APP_ID", help="its number on the platform")
        parser.add_argument("--name", help="the name that people read (default: the app id)")
        parser.add_argument("--kind", choices=MiniProgram.Kind.values, default=MiniProgram.Kind.MINI_PROGRAM.value)

    def handle(
        self, *args: Any, platform: str, merchant: str, app_id: str, name: str | None, kind: str, **options: Any
    ) -> None:
        owner = merchant_called(platform_called(platform), merchant)
        program = create_mini_program(owner, app_id, name or app_id, kind=kind)
        self.stdout.write(f"“{program.name}” ({program.app_id}) is registered for “{owner.name}”.")
