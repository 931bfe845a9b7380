"""What became of complaints, as conditions to narrow a list by: handled late, missed, repeated, asked first, refunded.

What an upper floor knows about (penalties, refunds) it says itself, when it is ready.
"""

from collections.abc import Callable, Collection

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from complaints.models import Complaint, RootCause

NOT_SAID = "none"
"""In place of a root cause: none was said, perhaps because it is not handled yet."""


class Outcome(TextChoices):
    HANDLED = "handled", _("handled")
    IN_TIME = "in_time", _("handled in time")
    LATE = "late", _("handled late")
    MISSED = "missed", _("penalised for not being handled in time")
    PENALISED = "penalised", _("cost points")
    GIVEN_BACK = "given_back", _("points given back")
    REFUNDED = "refunded", _("refunded")
    REPEAT = "repeat", _("the same trade or phone complained before")
    ASKED_FIRST = "asked_first", _("was a consultation before")


HANDLED = frozenset({Outcome.HANDLED, Outcome.IN_TIME, Outcome.LATE, Outcome.REFUNDED})
"""What cannot become of a complaint that is still pending: a refund, too, is part of a handling or comes after it."""


def _repeats() -> Q:
    """The same merchant had an earlier complaint about the same trade, or from the same phone."""
    earlier = Complaint.objects.filter(merchant_id=OuterRef("merchant_id"), filed_at__lt=OuterRef("filed_at"))
    same_trade = earlier.filter(trade_no=OuterRef("trade_no"))
    # The index of phones leaves out empty ones; only a condition that says so may use it.
    same_phone = earlier.filter(consumer_phone=OuterRef("consumer_phone")).exclude(consumer_phone="")
    return Q(Exists(same_trade)) | Q(Exists(same_phone))


Condition = Callable[[int | None], Q]
"""Makes a condition for the complaints of one merchant, whose number lets it look at no other's rows; or of all."""

_conditions: dict[str, Condition] = {
    Outcome.HANDLED: lambda _merchant_id: Q(handling__isnull=False),
    Outcome.IN_TIME: lambda _merchant_id: Q(handling__in_time=True),
    Outcome.LATE: lambda _merchant_id: Q(handling__in_time=False),
    Outcome.REPEAT: lambda _merchant_id: _repeats(),
    Outcome.ASKED_FIRST: lambda _merchant_id: Q(consultation__isnull=False),
}


def register_outcome(outcome: Outcome, condition: Condition) -> None:
    """Say which complaints have an outcome that an upper floor knows about."""
    _conditions[outcome] = condition


def with_outcomes(
    complaints: QuerySet[Complaint], outcomes: Collection[str], merchant_id: int | None = None
) -> QuerySet[Complaint]:
    """Return those complaints that have every one of these outcomes; all are of this merchant, if one is given."""
    condition = Q()
    for outcome in outcomes:
        condition &= _conditions[outcome](merchant_id)
    return complaints.filter(condition)


def with_root_causes(complaints: QuerySet[Complaint], causes: Collection[str]) -> QuerySet[Complaint]:
    """Return those complaints that one of these root causes led to; `NOT_SAID` are those of which none was said."""
    if not causes:
        return complaints
    condition = Q(handling__root_cause__in=[cause for cause in causes if cause in RootCause.values])
    if NOT_SAID in causes:
        condition |= Q(handling__isnull=True) | Q(handling__root_cause="")
    return complaints.filter(condition)
