"""Why staff decide as they do: one code from a short list, so that decisions can be counted."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    SOLVED = "solved", _("the consumer's problem is solved")
    REFUND_PROVEN = "refund_proven", _("the refund is proven")
    NO_REFUND_DUE = "no_refund_due", _("it is proven that no refund is due")
    PLATFORM_FAULT = "platform_fault", _("the platform was at fault")
    NOT_SOLVED = "not_solved", _("the consumer's problem is not solved")
    EVIDENCE_INSUFFICIENT = "evidence_insufficient", _("the evidence does not prove it")
    EVIDENCE_UNRELATED = "evidence_unrelated", _("the evidence is about something else")
    EVIDENCE_DOUBTFUL = "evidence_doubtful", _("the evidence seems altered")
    EVIDENCE_UNREADABLE = "evidence_unreadable", _("the pictures cannot be read")
    EVIDENCE_MISSING = "evidence_missing", _("a proof is missing")
    UNCLEAR = "unclear", _("the explanation leaves a question open")
    DECIDED_WRONGLY = "decided_wrongly", _("the decision was wrong")


REASONS_OF: dict[str, tuple[Reason, ...]] = {
    "approve": (Reason.SOLVED, Reason.REFUND_PROVEN, Reason.NO_REFUND_DUE, Reason.PLATFORM_FAULT),
    "reject": (
        Reason.NOT_SOLVED,
        Reason.EVIDENCE_INSUFFICIENT,
        Reason.EVIDENCE_UNRELATED,
        Reason.EVIDENCE_DOUBTFUL,
    ),
    "ask": (Reason.EVIDENCE_UNREADABLE, Reason.EVIDENCE_MISSING, Reason.UNCLEAR),
    "correct": (Reason.DECIDED_WRONGLY, Reason.PLATFORM_FAULT),
}
