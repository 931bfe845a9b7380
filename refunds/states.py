"""The states of no-refund claims, refund cases, refunds and top-ups, and the moves between them (design.md, 5)."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.moves import Move, MoveTable


class ClaimStatus(models.TextChoices):
    SUBMITTED = "submitted", _("under review")
    ACCEPTED = "accepted", _("no refund due")
    OVERRULED = "overruled", pgettext_lazy("a ruling", "refund due")
    LAPSED = "lapsed", _("lapsed")


class CaseStatus(models.TextChoices):
    DUE = "due", _("refund due")
    REFUSED = "refused", _("refusal under review")
    REFUNDED = "refunded", _("refunded")
    WAIVED = "waived", _("no refund due")


class RefundStatus(models.TextChoices):
    PROCESSING = "processing", _("processing")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", pgettext_lazy("of a refund", "failed")
    REVERSED = "reversed", _("reversed")


class TopUpStatus(models.TextChoices):
    PENDING = "pending", pgettext_lazy("of a top-up", "pending")
    CREDITED = "credited", _("credited")
    DECLINED = "declined", pgettext_lazy("of a top-up", "declined")
    REVERSED = "reversed", _("reversed")


NO_REFUND_CLAIM = MoveTable(
    _("The no-refund claim"),
    {status.value: status.label for status in ClaimStatus},
    [
        Move("accept", (ClaimStatus.SUBMITTED,), (ClaimStatus.ACCEPTED,)),
        Move("overrule", (ClaimStatus.SUBMITTED,), (ClaimStatus.OVERRULED,)),
        Move("lapse", (ClaimStatus.SUBMITTED,), (ClaimStatus.LAPSED,)),
        Move(
            "correct",
            (ClaimStatus.ACCEPTED, ClaimStatus.OVERRULED),
            (ClaimStatus.ACCEPTED, ClaimStatus.OVERRULED),
        ),
    ],
)

REFUND_CASE = MoveTable(
    _("The pending refund"),
    {status.value: status.label for status in CaseStatus},
    [
        Move("refund", (CaseStatus.DUE,), (CaseStatus.REFUNDED,)),
        Move("refuse", (CaseStatus.DUE,), (CaseStatus.REFUSED,)),
        Move("waive", (CaseStatus.DUE, CaseStatus.REFUSED), (CaseStatus.WAIVED,)),
        Move("overrule", (CaseStatus.REFUSED,), (CaseStatus.DUE,)),
        Move("reopen", (CaseStatus.REFUNDED, CaseStatus.WAIVED), (CaseStatus.DUE,)),
    ],
)

REFUND = MoveTable(
    _("The refund"),
    {status.value: status.label for status in RefundStatus},
    [
        Move("succeed", (RefundStatus.PROCESSING,), (RefundStatus.SUCCEEDED,)),
        Move("fail", (RefundStatus.PROCESSING,), (RefundStatus.FAILED,)),
        Move("reverse", (RefundStatus.SUCCEEDED,), (RefundStatus.REVERSED,)),
    ],
)

TOP_UP = MoveTable(
    _("The top-up"),
    {status.value: status.label for status in TopUpStatus},
    [
        Move("credit", (TopUpStatus.PENDING,), (TopUpStatus.CREDITED,)),
        Move("decline", (TopUpStatus.PENDING,), (TopUpStatus.DECLINED,)),
        Move("reverse", (TopUpStatus.CREDITED,), (TopUpStatus.REVERSED,)),
    ],
)
