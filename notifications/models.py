"""`Event`: what happened, written in the transaction of the move itself, and never changed."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from merchants.models import Merchant

NEWS = (
    "appeal.approved",
    "appeal.corrected",
    "appeal.goes_on",
    "appeal.more_wanted",
    "appeal.rejected",
    "complaint.cancelled",
    "complaint.closed",
    "complaint.confirmed",
    "complaint.contested",
    "complaint.message_left",
    "no_refund_claim.accepted",
    "no_refund_claim.corrected",
    "no_refund_claim.overruled",
    "refund.failed",
    "refund.reversed",
)
"""What others did that members want to know of: their home page finds these events by merchant.

What arrives or is swept by the hundred thousand is not among them. It is counted where it stands, in the complaints and
the penalties of a merchant, so that neither the intake nor a sweep writes an index for it.
"""


def current_transaction() -> Cast:
    """Return the number of the writing transaction, as SQL: readers use it to pass over what is not committed yet."""
    return Cast(Cast(models.Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField())


class Event(models.Model):
    """One thing that happened. Mails, webhooks and feeds are made from events, after the commit that wrote them."""

    name = models.CharField(_("name"), max_length=64)
    merchant = models.ForeignKey(Merchant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    subject_id = models.BigIntegerField(_("subject"))
    at = models.DateTimeField(_("at"))
    payload = models.JSONField(_("payload"), default=dict)
    transaction = models.BigIntegerField(db_default=current_transaction())

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["transaction", "id"], name="event_in_order_of_commit"),
            models.Index(fields=["merchant", "-at", "-id"], name="event_news", condition=Q(name__in=NEWS)),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_id}"
