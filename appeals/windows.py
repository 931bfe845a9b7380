"""Whether a penalty can be appealed now, and if not, why: one place for the button, the form, the API and the verb."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appeals.models import Appeal
from appeals.states import OPEN, Status
from common.policy import policy_at
from penalties.models import Penalty
from penalties.states import Kind
from penalties.states import Status as PenaltyStatus
from refunds.cases import COUNTING, rest_of
from refunds.models import RefundCase
from refunds.states import CaseStatus


@dataclass(frozen=True, slots=True)
class Appealable:
    """The answer: `refusal` says why not; None means that an appeal can be submitted."""

    refusal: Promise | None
    code: str
    attempts_left: int


def appealable(penalty: Penalty, appeals: list[Appeal], *, now: datetime) -> Appealable:
    """Judge a penalty by its appeals so far; at the very end of the window it is still possible.

    An attempt is spent when an appeal is rejected; one that was withdrawn, or that staff asked about, spends none. The
    attempts are judged before the window, which the last spent one closes: so the reason is named, not what it led to.
    """
    left = attempts_left(penalty, spent=sum(1 for appeal in appeals if appeal.status == Status.REJECTED))
    if penalty.status == PenaltyStatus.REVOKED:
        return Appealable(_("This penalty was revoked; there is nothing left to appeal."), "revoked", left)
    if any(appeal.status in OPEN for appeal in appeals) or penalty.status == PenaltyStatus.UNDER_APPEAL:
        return Appealable(_("An appeal against this penalty is under review already."), "under_appeal", left)
    if left == 0:
        return Appealable(_("All attempts to appeal this penalty are spent."), "no_attempts_left", left)
    if now > penalty.appeal_by or penalty.window_closed_at is not None:
        return Appealable(_("The appeal window has closed, so this penalty can no longer be appealed."), "closed", left)
    return Appealable(None, "", left)


def attempts_left(penalty: Penalty, *, spent: int) -> int:
    """Return how many attempts to appeal a penalty are left when so many are spent."""
    return max(0, policy_at(penalty.issued_at).appeals_per_penalty - spent)


def seems_unsolved(penalty: Penalty) -> Promise | None:
    """Return what speaks against the problem being solved, or None: an appeal then needs a knowing word."""
    if penalty.complaint.status == "pending":
        return _("The complaint is still pending: handle it first, or the appeal will hardly pass.")
    if penalty.complaint.status == "refund_due":
        return _why_not_refunded(penalty, RefundCase.objects.filter(complaint_id=penalty.complaint_id).first())
    return None


def _why_not_refunded(penalty: Penalty, case: RefundCase | None) -> Promise | None:
    """Return what is missing of a refund that is due; an overdue one that was refused is appealed with proof of why."""
    if case is not None and case.status == CaseStatus.REFUSED:
        if penalty.kind == Kind.REFUND_OVERDUE:
            return None
        return _(
            "Support staff still review why you refused the refund: before they rule, the appeal will hardly pass."
        )
    if case is None or not case.refunds.filter(status__in=COUNTING).exists():
        return _("The refund is still due and none is recorded: pay it first, or the appeal will hardly pass.")
    if rest_of(case):
        return _("The refund is paid in part only: pay the rest first, or the appeal will hardly pass.")
    return _("The refund is still being processed: appeal once it has succeeded, or the appeal will hardly pass.")
