"""The states of a complaint, and the moves between them (design.md, 5)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.moves import Move, MoveTable


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    HANDLED = "handled", _("handled")
    IN_REVIEW = "in_review", _("in review")
    REFUND_DUE = "refund_due", _("refund due")
    FINISHED = "finished", _("finished")
    CANCELLED = "cancelled", _("cancelled")
    CLOSED = "closed", _("closed by the system")


OPEN = (Status.PENDING, Status.HANDLED, Status.IN_REVIEW, Status.REFUND_DUE)

COMPLAINT = MoveTable(
    _("The complaint"),
    {status.value: status.label for status in Status},
    [
        Move("handle", (Status.PENDING,), (Status.HANDLED, Status.IN_REVIEW)),
        Move("confirm", (Status.HANDLED,), (Status.FINISHED,)),
        Move("contest", (Status.HANDLED,), (Status.IN_REVIEW,)),
        Move("rule", (Status.IN_REVIEW,), (Status.FINISHED, Status.REFUND_DUE)),
        Move("settle", (Status.REFUND_DUE,), (Status.FINISHED,)),
        Move("reopen", (Status.FINISHED,), (Status.REFUND_DUE,)),
        Move("finish", (Status.HANDLED,), (Status.FINISHED,)),
        Move("cancel", OPEN, (Status.CANCELLED,)),
        Move("close", OPEN, (Status.CLOSED,)),
        Move("leave_message", OPEN),
    ],
)
