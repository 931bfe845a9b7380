"""`manage.py seed_demo`: data to look around in."""

import sys
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from complaints.models import Complaint
from complaints_portal import demo, demo_consumer, seeding
from merchants.models import Platform, User

FEW = 5000
"""More complaints than these are not made one by one."""


class Command(BaseCommand):
    help = "Make demo data as of now, and print the logins. Refuses in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="Do nothing when the database holds anything; print the logins if there are any.",
        )
        parser.add_argument(
            "--complaints",
            type=int,
            default=0,
            metavar="N",
            help=f"Add so many complaints more: up to {FEW} of the last month by the verbs, more of two years and"
            " of many more merchants inside the database.",
        )

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
        if complaints:
            (self.fill if complaints > FEW else self.add)(complaints, now=now)
        self.print_logins()
        if key:
            self.stdout.write(f"A key of the platform for the API, shown only now: {key}")

    def add(self, number: int, *, now: datetime) -> None:
        """Add some, each by the verbs."""
        began = time.monotonic()
        for done in demo.add_complaints(number, now=now):
            self.show_progress(done, number, seeding.rate(done, began))

    def fill(self, number: int, *, now: datetime) -> None:
        """Add many inside the database, and say what that took."""
        began, first, seen = time.monotonic(), None, 0
        self.stdout.write(seeding.estimate(number))
        try:
            for step in seeding.fill(number, now=now):
                if step.making:
                    self.show_making(step)
                    continue
                first = step.done if first is None else first
                seen = step.done - first
                if step.done:
                    self.show_progress(step.done, step.number, seeding.rate(seen, began))
        except seeding.NoRoom as refusal:
            raise CommandError(str(refusal)) from refusal
        seconds = time.monotonic() - began
        self.stdout.write(
            f"\nAdded {seen:,} complaints in {seconds:,.0f} s, {seen / max(seconds, 0.001):,.0f} a second with all that"
            " belongs to them and every index. They have events, of which nobody is told, and no pictures."
            "\nInsights are counted by `manage.py recompute_insights`; `manage.py verify` looks at the rest."
        )

    def show_making(self, step: seeding.Step) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r\033[K{step.done} of {step.number}: {step.making}", ending="")

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
