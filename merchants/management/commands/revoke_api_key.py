"""`manage.py revoke_api_key`: take a key back."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from merchants.authentication import SCHEME
from merchants.management.portal_command import PortalCommand
from merchants.services import revoke_api_key


class Command(PortalCommand):
    help = "Take a key back: it opens nothing from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="PREFIX", help="its prefix, as list_api_keys shows it, or the whole key")

    def handle(self, *args: Any, key: str, **options: Any) -> None:
        prefix = key.split("_")[1] if key.startswith(f"{SCHEME}_") else key
        revoked = revoke_api_key(prefix, now=timezone.now())
        self.stdout.write(f"The key “{revoked.name}” ({revoked.prefix}) opens nothing any more.")
