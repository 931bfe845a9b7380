"""Forgive what was missed because of the platform: revoke the penalties of a sweep run, or of deadlines within a span.

Proposed with a reason and a count; above a number of cases a second person approves. Penalties under appeal are left to
whoever reviews the appeal.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from common.policy import policy_at
from deadlines.control import checked_reason, require_control, write_line
from deadlines.models import SweepRun
from penalties.models import Amnesty, Penalty
from penalties.revoking import BATCH, OF_RUN, revoking, take
from penalties.states import Kind, Status

WITHIN_SPAN = (
    "missed_at >= %(missed_from)s AND missed_at <= %(missed_to)s AND issued_at >= %(missed_from)s"
    " AND kind = ANY(%(kinds)s)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which penalties: those of a sweep run, or of what was missed from one moment to another, both included."""

    sweep_run: SweepRun | None = None
    missed_from: datetime | None = None
    missed_to: datetime | None = None
    kinds: tuple[str, ...] = tuple(Kind.values)

    def penalties(self) -> QuerySet[Penalty]:
        """Return these penalties, whatever became of them."""
        if self.sweep_run:
            return Penalty.objects.filter(sweep_run=self.sweep_run, issued_at=self.sweep_run.issued_at)
        span = Q(missed_at__gte=self.missed_from, missed_at__lte=self.missed_to, issued_at__gte=self.missed_from)
        return Penalty.objects.filter(span, kind__in=self.kinds)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an amnesty would do now: what is in effect goes, the rest is left."""

    in_effect: int
    points: int
    merchants: int
    under_appeal: int
    revoked: int


def require_a_past(which: Which, *, now: datetime) -> None:
    """Refuse a span that is none, or that is not over: it would take what nobody has missed yet, and nobody counted."""
    if which.sweep_run:
        return
    first, last = which.missed_from, which.missed_to
    if not (first and last and first < last and which.kinds):
        raise BadInput(_("Give a sweep run, or a span that ends after it began."), field="missed_to")
    if last > now:
        raise BadInput(_("The span lies in the future. Forgive it when it is over."), field="missed_to")


def preview(which: Which) -> Preview:
    """Say what an amnesty would do; changes nothing."""
    penalties = which.penalties()
    counts: dict[str, int] = dict(penalties.order_by().values_list("status").annotate(number=Count("pk")))
    going = penalties.filter(status=Status.IN_EFFECT)
    sums = going.aggregate(points=Sum("points", default=0), merchants=Count("merchant", distinct=True))
    return Preview(
        in_effect=counts.get(Status.IN_EFFECT, 0),
        points=sums["points"],
        merchants=sums["merchants"],
        under_appeal=counts.get(Status.UNDER_APPEAL, 0),
        revoked=counts.get(Status.REVOKED, 0),
    )


@transaction.atomic
def propose(which: Which, *, reason: str, actor: Actor, now: datetime) -> Amnesty:
    """Propose an amnesty; one of few penalties is approved at once, more need a second person.

    Refuses: whoever may not, no reason, a span that is none or is not over, and one in which nothing is in effect.
    """
    require_control(actor)
    reason = checked_reason(reason)
    require_a_past(which, now=now)
    counted = preview(which).in_effect
    if not counted:
        raise BadInput(_("No penalty of these is in effect; there is nothing to forgive."), field="missed_from")
    alone = counted <= policy_at(now).four_eyes_cases
    amnesty = Amnesty.objects.create(
        sweep_run=which.sweep_run,
        missed_from=None if which.sweep_run else which.missed_from,
        missed_to=None if which.sweep_run else which.missed_to,
        kinds=list(which.kinds),
        status=Amnesty.Status.APPROVED if alone else Amnesty.Status.PROPOSED,
        reason=reason,
        counted=counted,
        proposed_by_id=_person(actor),
        proposed_at=now,
        decided_by_id=_person(actor) if alone else None,
        decided_at=now if alone else None,
    )
    write_line("propose_amnesty", str(amnesty), reason=reason, actor=actor, now=now, counted=counted)
    return amnesty


@transaction.atomic
def decide(amnesty_id: int, *, approved: bool, actor: Actor, now: datetime) -> Amnesty:
    """Approve or decline an amnesty as the second person. Refuses the first one, and what was decided already."""
    require_control(actor)
    amnesty = Amnesty.objects.select_for_update(no_key=True, of=("self",)).get(pk=amnesty_id)
    if amnesty.status != Amnesty.Status.PROPOSED:
        raise Conflict(_("Somebody decided this already."), code="decided_already")
    if amnesty.proposed_by_id == actor.id:
        raise NotAllowed(_("You proposed this yourself. A second person must look at it."))
    amnesty.status = Amnesty.Status.APPROVED if approved else Amnesty.Status.DECLINED
    amnesty.decided_by_id, amnesty.decided_at = _person(actor), now
    amnesty.save()
    verb = "approve_amnesty" if approved else "decline_amnesty"
    write_line(verb, str(amnesty), actor=actor, now=now)
    return amnesty


def carry_out(amnesty_id: int, *, actor: Actor, now: datetime, batch: int = BATCH) -> Amnesty:
    """Revoke what an approved amnesty names, batch by batch; killed and started again it goes on where it was.

    What somebody holds just then is passed over: such an amnesty stays approved, and is carried out once more.
    Refuses one that is not approved, one that grew beyond what its only person may decide, and whoever may not.
    """
    require_control(actor)
    amnesty = Amnesty.objects.select_related("sweep_run").get(pk=amnesty_id)
    _require_as_few(amnesty)
    parameters: dict[str, Any] = revoking(amnesty.reason, actor=actor, now=now, batch=batch) | {
        "run_id": amnesty.sweep_run_id,
        "issued_at": amnesty.sweep_run.issued_at if amnesty.sweep_run else None,
        "missed_from": amnesty.missed_from,
        "missed_to": amnesty.missed_to,
        "kinds": amnesty.kinds,
    }
    which, last = OF_RUN if amnesty.sweep_run else WITHIN_SPAN, 0
    while taken := _take_batch(amnesty_id, which, parameters | {"after": last}):
        last = taken
    return _close(amnesty_id, actor=actor, now=now)


def _require_as_few(amnesty: Amnesty) -> None:
    """Refuse what one person decided alone when it is about too many by now: a sweep may have issued more of them."""
    if amnesty.status != Amnesty.Status.APPROVED or amnesty.decided_by_id != amnesty.proposed_by_id:
        return
    limit = policy_at(amnesty.proposed_at).four_eyes_cases
    found = amnesty.done + preview(which_of(amnesty)).in_effect
    if found > limit:
        text = _("This is about %(found)d cases by now; more than %(limit)d need a second person. Propose it again.")
        raise IllegalMove(text % {"found": found, "limit": limit})


def _lock(amnesty_id: int) -> Amnesty:
    """Lock an amnesty, so that two who carry it out take turns. Refuses one that is not approved."""
    amnesty = Amnesty.objects.select_for_update(no_key=True, of=("self",)).get(pk=amnesty_id)
    if amnesty.status not in (Amnesty.Status.APPROVED, Amnesty.Status.DONE):
        raise IllegalMove(_("This is not approved; nothing was revoked."))
    return amnesty


@transaction.atomic
def _take_batch(amnesty_id: int, which: str, parameters: dict[str, Any]) -> int | None:
    """Revoke a batch and count it in the same transaction; return the last one's id, None when nothing was left."""
    amnesty = _lock(amnesty_id)
    taken = None if amnesty.status == Amnesty.Status.DONE else take(which, parameters)
    if taken is None:
        return None
    number, points, last = taken
    amnesty.done, amnesty.points = amnesty.done + number, amnesty.points + points
    amnesty.save(update_fields=["done", "points"])
    return last


@transaction.atomic
def _close(amnesty_id: int, *, actor: Actor, now: datetime) -> Amnesty:
    """Write down that an amnesty is done, once; not while something that it names is still in effect."""
    amnesty = _lock(amnesty_id)
    if amnesty.status == Amnesty.Status.APPROVED and not preview(which_of(amnesty)).in_effect:
        amnesty.status, amnesty.done_at = Amnesty.Status.DONE, now
        amnesty.save(update_fields=["status", "done_at"])
        write_line("forgive", str(amnesty), reason=amnesty.reason, actor=actor, now=now, revoked=amnesty.done)
    return amnesty


def which_of(amnesty: Amnesty) -> Which:
    """Return which penalties an amnesty names."""
    return Which(
        sweep_run=amnesty.sweep_run,
        missed_from=amnesty.missed_from,
        missed_to=amnesty.missed_to,
        kinds=tuple(amnesty.kinds),
    )


def _person(actor: Actor) -> int:
    if actor.id is None:
        raise NotAllowed(_("Only a person of the staff may do this."))
    return actor.id
