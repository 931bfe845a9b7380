"""Merchant pages about penalties: the violation records, and one of them with its whole case."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from common.keyset import BadCursor, Page, keyset_page
from complaints.queries import with_everything
from complaints.timeline import timeline
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page
from penalties.forms import FilterForm
from penalties.permissions import visible_to
from penalties.queries import case_of, narrowed, points_overview, rule_of, segments
from penalties.states import Status


@require_safe
@member_page(Grant.VIEW)
def penalty_list(request: MemberRequest) -> HttpResponse:
    """List penalties: what still can be appealed by the end of its window, then the others newest first."""
    form = FilterForm(request.GET, merchant_id=request.merchant.pk)
    context: dict[str, Any] = {
        "form": form,
        "now": request.now,
        "page": Page(rows=[], previous=None, next=None),
        "overview": points_overview(request.merchant.pk),
        "tabs": form.tabs(request.GET),
    }
    if form.is_valid():
        wanted = form.wanted()
        found = segments(narrowed(visible_to(request.actor), wanted, now=request.now), now=request.now)
        try:
            page = keyset_page(found, cursor=request.GET.get("cursor", ""))
        except BadCursor as refusal:
            context["cursor_refusal"] = str(refusal)
            page = keyset_page(found)
        has_filters = any(name not in ("status", "cursor") and value for name, value in request.GET.items())
        context |= {"page": page, "narrowed": bool(wanted), "has_filters": has_filters}
    return render(request, "penalties/list.html", context)


@require_safe
@member_page(Grant.VIEW)
def penalty_detail(request: MemberRequest, penalty_no: str) -> HttpResponse:
    """Show a penalty: which rule, what it cost, its whole case, and whether it can be appealed."""
    penalty = get_object_or_404(visible_to(request.actor), penalty_no=penalty_no)
    penalty.complaint = get_object_or_404(with_everything(request.actor), pk=penalty.complaint_id)
    context = {
        "penalty": penalty,
        "complaint": penalty.complaint,
        "rule": rule_of(penalty),
        "refund_case": case_of(penalty),
        "is_revoked": penalty.status == Status.REVOKED,
        "entries": timeline(penalty.complaint),
        "now": request.now,
    }
    return render(request, "penalties/detail.html", context)
