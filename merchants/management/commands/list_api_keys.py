"""`manage.py list_api_keys`: show which keys there are."""

import json
from typing import Any

from django.core.management.base import CommandParser

from merchants.management.portal_command import PortalCommand
from merchants.models import ApiKey
from merchants.queries import platform_called


class Command(PortalCommand):
    help = "Show which keys there are: whose each is and what it may do. The keys themselves are kept nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--platform", metavar="CODE", help="only this platform's and its merchants'")
        parser.add_argument("--all", action="store_true", help="also those that were revoked")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = ApiKey.objects.select_related("platform", "merchant").order_by("platform__code", "created_at", "pk")
        if options["platform"]:
            keys = keys.filter(platform=platform_called(options["platform"]))
        if not options["all"]:
            keys = keys.filter(revoked_at=None)
        rows = [_row(key) for key in keys]
        if options["json"]:
            for row in rows:
                self.stdout.write(json.dumps(row, ensure_ascii=False))
        elif rows:
            widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
            for row in [{name: name for name in widths}, *rows]:
                self.stdout.write("  ".join(value.ljust(widths[name]) for name, value in row.items()).rstrip())
        else:
            self.stderr.write("There are no keys. Make one with create_api_key.")


def _row(key: ApiKey) -> dict[str, str]:
    return {
        "prefix": key.prefix,
        "platform": key.platform.code,
        "merchant": key.merchant.name if key.merchant else "",
        "name": key.name,
        "grants": ",".join(key.grants) if key.merchant else "",
        "created": key.created_at.isoformat(timespec="seconds"),
        "revoked": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else "",
    }
