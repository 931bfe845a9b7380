"""How the scheduled sweeps run: ops may pause a kind, or let it run for show, with a reason that stays written down.

A sweep that somebody starts by hand is not asked: whoever types `manage.py sweep` means it, and is told.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from deadlines.models import OpsLine, SweepControl
from deadlines.sweeping import GRACE, Report, registered_kinds, run_sweep

log = structlog.get_logger(__name__)

PERMISSION = "deadlines.control_sweeps"
REASON_LIMIT = 1000
Mode = SweepControl.Mode


def may_control(actor: Actor) -> bool:
    """Say whether this actor may pause sweeps, move deadlines, and forgive what was missed."""
    return actor.kind == ActorKind.STAFF and PERMISSION in actor.grants


def require_control(actor: Actor) -> None:
    """Refuse with `NotAllowed` whoever may not."""
    if not may_control(actor):
        raise NotAllowed(_("You may not control the sweeps. Ask whoever manages the groups of staff."))


def controls() -> dict[str, SweepControl]:
    """Return how each kind is controlled; one that nobody ever changed runs."""
    known = {control.kind: control for control in SweepControl.objects.all()}
    return {kind: known.get(kind) or SweepControl(kind=kind) for kind in registered_kinds()}


@transaction.atomic
def set_mode(kind: str, mode: str, *, reason: str, actor: Actor, now: datetime) -> SweepControl:
    """Pause a kind of sweep, let it run for show, or let it run again.

    Refuses: whoever may not, an unknown kind or mode, and no reason.
    """
    require_control(actor)
    reason = checked_reason(reason)
    if kind not in registered_kinds() or mode not in Mode.values:
        raise BadInput(_("Choose a kind of deadline, and how its sweep is to run."), field="mode")
    SweepControl.objects.get_or_create(kind=kind, defaults={"changed_by": actor.name, "changed_at": now})
    control = SweepControl.objects.select_for_update().get(kind=kind)
    before, control.mode, control.reason = control.mode, mode, reason
    control.changed_by, control.changed_at = actor.name[:200], now
    control.save()
    write_line(mode, kind, reason=reason, actor=actor, now=now, before=before)
    return control


def checked_reason(reason: str) -> str:
    """Return why ops do something. Refuses none, and one that is too long."""
    reason = reason.strip()
    if not reason:
        raise BadInput(_("Give the reason; it stays written down."), field="reason")
    if len(reason) > REASON_LIMIT:
        raise BadInput(_("Keep the reason to %(limit)d characters.") % {"limit": REASON_LIMIT}, field="reason")
    return reason


def write_line(
    verb: str, about: str, *, reason: str = "", actor: Actor, now: datetime, **detail: str | int | list[str] | None
) -> OpsLine:
    """Write down what ops did."""
    return OpsLine.objects.create(
        verb=verb,
        about=about[:200],
        reason=reason,
        actor_id=actor.id,
        actor_name=actor.name[:200],
        at=now,
        detail=detail,
    )


def not_ahead(now: datetime) -> datetime:
    """Return the moment for a sweep whose machine says it is `now`: never one that the database has not reached yet.

    A machine whose clock runs ahead would penalise what is not missed. One whose clock is behind is only late.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        reached: datetime = cursor.fetchone()[0]
    if now - reached > GRACE:
        log.warning("clock_runs_ahead", seconds=(now - reached).total_seconds())
    return min(now, reached)


def scheduled_sweep(
    kind: str, *, now: datetime, ran_by: str = "schedule", is_over: Callable[[], bool] = lambda: False
) -> Report | None:
    """Sweep a kind as the schedule does, with its grace; None when it is paused."""
    control = SweepControl.objects.filter(kind=kind).first()
    mode = control.mode if control else Mode.RUN
    if mode == Mode.PAUSED:
        log.warning("sweep_paused", kind=kind)
        return None
    is_shadow = mode == Mode.SHADOW
    return run_sweep(kind, cut_off=now - GRACE, issued_at=now, ran_by=ran_by, is_shadow=is_shadow, is_over=is_over)
