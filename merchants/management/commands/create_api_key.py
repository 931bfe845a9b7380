"""`manage.py create_api_key`: make a key for the API."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from merchants.authentication import new_api_key
from merchants.management.portal_command import PortalCommand, add_grants
from merchants.models import Grant
from merchants.queries import merchant_called, platform_called

GRANTS = [Grant.VIEW.value, Grant.HANDLE.value]
NAME_LIMIT = 100


class Command(PortalCommand):
    help = (
        "Make a key for the API: a platform's own, or with --merchant one merchant's. It is shown once, kept nowhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("platform", metavar="PLATFORM", help="the code of the platform")
        parser.add_argument("--merchant", metavar="NAME", help="the merchant whose program uses the key")
        parser.add_argument("--name", default="", help="what the history calls who used it (default: whose it is)")
        add_grants(parser, default=GRANTS)
        parser.add_argument("--quiet", action="store_true", help="print the key and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        platform = platform_called(options["platform"])
        merchant = merchant_called(platform, options["merchant"]) if options["merchant"] else None
        if options["grants"] and merchant is None:
            raise CommandError("--grant is for a merchant's key; a platform's own key needs none.")
        owner = merchant or platform
        name = options["name"] or owner.name[:NAME_LIMIT]
        if len(name) > NAME_LIMIT:
            raise CommandError(f"Give the key a --name of at most {NAME_LIMIT} characters.")
        grants = (options["grants"] or GRANTS) if merchant else []
        _key, text = new_api_key(name, platform=platform, merchant=merchant, grants=grants, now=timezone.now())
        if not options["quiet"]:
            self.stderr.write(f"A key of “{owner.name}”. It is shown only now; send it as “Authorization: Bearer …”:")
        self.stdout.write(text)
