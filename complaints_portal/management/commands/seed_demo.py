"""`manage.py seed_demo`: data to look around in."""

import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from complaints.models import Complaint
from complaints_portal import demo, demo_consumer
from merchants.models import Platform, User


class Command(BaseCommand):
    help = "Make demo data as of now, and print the logins. Refuses in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="Do nothing when the database holds anything; print the logins if there are any.",
        )
        parser.add_argument("--complaints", type=int, default=0, metavar="N", help="Add so many complaints more.")

    def handle(self, *, if_empty: bool, complaints: int, **options: Any) -> None:
        if settings.PRODUCTION:
            if if_empty:
                return
            raise CommandError("Demo data has known passwords; it is not made in production.")
        if complaints < 0:
            raise CommandError("--complaints must not be below zero.")
        there = demo.is_there()
        if if_empty and (there or not self.is_empty()):
            if there:
                self.print_logins()
            return
        if there and not complaints:
            raise CommandError("The demo data is there already. Add complaints with --complaints N.")
        now = timezone.now()
        key = None if there else demo.seed(now=now)
        if key:
            demo.tell_of_the_past(now=now)
        started = time.monotonic()
        for done in demo.add_complaints(complaints, now=now) if complaints else ():
            self.show_progress(done, complaints, done / max(time.monotonic() - started, 0.001))
        self.print_logins()
        if key:
            self.stdout.write(f"A key of the platform for the API, shown only now: {key}")

    def is_empty(self) -> bool:
        """Say whether nobody has used this database yet."""
        return not any(model.objects.exists() for model in (Platform, Complaint, User))

    def show_progress(self, done: int, number: int, rate: float) -> None:
        ended = "\n" if done == number else ""
        if sys.stderr.isatty() or ended:
            self.stderr.write(f"\r{done:,} of {number:,} complaints, {rate:,.0f} a second", ending=ended)

    def print_logins(self) -> None:
        self.stdout.write(f"Demo logins, each with the password {demo.PASSWORD}:")
        width = max(len(login.username) for login in demo.LOGINS)
        for login in demo.LOGINS:
            self.stdout.write(f"  {login.username:{width}}  {login.about}")
        self.stdout.write("Without a login, as a consumer:")
        for what, where in demo_consumer.addresses(demo.PLATFORM_CODE, now=timezone.now()):
            self.stdout.write(f"  {what}: {where}")
