"""Revoke many penalties at once: the platform was at fault. A batch is one statement, as in the sweeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput
from deadlines.models import SweepRun
from penalties.models import Penalty
from penalties.permissions import require_revoking
from penalties.states import PENALTY, Status

BATCH = 5000
REASON_LIMIT = 1000

# What somebody holds is passed over and reported: an appeal that is being submitted is judged by its own verb.
OF_RUN = "sweep_run_id = %(run_id)s AND issued_at = %(issued_at)s"
REVOKE = """
    WITH taken AS (
        SELECT id FROM penalties_penalty
        WHERE {which} AND status = %(in_effect)s AND id > %(after)s
        ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ), acted AS (
        UPDATE penalties_penalty
        SET status = %(revoked)s, revoked_at = %(now)s, revoked_by = %(actor_name)s, revoked_reason = %(reason)s
        FROM taken WHERE penalties_penalty.id = taken.id
        RETURNING penalties_penalty.*
    ), clocks AS (
        DELETE FROM deadlines_deadline USING acted
        WHERE deadlines_deadline.subject_id = acted.id AND deadlines_deadline.kind = 'appeal'
    ), lines AS (
        INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
            actor_id, actor_name, at, detail)
        SELECT complaint_id, 'penalty', id, 'revoke', %(in_effect)s, status, %(actor_kind)s, %(actor_id)s,
            %(actor_name)s, revoked_at, jsonb_build_object('penalty_no', penalty_no, 'reason', revoked_reason,
            'by_hand', true, 'sweep_run', sweep_run_id)
        FROM acted ORDER BY id
    ), events AS (
        INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
        SELECT 'penalty.revoked', merchant_id, id, revoked_at,
            jsonb_build_object('penalty_no', penalty_no, 'kind', kind, 'points', points)
        FROM acted ORDER BY id
    )
    SELECT count(*), coalesce(sum(points), 0), max(id) FROM acted
"""


@dataclass(frozen=True, slots=True)
class RunPreview:
    """What revoking a sweep run's penalties would do: what is in effect goes, the rest is left."""

    in_effect: int
    points: int
    merchants: int
    under_appeal: int
    revoked: int
    first: list[Penalty] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunRevoked:
    """What became of a sweep run's penalties."""

    revoked: int
    points: int
    under_appeal: int
    revoked_before: int
    in_use: int
    """Somebody held them; revoking the run again takes them too."""


def checked_reason(reason: str) -> str:
    """Return the reason that staff give when they revoke or reinstate. Refuses none, and one that is too long."""
    reason = reason.strip()
    if not reason:
        raise BadInput(_("Give the reason; the merchant reads it."), field="reason")
    if len(reason) > REASON_LIMIT:
        raise BadInput(_("Keep the reason to %(limit)d characters.") % {"limit": REASON_LIMIT}, field="reason")
    return reason


def penalties_of_run(run: SweepRun) -> QuerySet[Penalty]:
    """Return what a sweep run issued; all of it carries the run's moment."""
    return Penalty.objects.filter(sweep_run=run, issued_at=run.issued_at)


def preview_run(run: SweepRun, *, first: int = 10) -> RunPreview:
    """Say what `revoke_run` would do now; changes nothing."""
    issued = penalties_of_run(run)
    counts = _counts(run)
    going = issued.filter(status=Status.IN_EFFECT)
    sums = going.aggregate(points=Sum("points", default=0), merchants=Count("merchant", distinct=True))
    return RunPreview(
        in_effect=counts.get(Status.IN_EFFECT, 0),
        points=sums["points"],
        merchants=sums["merchants"],
        under_appeal=counts.get(Status.UNDER_APPEAL, 0),
        revoked=counts.get(Status.REVOKED, 0),
        first=list(going.select_related("merchant", "mini_program").order_by("pk")[:first]),
    )


def revoke_run(sweep_run_id: int, *, reason: str, actor: Actor, now: datetime, batch: int = BATCH) -> RunRevoked:
    """Revoke every penalty of a sweep run that is in effect, and give the points back.

    Penalties under appeal are left to whoever reviews the appeal, and counted. Each batch is one transaction of its
    own, so it can be killed and repeated. Refuses: no reason, a reason that is too long, and whoever may not.
    """
    require_revoking(actor)
    reason = checked_reason(reason)
    run = SweepRun.objects.get(pk=sweep_run_id)
    before = _counts(run)
    parameters = revoking(reason, actor=actor, now=now, batch=batch) | {"run_id": run.pk, "issued_at": run.issued_at}
    revoked, points, last = 0, 0, 0
    while taken := take(OF_RUN, parameters | {"after": last}):
        number, given_back, last = taken
        revoked, points = revoked + number, points + given_back
    after = _counts(run)
    return RunRevoked(
        revoked=revoked,
        points=points,
        under_appeal=after.get(Status.UNDER_APPEAL, 0),
        revoked_before=before.get(Status.REVOKED, 0),
        in_use=after.get(Status.IN_EFFECT, 0),
    )


def revoking(reason: str, *, actor: Actor, now: datetime, batch: int) -> dict[str, Any]:
    """Return what a batch is given, whichever penalties it revokes."""
    return {
        "in_effect": Status.IN_EFFECT.value,
        "revoked": PENALTY.target("revoke", Status.IN_EFFECT),
        "now": now,
        "reason": reason,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "limit": batch,
    }


def take(which: str, parameters: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Revoke the next batch of those penalties that `which`, an SQL condition of this code base, names.

    Return how many, their points, and the last one's id; None when none was left.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REVOKE.format(which=which), parameters)
        number, points, last = cursor.fetchone()
    return (number, points, last) if number else None


def _counts(run: SweepRun) -> dict[str, int]:
    rows = penalties_of_run(run).order_by().values_list("status").annotate(number=Count("pk"))
    return dict(rows)
