"""What the desk of an appeal shows beside what every desk does, and what it tells of a merchant's record."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from appeals.models import Appeal
from appeals.permissions import visible_to
from appeals.states import Status
from common.actors import Actor
from complaints.models import Complaint
from complaints.reviews.evidence import Shots, shots_of
from complaints.reviews.record import Tally


def with_facts(actor: Actor) -> QuerySet[Appeal]:
    """Return the appeals of this actor, each with what its desk names."""
    return visible_to(actor).select_related(
        "penalty", "penalty__sweep_run", "merchant", "mini_program", "claimed_by", "decided_by"
    )


def earlier_appeals(appeal: Appeal) -> list[Appeal]:
    """Return the other appeals against the same penalty, the newest first."""
    others = Appeal.objects.filter(penalty_id=appeal.penalty_id).exclude(pk=appeal.pk)
    return list(others.select_related("decided_by").order_by("-attempt"))


def shots(appeal: Appeal, complaint: Complaint) -> list[Shots]:
    """Return the pictures of the appeal, its supplement and the case, with what is known of them elsewhere."""
    given = (
        (_("With the appeal"), appeal.evidence.order_by("pk")),
        (_("With the supplement"), appeal.supplement_evidence.order_by("pk")),
    )
    return shots_of(given, complaint)


def record(merchant_id: int, now: datetime) -> Iterable[Tally]:
    """Tell how many of a merchant's appeals were approved, and how many rejected."""
    decided = Appeal.objects.filter(merchant_id=merchant_id).aggregate(
        approved=Count("pk", filter=Q(status=Status.APPROVED)), rejected=Count("pk", filter=Q(status=Status.REJECTED))
    )
    return (
        Tally(_("appeals approved"), str(decided["approved"])),
        Tally(_("appeals rejected"), str(decided["rejected"])),
    )
