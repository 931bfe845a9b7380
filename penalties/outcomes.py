"""Which complaints cost points, as conditions to narrow a list of them by."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from complaints.outcomes import Outcome, register_outcome
from penalties.models import Penalty
from penalties.states import Kind, Status

FEW = 3_000
"""Penalties. Of more, every two hundredth complaint of the largest merchants has one: a page of them is soon full."""


def _of(merchant_id: int | None) -> QuerySet[Penalty]:
    return Penalty.objects.all() if merchant_id is None else Penalty.objects.filter(merchant_id=merchant_id)


def missed(merchant_id: int | None) -> Q:
    """Penalised for not being handled in time; the penalty may have been revoked since."""
    timeouts = _of(merchant_id).filter(kind=Kind.COMPLAINT_TIMEOUT)
    if merchant_id is not None:
        return Q(pk__in=timeouts.values("subject_id"))
    return Q(Exists(timeouts.filter(subject_id=OuterRef("pk"))))


def _about(penalties: QuerySet[Penalty], merchant_id: int | None) -> Q:
    """Match what these penalties are about. Few of one merchant name their complaints, which are looked up.

    Many are found sooner by reading the complaints, newest first, until a page is full. Then, and of all merchants, the
    two kinds go apart: each is found by what it is about, and there is no index of a penalty's complaint.
    """
    if merchant_id is not None:
        numbers = list(penalties.order_by().values_list("complaint_id", flat=True)[: FEW + 1])
        if len(numbers) <= FEW:
            return Q(pk__in=set(numbers))
    timeouts = penalties.filter(kind=Kind.COMPLAINT_TIMEOUT, subject_id=OuterRef("pk"))
    overdue = penalties.filter(kind=Kind.REFUND_OVERDUE, subject_id=OuterRef("refund_case__pk"))
    # No penalty is older than its complaint. Saying so keeps the planner from reading all of them for a page.
    since = Q(issued_at__gte=OuterRef("filed_at"))
    return Q(Exists(timeouts.filter(since))) | Q(Exists(overdue.filter(since)))


def penalised(merchant_id: int | None) -> Q:
    """Penalised for whatever was missed about it; a penalty may have been revoked since."""
    return _about(_of(merchant_id), merchant_id)


def given_back(merchant_id: int | None) -> Q:
    """Penalised, and points of it were given back."""
    return _about(_of(merchant_id).filter(status=Status.REVOKED), merchant_id)


def register() -> None:
    register_outcome(Outcome.MISSED, missed)
    register_outcome(Outcome.PENALISED, penalised)
    register_outcome(Outcome.GIVEN_BACK, given_back)
