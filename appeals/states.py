"""The states of an appeal, and the moves between them (design.md, 5)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.moves import Move, MoveTable


class Status(models.TextChoices):
    SUBMITTED = "submitted", _("under review")
    MORE_WANTED = "more_wanted", _("more evidence wanted")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")


OPEN = (Status.SUBMITTED, Status.MORE_WANTED)

APPEAL = MoveTable(
    _("The appeal"),
    {status.value: status.label for status in Status},
    [
        Move("ask", (Status.SUBMITTED,), (Status.MORE_WANTED,)),
        Move("supplement", (Status.MORE_WANTED,), (Status.SUBMITTED,)),
        Move("go_on", (Status.MORE_WANTED,), (Status.SUBMITTED,)),
        Move("approve", (Status.SUBMITTED,), (Status.APPROVED,)),
        Move("reject", (Status.SUBMITTED,), (Status.REJECTED,)),
        Move("withdraw", OPEN, (Status.WITHDRAWN,)),
        Move("correct", (Status.APPROVED, Status.REJECTED), (Status.APPROVED, Status.REJECTED)),
    ],
)
