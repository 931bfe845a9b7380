"""`manage.py policy`: which numbers are in force, which will be, and what was written down about their changes."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from common.policy import BEGINNING, Span, policy_at, policy_spans
from common.wording import beijing_time
from deadlines.control import require_control
from deadlines.models import PolicyChange
from deadlines.policies import numbers_of, record_policies, what_changes
from merchants.management.portal_command import PortalCommand, add_staff, staff_called

SHOWN = 20


class Command(PortalCommand):
    """Show the policy. Exit status: 0 when shown or recorded, 1 when it was refused, 2 for a wrong order."""

    help = "Show the numbers in force, those that are dated, and what was recorded; --record writes down what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--record", action="store_true", help="write down what the file says and stands nowhere yet"
        )
        add_staff(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["record"]:
            actor = staff_called(options["username"])
            require_control(actor)
            found = record_policies(by=actor.name, now=now)
            for change in found:
                self.stdout.write(f"recorded: {_change(change)}")
            self.stdout.write(f"{len(found)} change(s) of the policy were recorded.")
            return
        self.stdout.write("In force now")
        for name, value in numbers_of(policy_at(now)).items():
            self.stdout.write(f"  {name:<32}{value}")
        spans = [span for span in policy_spans() if span.since != BEGINNING]
        self.stdout.write("Dated" if spans else "Dated: none; the published policy holds")
        for span, numbers in what_changes():
            self.stdout.write(f"  {_state(span, now)} {beijing_time(span.since)}: {_numbers(numbers)}")
        changes = PolicyChange.objects.order_by("-recorded_at", "-pk")[:SHOWN]
        self.stdout.write("Recorded" if changes else "Recorded: nothing yet")
        for change in changes:
            self.stdout.write(f"  {beijing_time(change.recorded_at)} by {change.recorded_by}: {_change(change)}")


def _state(span: Span, now: Any) -> str:
    return "since" if span.since <= now else "from"


def _change(change: PolicyChange) -> str:
    if not change.fingerprint:
        return f"from {beijing_time(change.since)}: no longer in the file"
    return f"from {beijing_time(change.since)}: {_numbers(change.numbers)}"


def _numbers(numbers: dict[str, Any]) -> str:
    return ", ".join(f"{name} {before} -> {after}" for name, (before, after) in numbers.items()) or "changes nothing"
