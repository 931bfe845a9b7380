"""What the desk of a no-refund claim shows beside what every desk does, and what it tells of a merchant's record."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.counting import CAP, count_words
from complaints.models import Complaint
from complaints.reviews.desk import CORRECT
from complaints.reviews.evidence import Shots, shots_of
from complaints.reviews.record import RECENT, Tally
from complaints.reviews.texts import language_of
from complaints.timeline import handling_of
from evidence.models import Evidence
from refunds import claims
from refunds.fund import ZERO
from refunds.models import Channel, NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.permissions import visible_claims
from refunds.states import ClaimStatus, RefundStatus

RULED = (ClaimStatus.ACCEPTED, ClaimStatus.OVERRULED)
LATEST_SHOWN = 5

ABOUT: dict[str, Promise] = {
    "handling": _("handled without a refund"),
    "contest": _("contested by the consumer"),
    "refusal": _("refusal of a pending refund"),
}
"""What a claim can be about, in the codes of `claims.about`."""

IS_ABOUT = {
    "refusal": Q(refund_case__isnull=False),
    "contest": Q(refund_case=None) & ~Q(contested=""),
    "handling": Q(refund_case=None, contested=""),
}
"""`claims.about` once more, for the database; a test holds the two equal."""

ABOUT_IN_SQL = Case(
    *(When(condition, then=Value(code)) for code, condition in IS_ABOUT.items()), output_field=CharField()
)


def with_facts(actor: Actor) -> QuerySet[NoRefundClaim]:
    """Return the claims of this actor, each with what its desk names."""
    return visible_claims(actor).select_related(
        "complaint__refund_case", "handling", "refund_case", "merchant", "mini_program", "claimed_by", "decided_by"
    )


def case_of(review: NoRefundClaim) -> RefundCase | None:
    """Return the pending refund that is refused, or that a ruling opened; None while nothing was ever ruled due."""
    return getattr(review.complaint, "refund_case", None)


@dataclass(frozen=True, slots=True)
class Amounts:
    """The money of a claim: what the trade cost, what was asked, what is refunded of it, and what still can be."""

    trade: Decimal
    asked: Decimal | None
    refunded: Decimal
    """Of the whole trade, whichever complaint it was for; also what is being processed."""
    refundable: Decimal
    named: list[Refund]
    """The refunds that stand on the merchant's word alone, as the way in which the complaint was handled."""

    @property
    def on_word(self) -> Decimal:
        """What the refunds add up to that stand on the merchant's word."""
        return sum((refund.amount for refund in self.named), ZERO)

    @property
    def at_most(self) -> Decimal:
        """What could be due if what stands on the merchant's word was never paid."""
        return self.refundable + self.on_word

    @property
    def proposed(self) -> Decimal:
        """What is due unless staff say otherwise: what the consumer asked for and has not got, as far as it goes.

        Where nothing is left but for what stands on the merchant's word, it is what would be due without that.
        """
        rest, got = (self.refundable, self.on_word) if self.refundable else (self.at_most, ZERO)
        left = (self.asked or ZERO) - got
        return min(rest, left) if left > 0 else rest


def amounts_of(complaint: Complaint) -> Amounts:
    """Return the money of a complaint."""
    trade = RefundedTrade.objects.filter(merchant_id=complaint.merchant_id, trade_no=complaint.trade_no).first()
    named = Refund.objects.filter(
        complaint=complaint, refund_case=None, channel=Channel.ELSEWHERE, status=RefundStatus.SUCCEEDED
    )
    return Amounts(
        trade=complaint.trade_amount,
        asked=complaint.requested_refund_amount,
        refunded=trade.refunded if trade else ZERO,
        refundable=claims.refundable(complaint),
        named=list(named.order_by("pk")),
    )


def opens_case(review: NoRefundClaim, verb: str) -> bool:
    """Say whether this ruling makes an amount due for the first time, so that it has to be named."""
    if review.refund_case_id is not None:
        return False
    if verb == CORRECT:
        return review.status == ClaimStatus.ACCEPTED and case_of(review) is None
    return verb == "overrule"


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a case, named."""

    at: datetime
    label: Promise
    words: Any = ""


def moments_of(review: NoRefundClaim, complaint: Complaint) -> list[Moment]:
    """Return the moments that a reviewer looks for, in their order: what happened, and what it was due by."""
    found = [Moment(complaint.filed_at, _("Filed")), Moment(complaint.handle_by, _("To be handled by"))]
    handling = handling_of(complaint)
    if complaint.paid_at is not None:
        found.append(Moment(complaint.paid_at, _("Paid")))
    if handling is not None:
        late = _("in time") if handling.in_time else _("late")
        found.append(Moment(handling.handled_at, _("Handled"), f"{handling.get_method_display()}, {late}"))
    case = case_of(review)
    if case is not None:
        found += [Moment(case.opened_at, _("Ruled due")), Moment(case.refund_by, _("Refund due by"))]
    if review.refund_case_id is not None:
        found.append(Moment(review.submitted_at, _("Refused")))
    elif review.is_contested:
        found.append(Moment(review.submitted_at, _("Contested")))
    found.append(Moment(review.review_by, _("Review due")))
    if review.decided_at is not None:
        found.append(Moment(review.decided_at, _("Ruled"), review.get_status_display()))
    return sorted(found, key=lambda moment: moment.at)


def language_for(review: NoRefundClaim) -> str:
    """Return the language of whoever is answered: who refused, or who handled; a contest comes from the consumer."""
    if review.handling is not None:
        return language_of(review.handling.actor_kind, review.handling.actor_id)
    return language_of(review.actor_kind, review.actor_id)


def shots(review: NoRefundClaim, complaint: Complaint, named: Iterable[Refund]) -> list[Shots]:
    """Return the pictures of the claim, of a refund that it names, and of the case."""
    given = (
        (_("With the claim"), review.evidence.order_by("pk")),
        (_("With the refund"), Evidence.objects.filter(pk__in=_proof_of(named)).order_by("pk")),
    )
    return shots_of(given, complaint)


def _proof_of(refunds: Iterable[Refund]) -> QuerySet[Any, Any]:
    links = Refund.evidence.through.objects.filter(refund_id__in=[refund.pk for refund in refunds])
    return links.values("evidence_id")


def others_about(review: NoRefundClaim) -> list[NoRefundClaim]:
    """Return the other claims about the same complaint, the newest first."""
    others = NoRefundClaim.objects.filter(complaint_id=review.complaint_id).exclude(pk=review.pk)
    return list(others.select_related("complaint", "decided_by").order_by("-submitted_at", "-pk"))


def latest_rulings(review: NoRefundClaim) -> list[NoRefundClaim]:
    """Return the latest rulings on this merchant's claims about other complaints."""
    ruled = NoRefundClaim.objects.filter(merchant_id=review.merchant_id, status__in=RULED)
    others = ruled.exclude(complaint_id=review.complaint_id)
    return list(others.select_related("complaint", "decided_by").order_by("-decided_at", "-pk")[:LATEST_SHOWN])


def record(merchant_id: int, now: datetime) -> Iterable[Tally]:
    """Tell how staff ruled on a merchant's claims of the last 90 days."""
    recent = NoRefundClaim.objects.filter(merchant_id=merchant_id, submitted_at__gte=now - RECENT)
    found = recent[: CAP + 1].aggregate(
        accepted=Count("pk", filter=Q(status=ClaimStatus.ACCEPTED)),
        overruled=Count("pk", filter=Q(status=ClaimStatus.OVERRULED)),
    )
    return (
        Tally(_("claims accepted in 90 days"), count_words(found["accepted"])),
        Tally(_("claims overruled in 90 days"), count_words(found["overruled"])),
    )
