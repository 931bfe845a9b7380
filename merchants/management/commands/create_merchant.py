"""`manage.py create_merchant`: register a merchant."""

from typing import Any

from django.core.management.base import CommandParser

from merchants.management.portal_command import PortalCommand
from merchants.queries import platform_called
from merchants.services import create_merchant


class Command(PortalCommand):
    help = "Register a merchant of a platform."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("platform", metavar="PLATFORM", help="the code of the platform")
        parser.add_argument("name", metavar="NAME", help="the name of the merchant")

    def handle(self, *args: Any, platform: str, name: str, **options: Any) -> None:
        merchant = create_merchant(platform_called(platform), name)
        self.stdout.write(f"Merchant “{merchant.name}” is registered on {platform}.")
