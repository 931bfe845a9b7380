"""How appeals are counted for staff."""

from django.db.models import Case, F, Q, When

from appeals.models import Appeal
from appeals.reasons import Reason
from appeals.states import OPEN, Status
from complaints.reviews.statistics import Kind

IN_HAND_AT = Case(
    When(supplemented_at__gte=F("asked_at"), then=F("supplemented_at")),
    When(asked_at__isnull=False, then=F("supplement_by")),
    default=F("submitted_at"),
)
"""After staff asked for more, it counts from when the merchant gave it, or from when their time for it was over."""

APPEALS = Kind(
    model=Appeal,
    open_statuses=OPEN,
    decided=(Status.APPROVED, Status.REJECTED),
    rated=Status.APPROVED,
    corrections=(Reason.DECIDED_WRONGLY,),
    in_hand_at=IN_HAND_AT,
    further={"more_wanted": Q(status=Status.MORE_WANTED)},
    grouped={"kind": F("penalty__kind")},
)
