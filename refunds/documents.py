"""What programs are told about pending refunds, refunds and no-refund claims.

The serializers describe it; plain functions make it, as with complaints.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.actors import Actor, ActorKind
from complaints.documents import HistoryLineSerializer, YuanField, line_document, utc, yuan
from evidence.api import PictureSerializer, picture_document
from merchants.listing import NeighboursSerializer
from merchants.models import Grant
from refunds.api_queries import Progress, progress_of, with_all
from refunds.cases import ZERO
from refunds.claims import about, refundable
from refunds.models import OWN, Channel, NoRefundClaim, Refund, RefundCase
from refunds.permissions import may
from refunds.queries import account_of, parts_of, preview
from refunds.reasons import Reason
from refunds.states import CaseStatus, ClaimStatus, RefundStatus

ACTIONS = ("refund", "refuse")
RULINGS = ("accepted", "overruled")
ABOUT = ("handling", "contest", "refusal")


class AboutComplaintSerializer(serializers.Serializer[Any]):
    """Which complaint something is about, and which pending refund."""

    complaint_no = serializers.CharField()
    complaint_url = serializers.CharField()
    case_no = serializers.CharField(allow_null=True, help_text=_("The pending refund; null when there is none."))
    case_url = serializers.CharField(allow_null=True)


class PaidFromSerializer(serializers.Serializer[Any]):
    """How the guarantee fund pays a refund."""

    bonus = YuanField(help_text=_("From the bonus: a third, as far as it reaches."))
    deposit = YuanField(help_text=_("From the deposit: the rest."))


class RefundSerializer(AboutComplaintSerializer):
    """One refund to a consumer."""

    id = serializers.IntegerField()
    refund_no = serializers.CharField(help_text=_("Its number at the payment system."))
    url = serializers.CharField()
    status = serializers.ChoiceField(
        RefundStatus.choices,
        help_text=_("“processing” until the payment system says what became of it; look again, or follow the events."),
    )
    channel = serializers.ChoiceField(Channel.choices)
    amount = YuanField()
    trade_no = serializers.CharField()
    requested_at = serializers.DateTimeField()
    requested_by = serializers.CharField(help_text=_("Staff of the platform have no name here."))
    ended_at = serializers.DateTimeField(allow_null=True)
    is_verified = serializers.BooleanField(
        help_text=_("The payment system confirmed it; otherwise it stands on the merchant's word.")
    )
    reference = serializers.CharField(help_text=_("The number that the payment system gave it."))
    failure_code = serializers.CharField()
    failure = serializers.CharField(help_text=_("Why it failed, or why it was reversed."))
    paid_from = PaidFromSerializer(allow_null=True, help_text=_("Null unless it was paid from the guarantee fund."))
    pictures = PictureSerializer(many=True)


class NoRefundClaimSerializer(AboutComplaintSerializer):
    """A merchant's word and proof that no refund is due, and what staff ruled."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    status = serializers.ChoiceField(ClaimStatus.choices)
    about = serializers.ChoiceField(
        ABOUT, help_text=_("A handling without a refund, one that the consumer contested, or a refused refund.")
    )
    text = serializers.CharField()
    contested = serializers.CharField(help_text=_("What the consumer said against it."))
    pictures = PictureSerializer(many=True)
    submitted_at = serializers.DateTimeField()
    submitted_by = serializers.CharField(help_text=_("Staff of the platform have no name here."))
    review_by = serializers.DateTimeField(help_text=_("The end of the working day by which staff review it."))
    review_is_provisional = serializers.BooleanField(
        help_text=_("The public holidays of that time are not published yet: it may move, only ever later.")
    )
    ruling = serializers.ChoiceField(RULINGS, allow_blank=True, help_text=_("Empty until staff have ruled."))
    reason_code = serializers.ChoiceField(Reason.choices, allow_blank=True, help_text=_("Why staff ruled so."))
    message = serializers.CharField(help_text=_("What staff say to the merchant."))
    decided_at = serializers.DateTimeField(allow_null=True)


class RefundCaseSerializer(serializers.Serializer[Any]):
    """A pending refund as it stands in a list."""

    case_no = serializers.CharField()
    url = serializers.CharField(help_text=_("Where the pending refund is, with all that belongs to it."))
    status = serializers.ChoiceField(CaseStatus.choices)
    allowed_actions = serializers.ListField(
        child=serializers.ChoiceField(ACTIONS), help_text=_("What this key may do with it now.")
    )
    complaint_no = serializers.CharField()
    complaint_url = serializers.CharField()
    app_id = serializers.CharField()
    trade_no = serializers.CharField()
    trade_amount = YuanField()
    advance_protection = serializers.BooleanField()
    amount = YuanField(help_text=_("What staff ruled due."))
    refunded = YuanField(help_text=_("What refunds that succeeded add up to."))
    processing = YuanField(help_text=_("What refunds that are being processed add up to."))
    rest = YuanField(help_text=_("What is still to be refunded."))
    round = serializers.IntegerField(help_text=_("1, and one more after each refusal that was overruled."))
    points = serializers.IntegerField(help_text=_("What missing the deadline costs."))
    opened_at = serializers.DateTimeField()
    refund_by = serializers.DateTimeField(help_text=_("The last moment at which refunding is in time."))
    stopped_at = serializers.DateTimeField(
        allow_null=True, help_text=_("Since when the clock stands still; null while it runs.")
    )
    ended_at = serializers.DateTimeField(allow_null=True)


class FundSplitSerializer(PaidFromSerializer):
    """How the guarantee fund would pay all that can be refunded now, and what it would hold afterwards."""

    amount = YuanField()
    deposit_after = YuanField(allow_null=True, help_text=_("Null when the fund is short."))
    bonus_after = YuanField(allow_null=True, help_text=_("Null when the fund is short."))
    missing = YuanField(help_text=_("What the deposit lacks; above zero the fund cannot pay."))
    least_top_up = YuanField(help_text=_("The smallest top-up after which it can, with the bonus on it."))


class WholeRefundCaseSerializer(RefundCaseSerializer):
    """A pending refund with all that belongs to it."""

    merchant = serializers.CharField()
    mini_program = serializers.CharField()
    at_most = YuanField(
        help_text=_("What can be refunded now: less than the rest where the trade was refunded for another complaint.")
    )
    from_fund = FundSplitSerializer(
        allow_null=True,
        help_text=_(
            "Null when nothing is left to refund, when the merchant is not in the guarantee plan, and for keys that "
            "may neither refund nor use the plan."
        ),
    )
    refunds = RefundSerializer(many=True, help_text=_("Newest first."))
    claims = NoRefundClaimSerializer(many=True, help_text=_("All no-refund claims about the complaint, newest first."))
    history = HistoryLineSerializer(many=True, help_text=_("Of the whole case, oldest first."))


class RefundCasePageSerializer(NeighboursSerializer):
    """A page of pending refunds, newest first."""

    results = RefundCaseSerializer(many=True)


class RefundPageSerializer(NeighboursSerializer):
    """A page of refunds, newest first."""

    results = RefundSerializer(many=True)


class NoRefundClaimPageSerializer(NeighboursSerializer):
    """A page of no-refund claims, newest first."""

    results = NoRefundClaimSerializer(many=True)


def case_documents(cases: Iterable[RefundCase], actor: Actor) -> list[dict[str, Any]]:
    """Return what `RefundCaseSerializer` describes, of each of these, for whoever asks."""
    cases = list(cases)
    progress = progress_of(cases)
    return [case_document(case, progress[case.pk], actor) for case in cases]


def case_document(case: RefundCase, progress: Progress, actor: Actor) -> dict[str, Any]:
    """Return what `RefundCaseSerializer` describes, for whoever asks."""
    moves = progress.moves_of(case)
    return {
        "case_no": case.case_no,
        "url": reverse("api:refund_case", args=[case.case_no]),
        "status": case.status,
        "allowed_actions": [verb for verb in ACTIONS if verb in moves and may(actor, verb, case.merchant_id)],
        "complaint_no": case.complaint.complaint_no,
        "complaint_url": reverse("api:complaint", args=[case.complaint.complaint_no]),
        "app_id": case.mini_program.app_id,
        "trade_no": case.complaint.trade_no,
        "trade_amount": yuan(case.complaint.trade_amount),
        "advance_protection": case.complaint.advance_protection,
        "amount": yuan(case.amount),
        "refunded": yuan(progress.refunded),
        "processing": yuan(progress.processing),
        "rest": yuan(progress.rest_of(case)),
        "round": case.round,
        "points": case.points,
        "opened_at": utc(case.opened_at),
        "refund_by": utc(case.refund_by),
        "stopped_at": utc(case.stopped_at),
        "ended_at": utc(case.ended_at),
    }


def whole_case_document(case: RefundCase, actor: Actor, *, now: datetime) -> dict[str, Any]:
    """Return what `WholeRefundCaseSerializer` describes, of a case that came with everything."""
    progress = progress_of([case])[case.pk]
    at_most = min(progress.rest_of(case), refundable(case.complaint))
    refunds = with_all(case.refunds.select_related("trade")).order_by("-requested_at", "-pk")
    claims = with_all(case.complaint.no_refund_claims.all()).order_by("-submitted_at", "-pk")
    return case_document(case, progress, actor) | {
        "merchant": case.merchant.name,
        "mini_program": case.mini_program.name,
        "at_most": yuan(at_most),
        "from_fund": _split_document(case, at_most, actor, now=now),
        "refunds": refund_documents(refunds),
        "claims": [claim_document(each) for each in claims],
        "history": [line_document(line) for line in case.complaint.history.order_by("at", "pk")],
    }


def _split_document(case: RefundCase, amount: Decimal, actor: Actor, *, now: datetime) -> dict[str, Any] | None:
    """Return what `FundSplitSerializer` describes, or None when the fund has no part in it or is not this key's."""
    is_told = actor.kind == ActorKind.MERCHANT and bool(actor.grants & {Grant.REFUND, Grant.FUND})
    account = account_of(case.merchant_id) if is_told and amount and case.status == CaseStatus.DUE else None
    if account is None:
        return None
    parts = preview(amount, account, now=now)
    return {
        "amount": yuan(amount),
        "bonus": yuan(parts.bonus),
        "deposit": yuan(parts.deposit),
        "deposit_after": None if parts.missing else yuan(parts.after.deposit),
        "bonus_after": None if parts.missing else yuan(parts.after.bonus),
        "missing": yuan(parts.missing),
        "least_top_up": yuan(parts.least_top_up),
    }


def refund_documents(refunds: Iterable[Refund]) -> list[dict[str, Any]]:
    """Return what `RefundSerializer` describes, of each of these, which came with everything."""
    refunds = list(refunds)
    parts = parts_of(refunds)
    return [refund_document(each, parts.get(each.pk)) for each in refunds]


def refund_document(refund: Refund, parts: dict[str, Decimal] | None) -> dict[str, Any]:
    """Return what `RefundSerializer` describes; `parts` is what each book of the fund paid of it."""
    return {
        "id": refund.pk,
        "refund_no": refund.refund_no,
        "url": refund_address(refund),
        "status": refund.status,
        "channel": refund.channel,
        "amount": yuan(refund.amount),
        **_about_complaint(refund, refund.refund_case),
        "trade_no": refund.trade.trade_no,
        "requested_at": utc(refund.requested_at),
        "requested_by": named(refund),
        "ended_at": utc(refund.ended_at),
        "is_verified": refund.is_verified,
        "reference": refund.reference,
        "failure_code": refund.failure_code,
        "failure": str(refund.why_failed),
        "paid_from": parts and {book: yuan(parts.get(book, ZERO)) for book in OWN},
        "pictures": [picture_document(picture) for picture in refund.evidence.all()],
    }


ELSEWHERE = "elsewhere-"


def refund_address(refund: Refund) -> str:
    """Return where a refund is. A number that others gave may stand twice, or hold anything: there it is our own id."""
    ours = refund.channel != Channel.ELSEWHERE
    return reverse("api:refund", args=[refund.refund_no if ours else f"{ELSEWHERE}{refund.pk}"])


def claim_document(claim: NoRefundClaim) -> dict[str, Any]:
    """Return what `NoRefundClaimSerializer` describes. Who of the staff ruled stays with the platform."""
    return {
        "id": claim.pk,
        "url": reverse("api:no_refund_claim", args=[claim.pk]),
        "status": claim.status,
        "about": about(claim),
        **_about_complaint(claim, claim.refund_case),
        "text": claim.text,
        "contested": claim.contested,
        "pictures": [picture_document(picture) for picture in claim.evidence.all()],
        "submitted_at": utc(claim.submitted_at),
        "submitted_by": named(claim),
        "review_by": utc(claim.review_by),
        "review_is_provisional": claim.is_provisional,
        "ruling": claim.ruling,
        "reason_code": claim.reason_code,
        "message": claim.message,
        "decided_at": utc(claim.decided_at),
    }


def _about_complaint(about: Refund | NoRefundClaim, case: RefundCase | None) -> dict[str, Any]:
    complaint_no = about.complaint.complaint_no
    return {
        "complaint_no": complaint_no,
        "complaint_url": reverse("api:complaint", args=[complaint_no]),
        "case_no": case and case.case_no,
        "case_url": case and reverse("api:refund_case", args=[case.case_no]),
    }


def named(row: Any) -> str:
    """Return the name of who made a row; staff of the platform have none here."""
    return "" if row.actor_kind == ActorKind.STAFF else str(row.actor_name)
