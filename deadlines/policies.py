"""Write down when the policy's numbers change: who read which file, from when on it holds, and what it changes."""

import hashlib
import json
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from django.db import connection, transaction

from common.policy import Policy, Span, policy_spans
from deadlines.models import PolicyChange


@transaction.atomic
def record_policies(*, by: str, now: datetime) -> list[PolicyChange]:
    """Write down each dated policy that is in force or will be and that stands nowhere yet; return what is new.

    A dated policy that is gone, or says something else for the same moment, is a change too.
    """
    _take_turns()
    known = {change.since: change for change in PolicyChange.objects.order_by("recorded_at", "pk")}
    found: list[PolicyChange] = []
    for span, numbers in what_changes():
        earlier = known.pop(span.since, None)
        if earlier is None or earlier.fingerprint != fingerprint(span, numbers):
            found.append(_change(span.since, numbers, fingerprint(span, numbers), by=by, now=now))
    found += [
        _change(since, {}, "", by=by, now=now) for since, change in known.items() if change.fingerprint
    ]  # they stood in the file once, and do not any more
    return PolicyChange.objects.bulk_create(found)


def what_changes() -> list[tuple[Span, dict[str, Any]]]:
    """Return each dated policy with the numbers that it changes: before it, and from then on."""
    return [(span, _changed(before.policy, span.policy)) for before, span in pairwise(policy_spans())]


def _take_turns() -> None:
    """Wait for whoever writes policies down just now: two that start at once would write each twice."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {PolicyChange._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")  # noqa: SLF001 (Django's own API)


def fingerprint(span: Span, numbers: dict[str, Any]) -> str:
    """Return what tells one dated policy from another."""
    written = json.dumps([span.since.astimezone(UTC).isoformat(), numbers], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _changed(before: Policy, after: Policy) -> dict[str, list[Any]]:
    """Return each number that changes, as it was and as it is."""
    old, new = numbers_of(before), numbers_of(after)
    return {name: [old[name], new[name]] for name in new if old[name] != new[name]}


def numbers_of(policy: Policy) -> dict[str, Any]:
    """Return the numbers of a policy by their names, as JSON can write them."""
    return {each.name: _value(getattr(policy, each.name)) for each in fields(policy)}


def _value(value: Any) -> Any:
    if isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if hasattr(value, "items") else str(value)


def _change(since: datetime, numbers: dict[str, Any], mark: str, *, by: str, now: datetime) -> PolicyChange:
    return PolicyChange(since=since, numbers=numbers, fingerprint=mark, recorded_by=by[:200], recorded_at=now)
