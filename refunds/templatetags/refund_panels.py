"""Pending refunds on the pages of complaints, which know nothing of them: the templates put the two together."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from common import wording
from common.policy import policy_at
from complaints.models import Complaint
from complaints.states import Status
from refunds.claims import about, can_be_refused
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.queries import account_of, claims_of, preview
from refunds.reasons import Reason
from refunds.states import CaseStatus, ClaimStatus

register = template.Library()


@register.inclusion_tag("refunds/_clock.html", takes_context=True)
def refund_clock(context: template.Context, case: RefundCase, *, large: bool = False) -> dict[str, Any]:
    """The clock of a pending refund. It stands while all of it is being processed, or its refusal is reviewed."""
    return {
        "case": case,
        "stands_still": case.status in (CaseStatus.DUE, CaseStatus.REFUSED) and case.stopped_at is not None,
        "left": case.refund_by - case.stopped_at if case.stopped_at else None,
        "stopped_at": case.stopped_at or case.ended_at,
        "large": large,
        "now": context["now"],
    }


@register.inclusion_tag("refunds/_panel.html", takes_context=True)
def refund_panel(context: template.Context, complaint: Complaint) -> dict[str, Any]:
    """What staff review or ruled about a complaint, and its pending refund; nothing before it was handled."""
    shown: dict[str, Any] = {"now": context["now"]}
    if complaint.status == Status.PENDING:
        return shown
    claims = claims_of(complaint)
    case = RefundCase.objects.filter(complaint=complaint).first() if claims else None
    return shown | {
        "case": case,
        "open_claim": next((claim for claim in claims if claim.status == ClaimStatus.SUBMITTED), None),
        "ruled": next((claim for claim in claims if claim.ruling), None),
        "can_be_refused": case is not None and can_be_refused(case, claims),
    }


@register.simple_tag(takes_context=True)
def fund_preview(context: template.Context, complaint: Complaint, typed: Any = None) -> SafeString:
    """How the fund would pay the amount that was typed, or else what the consumer asked for; or what it lacks."""
    amount = typed if isinstance(typed, Decimal) and typed > 0 else None
    amount = amount or complaint.requested_refund_amount or complaint.trade_amount
    account = account_of(complaint.merchant_id) if amount else None
    parts = preview(amount, account, now=context["now"]) if account else None
    way_back = reverse("complaints:detail", args=[complaint.complaint_no])
    return render_to_string("refunds/_fund_preview.html", {"amount": amount, "parts": parts, "way_back": way_back})


@register.filter
def span_words(span: timedelta) -> str:
    """A span of time in words: 3 d 4 h."""
    return wording.span_words(span)


@register.filter
def ruling_reason(claim: NoRefundClaim) -> str:
    """Why staff ruled as they did, as people read it."""
    return str(Reason(claim.reason_code).label) if claim.reason_code else ""


@register.filter
def working_days(claim: NoRefundClaim) -> int:
    """Within how many working days staff rule on a claim."""
    return policy_at(claim.submitted_at).review_working_days


@register.filter
def claim_about(claim: NoRefundClaim) -> str:
    """What a claim is about: `handling`, `contest` or `refusal`."""
    return about(claim)


@register.filter
def parts_of_refund(found: dict[int, dict[str, Decimal]], made: Refund) -> dict[str, Decimal]:
    """How much of a refund the bonus and the deposit paid: {{ parts|parts_of_refund:refund }}."""
    return found.get(made.pk, {})
