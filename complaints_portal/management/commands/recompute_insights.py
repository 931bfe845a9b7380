"""`manage.py recompute_insights`: count the summaries of insights anew, or compare them with the cases."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from complaints_portal.insights.summaries import Part, days_with_complaints, differences, recompute, skip_to
from merchants.models import Merchant
from notifications.queries import oldest_open

DAYS = 31
"""So many days of a merchant are counted in one transaction; the task waits no longer than that."""


class Command(BaseCommand):
    help = "Count what insights show anew from the cases, merchant by merchant; with --compare only compare the two."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", type=int, metavar="N", help="Only this merchant, by its number.")
        parser.add_argument(
            "--compare",
            action="store_true",
            help="Change nothing; name each merchant and day where a number differs, and end with 1 if there is any.",
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON in the last line.")

    def handle(self, *, merchant: int | None, compare: bool, **options: Any) -> None:
        merchants = Merchant.objects.order_by("pk")
        if merchant is not None:
            merchants = merchants.filter(pk=merchant)
            if not merchants.exists():
                raise CommandError(f"There is no merchant {merchant}.")
        numbers = list(merchants.values_list("pk", flat=True))
        began = time.monotonic()
        now, before = timezone.now(), oldest_open()
        days, different = 0, list[Part]()
        for place, number in enumerate(numbers, start=1):
            for parts in in_batches(days_with_complaints(number)):
                if compare:
                    different += sorted(differences(parts))
                else:
                    recompute(parts)
                days += len(parts)
            self.show_progress(place, len(numbers), days, time.monotonic() - began)
        if not compare and merchant is None:
            skip_to(before, at=now)  # whatever these transactions did is counted
        self.say(days, different, compare=compare, merchants=len(numbers), as_json=options["json"])
        if different:
            raise CommandError(f"{len(different)} day(s) differ: named above, mended without --compare.")

    def say(self, days: int, different: Sequence[Part], *, compare: bool, merchants: int, as_json: bool) -> None:
        for number, day in different:
            self.stdout.write(f"merchant {number}, {day.isoformat()}: differs")
        verb = "Compared" if compare else "Counted"
        self.stdout.write(f"{verb} {days:,} days of {merchants:,} merchants.")
        if as_json:
            named = [{"merchant": number, "day": day.isoformat()} for number, day in different]
            result = {"merchants": merchants, "days": days}
            self.stdout.write(json.dumps(result | ({"different": named} if compare else {})))

    def show_progress(self, place: int, number: int, days: int, seconds: float) -> None:
        ended = "\n" if place == number else ""
        if sys.stderr.isatty() or ended:
            rate = days / max(seconds, 0.001)
            self.stderr.write(f"\r{place:,} of {number:,} merchants, {rate:,.0f} days a second", ending=ended)


def in_batches(parts: set[Part]) -> Iterator[list[Part]]:
    """Yield the days of one merchant in their order, a few at a time."""
    ordered = sorted(parts)
    for start in range(0, len(ordered), DAYS):
        yield ordered[start : start + DAYS]
