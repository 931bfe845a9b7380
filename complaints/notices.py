"""What still holds of what members were told about complaints and consultations, when it is about to leave."""

from collections.abc import Sequence

from complaints.consultations.states import Status as Asked
from complaints.models import Complaint, Consultation
from complaints.states import Status
from notifications.models import Notice


def still_pending(notices: Sequence[Notice]) -> set[int]:
    """Return which new complaints nobody has handled yet."""
    numbers = [notice.subject_id for notice in notices]
    pending = set(Complaint.objects.filter(pk__in=numbers, status=Status.PENDING).values_list("pk", flat=True))
    return {notice.pk for notice in notices if notice.subject_id in pending}


def still_unanswered(notices: Sequence[Notice]) -> set[int]:
    """Return which questions of consumers nobody has answered yet."""
    numbers = [notice.subject_id for notice in notices]
    waiting = set(Consultation.objects.filter(pk__in=numbers, status=Asked.OPEN).values_list("pk", flat=True))
    return {notice.pk for notice in notices if notice.subject_id in waiting}
