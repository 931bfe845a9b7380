"""Which complaints were refunded, as a condition to narrow a list of them by."""

from django.db.models import Exists, OuterRef, Q

from complaints.outcomes import Outcome, register_outcome
from refunds.models import Refund
from refunds.states import RefundStatus


def refunded(_merchant_id: int | None) -> Q:
    """Refunded here, or elsewhere before the complaint came here with an amount."""
    # No refund is older than its complaint. Saying so keeps the planner from reading the refunds of all merchants to
    # answer for the twenty complaints of a page.
    here = Refund.objects.filter(
        complaint=OuterRef("pk"), status=RefundStatus.SUCCEEDED, requested_at__gte=OuterRef("filed_at")
    )
    return Q(Exists(here)) | Q(handling__taken_in=True, handling__refund_amount__isnull=False)


def register() -> None:
    register_outcome(Outcome.REFUNDED, refunded)
