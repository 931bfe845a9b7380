"""Why staff rule as they do on a no-refund claim: one code from a short list, so that rulings can be counted."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    DELIVERED = "delivered", _("delivery or service is proven")
    AGREED = "agreed", _("the consumer agreed to another solution")
    REFUNDED_ALREADY = "refunded_already", _("the refund is proven")
    NOT_ENTITLED = "not_entitled", _("the consumer is not entitled to a refund")
    NOT_PROVEN = "not_proven", _("the evidence does not prove it")
    NOT_DELIVERED = "not_delivered", _("goods or service were not delivered")
    NOT_AS_DESCRIBED = "not_as_described", _("goods or service were not as described")
    REFUND_NOT_MADE = "refund_not_made", _("the refund was not made")
    DECIDED_WRONGLY = "decided_wrongly", _("the ruling was wrong")


REASONS_OF: dict[str, tuple[Reason, ...]] = {
    "accept": (Reason.DELIVERED, Reason.AGREED, Reason.REFUNDED_ALREADY, Reason.NOT_ENTITLED),
    "overrule": (Reason.NOT_PROVEN, Reason.NOT_DELIVERED, Reason.NOT_AS_DESCRIBED, Reason.REFUND_NOT_MADE),
    "correct": (Reason.DECIDED_WRONGLY,),
}
