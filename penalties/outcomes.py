"""Which complaints cost points, as conditions to narrow a list of them by."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from complaints.outcomes import Outcome, register_outcome
from penalties.models import Penalty
from penalties.states import Kind, Status


def missed() -> Q:
    """Penalised for not being handled in time; the penalty may have been revoked since."""
    return Q(Exists(Penalty.objects.filter(kind=Kind.COMPLAINT_TIMEOUT, subject_id=OuterRef("pk"))))


def _about(penalties: QuerySet[Penalty]) -> Q:
    """The two kinds apart: each is found by what it is about, and there is no index of a penalty's complaint."""
    timeouts = penalties.filter(kind=Kind.COMPLAINT_TIMEOUT, subject_id=OuterRef("pk"))
    overdue = penalties.filter(kind=Kind.REFUND_OVERDUE, subject_id=OuterRef("refund_case__pk"))
    return Q(Exists(timeouts)) | Q(Exists(overdue))


def penalised() -> Q:
    """Penalised for whatever was missed about it; a penalty may have been revoked since."""
    return _about(Penalty.objects.all())


def given_back() -> Q:
    """Penalised, and points of it were given back."""
    return _about(Penalty.objects.filter(status=Status.REVOKED))


def register() -> None:
    register_outcome(Outcome.MISSED, missed)
    register_outcome(Outcome.PENALISED, penalised)
    register_outcome(Outcome.GIVEN_BACK, given_back)
