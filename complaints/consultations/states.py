"""The states of a consultation, and the moves between them (design.md, 5)."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.moves import Move, MoveTable


class Status(models.TextChoices):
    OPEN = "open", pgettext_lazy("a consultation", "waits for an answer")
    ANSWERED = "answered", pgettext_lazy("a consultation", "answered")
    CLOSED = "closed", pgettext_lazy("a consultation", "closed")


CONSULTATION = MoveTable(
    _("The consultation"),
    {status.value: status.label for status in Status},
    [
        Move("reply", (Status.OPEN, Status.ANSWERED), (Status.ANSWERED,)),
        Move("ask", (Status.OPEN, Status.ANSWERED), (Status.OPEN,)),
        Move("close", (Status.OPEN, Status.ANSWERED), (Status.CLOSED,)),
        Move("complain", (Status.OPEN, Status.ANSWERED), (Status.CLOSED,)),
    ],
)
