"""The states of a penalty, and the moves between them (design.md, 5)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.moves import Move, MoveTable


class Status(models.TextChoices):
    IN_EFFECT = "in_effect", _("in effect")
    UNDER_APPEAL = "under_appeal", _("under appeal")
    REVOKED = "revoked", _("revoked")


class Kind(models.TextChoices):
    COMPLAINT_TIMEOUT = "complaint_timeout", _("complaint not handled in time")
    REFUND_OVERDUE = "refund_overdue", _("refund not completed in time")


PENALTY = MoveTable(
    _("The penalty"),
    {status.value: status.label for status in Status},
    [
        Move("appeal", (Status.IN_EFFECT,), (Status.UNDER_APPEAL,)),
        Move("uphold", (Status.UNDER_APPEAL,), (Status.IN_EFFECT,)),
        Move("revoke", (Status.IN_EFFECT, Status.UNDER_APPEAL), (Status.REVOKED,)),
        Move("reinstate", (Status.REVOKED,), (Status.IN_EFFECT,)),
    ],
)
