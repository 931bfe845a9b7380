"""How no-refund claims are counted for staff."""

from django.db.models import F

from complaints.reviews.statistics import Kind
from refunds.claims_desk_queries import ABOUT_IN_SQL, RULED
from refunds.models import NoRefundClaim
from refunds.reasons import Reason
from refunds.states import ClaimStatus

CLAIMS = Kind(
    model=NoRefundClaim,
    open_statuses=(ClaimStatus.SUBMITTED,),
    decided=RULED,
    rated=ClaimStatus.OVERRULED,
    corrections=(Reason.DECIDED_WRONGLY,),
    grouped={"about": ABOUT_IN_SQL, "reason": F("reason_code")},
)
