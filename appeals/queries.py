"""Read appeals: the records of a merchant, what became of a penalty's attempts, and the evidence a case already has."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from appeals.models import Appeal
from appeals.permissions import visible_to
from appeals.states import Status
from appeals.windows import Appealable, appealable, attempts_left
from common.actors import Actor
from common.counting import capped_counts
from common.policy import policy_at
from complaints.models import Handling, HistoryLine, Message
from evidence.models import Evidence
from penalties.models import Penalty
from penalties.permissions import may as may_penalty
from penalties.queries import overdue_numbers, timeout_numbers
from refunds.models import NoRefundClaim, Refund

DECISIONS = ("approve", "reject", "correct")
"""The moves of an appeal that decide it."""

OFFERED = 30
"""So many pictures of a case are offered for an appeal at most."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """The appeals against one penalty, the first one first, and whether another can be submitted now."""

    appeals: list[Appeal]
    answer: Appealable
    is_mine: bool
    """Whether appealing it is a move of whoever looks."""

    @property
    def can_appeal(self) -> bool:
        return self.answer.refusal is None and self.is_mine

    @property
    def latest(self) -> Appeal | None:
        return self.appeals[-1] if self.appeals else None


def attempts_of(penalties: Iterable[Penalty], *, actor: Actor, now: datetime) -> dict[int, Attempts]:
    """Return, by penalty, its appeals and whether it can be appealed now; one query for all of them."""
    penalties = list(penalties)
    found: dict[int, list[Appeal]] = {penalty.pk: [] for penalty in penalties}
    for appeal in with_evidence(Appeal.objects.filter(penalty__in=found).order_by("penalty_id", "attempt")):
        found[appeal.penalty_id].append(appeal)
    return {
        penalty.pk: Attempts(
            appeals=found[penalty.pk],
            answer=appealable(penalty, found[penalty.pk], now=now),
            is_mine=may_penalty(actor, "appeal", penalty),
        )
        for penalty in penalties
    }


def has_attempts_left(penalty: Penalty) -> bool:
    """Say whether a penalty has attempts left, as its appeals stand now."""
    spent = Appeal.objects.filter(penalty=penalty, status=Status.REJECTED).count()
    return attempts_left(penalty, spent=spent) > 0


def listed(actor: Actor) -> QuerySet[Appeal]:
    """Return the appeals of this actor with what a list shows of each."""
    return visible_to(actor).select_related("penalty", "penalty__complaint", "mini_program")


def with_evidence(appeals: QuerySet[Appeal]) -> QuerySet[Appeal]:
    """Return the appeals with their pictures, in the order in which they were kept."""
    pictures = Evidence.objects.order_by("pk")
    return appeals.prefetch_related(Prefetch("evidence", pictures), Prefetch("supplement_evidence", pictures))


def status_counts(appeals: QuerySet[Appeal]) -> dict[str, int]:
    """Count by status, each no further than one above the cap, in one statement."""
    return capped_counts({status.value: appeals.filter(status=status) for status in Status})


def evidence_of_case(penalty: Penalty) -> list[Evidence]:
    """Return the evidence given in a case by its handling, messages, claims, refunds and appeals; the newest first."""
    complaint_id, appeals = penalty.complaint_id, Appeal.objects.filter(penalty__complaint_id=penalty.complaint_id)
    given = (
        Handling.evidence.through.objects.filter(handling__complaint_id=complaint_id).values("evidence_id"),
        Message.evidence.through.objects.filter(message__complaint_id=complaint_id).values("evidence_id"),
        NoRefundClaim.evidence.through.objects.filter(norefundclaim__complaint_id=complaint_id).values("evidence_id"),
        Refund.evidence.through.objects.filter(refund__complaint_id=complaint_id).values("evidence_id"),
        Appeal.evidence.through.objects.filter(appeal__in=appeals).values("evidence_id"),
        Appeal.supplement_evidence.through.objects.filter(appeal__in=appeals).values("evidence_id"),
    )
    found = Evidence.objects.filter(pk__in=given[0].union(*given[1:]), merchant_id=penalty.merchant_id)
    return list(found.order_by("-pk")[:OFFERED])


def numbers_about_timeouts(complaint_ids: Collection[int]) -> QuerySet[Appeal, int]:
    """Return the numbers of the appeals against penalties for not handling these complaints."""
    return Appeal.objects.filter(penalty__in=timeout_numbers(complaint_ids)).values_list("pk", flat=True)


def numbers_about_refunds(complaint_ids: Collection[int]) -> QuerySet[Appeal, int]:
    """Return the numbers of the appeals against penalties for the overdue refunds of these complaints."""
    return Appeal.objects.filter(penalty__in=overdue_numbers(complaint_ids)).values_list("pk", flat=True)


def said_before(appeal: Appeal) -> list[HistoryLine]:
    """Return what staff said about an appeal and its row keeps no longer, the latest first.

    A row has room for the last question and the last decision; those before them, asked again or corrected since, stand
    in the history only.
    """
    lines = HistoryLine.objects.filter(
        complaint_id=appeal.penalty.complaint_id, noun="appeal", noun_id=appeal.pk, verb__in=("ask", *DECISIONS)
    ).order_by("-pk")
    asked, decided = ([line for line in lines if (line.verb == "ask") is is_ask] for is_ask in (True, False))
    return sorted(asked[1:] + decided[1:], key=lambda line: line.pk, reverse=True)


def review_days(appeal: Appeal) -> int:
    """Return within how many working days staff review an appeal, by the policy when its review began."""
    return policy_at(appeal.supplemented_at or appeal.submitted_at).review_working_days
