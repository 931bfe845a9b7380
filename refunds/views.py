"""Merchant pages about pending refunds: the list, one case, and what can be done about it: refund, or refuse."""

from dataclasses import replace
from decimal import Decimal
from http import HTTPMethod, HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.counting import count_words
from common.errors import BadInput, Conflict, IllegalMove
from common.keyset import BadCursor, Page, keyset_page
from common.policy import policy_at
from common.wording import yuan
from complaints.queries import with_everything
from complaints.timeline import timeline
from merchants.members import administrators_of
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page, no_access
from refunds import services
from refunds.claims import can_be_refused, check_refusable
from refunds.forms import FilterForm, RefundForm, RefusalForm
from refunds.fund import balance_of
from refunds.gateways import refund_gateway
from refunds.models import Channel, NoRefundClaim, Refund, RefundCase
from refunds.permissions import may
from refunds.queries import (
    Offer,
    claims_of,
    is_overdue,
    listed,
    narrowed,
    offer_of,
    paid_of,
    parts_of,
    points_of,
    preview,
    refunds_of,
    segments,
    status_counts,
)
from refunds.refunding import check_wanted
from refunds.states import CaseStatus, ClaimStatus, RefundStatus

LOOKS = 8
"""So often a page asks by itself whether a refund is through; afterwards the person asks."""


@require_safe
@member_page(Grant.VIEW)
def case_list(request: MemberRequest) -> HttpResponse:
    """List pending refunds: what is due by its deadline, then the others newest first."""
    form = FilterForm(request.GET, merchant_id=request.merchant.pk)
    context: dict[str, Any] = {"form": form, "now": request.now, "page": Page(rows=[], previous=None, next=None)}
    counts: dict[str, int] = {}
    if form.is_valid():
        wanted, statuses = form.wanted(), form.statuses()
        cases = narrowed(listed(request.actor), wanted, now=request.now)
        counts = status_counts(cases)
        try:
            page = keyset_page(segments(cases, statuses), cursor=request.GET.get("cursor", ""))
        except BadCursor as refusal:
            context["cursor_refusal"] = str(refusal)
            page = keyset_page(segments(cases, statuses))
        context |= {
            "page": page,
            "paid": paid_of(page.rows),
            "points": points_of(page.rows),
            "total": count_words(sum(counts[status] for status in statuses)),
            "narrowed": bool(wanted),
            "has_filters": bool(replace(wanted, search="")),
            "only_due": list(statuses) == [CaseStatus.DUE],
            "may_refund": may(request.actor, "refund"),
        }
    context["tabs"] = form.tabs(request.GET, counts)
    return render(request, "refunds/list.html", context)


@require_safe
@member_page(Grant.VIEW)
def case_detail(request: MemberRequest, case_no: str) -> HttpResponse:
    """Show a pending refund with everything known about it, and what can be done."""
    if request.headers.get("HX-Request") and "look" in request.GET:
        return _look_again(request, case_no)
    return _detail(request, case_no)


def _look_again(request: MemberRequest, case_no: str) -> HttpResponse:
    """Answer the page that waits for a refund: still processing, or something is new and the page loads again."""
    case = _case(request, case_no)
    waiting = Refund.objects.filter(refund_case=case, status=RefundStatus.PROCESSING).count()
    if str(waiting) != request.GET.get("waiting"):
        return HttpResponse(headers={"HX-Refresh": "true"})
    given = request.GET["look"]
    look = min(int(given), LOOKS) + 1 if given.isdecimal() else LOOKS + 1
    return render(request, "refunds/_waiting.html", {"case": case, **_waiting(waiting, look)})


def _waiting(number: int, look: int = 1) -> dict[str, Any]:
    return {"waiting": number, "look": look, "delay": 2 + look, "looks_on": look <= LOOKS}


@member_page(Grant.VIEW)
def refund_case(request: MemberRequest, case_no: str) -> HttpResponse:
    """Refund a part of what is due, or all of it.

    Where money moves, a page of its own (GET, with channel and amount) first says how; the way back from a top-up
    leads to it. Only a POST whose `step` is `refund`, or which records a refund made elsewhere, does something.
    """
    case = _case(request, case_no)
    if not may(request.actor, "refund", case.merchant_id):
        return no_access(request, Grant.REFUND)
    is_post = request.method == HTTPMethod.POST
    if not is_post and "channel" not in request.GET:
        return redirect("refunds:detail", case_no)
    form = RefundForm(
        request.POST if is_post else request.GET, request.FILES, case=case, actor=request.actor, now=request.now
    )
    try:
        if form.is_valid():
            return _take(request, case, form)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except (IllegalMove, Conflict) as refusal:
        return _too_late(request, case_no, form, refusal)
    return _detail(request, case_no, refund_form=form, status=HTTPStatus.BAD_REQUEST)


def _take(request: MemberRequest, case: RefundCase, form: RefundForm) -> HttpResponse:
    """Do what a valid form asks for: show the question, lead to it, or refund."""
    channel, amount = form.cleaned_data["channel"], form.cleaned_data["amount"]
    if request.method != HTTPMethod.POST:
        return _question(request, case, form)
    if channel != Channel.ELSEWHERE and request.POST.get("step") != "refund":
        check_wanted(case, amount)
        return redirect(_question_about(case, channel, amount))
    given = form.given(request.POST.get("request_key", ""))
    made = services.refund(case.pk, given, actor=request.actor, now=request.now)
    _say_what_became_of(request, made)
    return redirect(f"{reverse('refunds:detail', args=[case.case_no])}#refunds")


def _question_about(case: RefundCase, channel: str, amount: Decimal) -> str:
    """Return the address of the page that asks once more before this amount is refunded."""
    asked = urlencode({"channel": channel, "amount": f"{amount:.2f}"})
    return f"{reverse('refunds:refund', args=[case.case_no])}?{asked}"


def _say_what_became_of(request: MemberRequest, made: Refund) -> None:
    facts = {"amount": yuan(made.amount), "number": made.refund_no}
    if made.requested_at != request.now:
        messages.info(request, _("This refund was made already: %(amount)s, %(number)s. Nothing moved twice.") % facts)
    elif made.status == RefundStatus.PROCESSING:
        messages.info(request, _("The refund of %(amount)s is being processed. Its result appears here.") % facts)
    else:
        messages.success(request, _("%(amount)s was refunded.") % facts)


def _too_late(request: MemberRequest, case_no: str, form: RefundForm, refusal: IllegalMove | Conflict) -> HttpResponse:
    """Say why a refund cannot be made now: beside its field where it has one, else above what was typed."""
    if refusal.field in form.fields:
        short_of = form.cleaned_data["amount"] if refusal.code == "fund_short" else None
        form.add_error(refusal.field, str(refusal))
        return _detail(request, case_no, refund_form=form, short_of=short_of, status=HTTPStatus.CONFLICT)
    return _detail(request, case_no, refund_form=form, refusal=str(refusal), status=HTTPStatus.CONFLICT)


def _question(request: MemberRequest, case: RefundCase, form: RefundForm) -> HttpResponse:
    """Ask once more: from what the money comes, what is left, or what is missing."""
    channel, amount = form.cleaned_data["channel"], form.cleaned_data["amount"]
    check_wanted(case, amount)
    offer = offer_of(case)
    if channel == Channel.ELSEWHERE or (channel == Channel.API and refund_gateway() is None):
        return redirect("refunds:detail", case.case_no)
    context = {
        "case": case,
        "channel": channel,
        "amount": amount,
        "typed_amount": f"{amount:.2f}",
        "left_after": offer.rest - amount,
        "is_late": is_overdue(case, now=request.now),
        "request_key": _request_key(case),
        "account": offer.account,
        "policy": policy_at(request.now),
        "may_see_fund": may(request.actor, "top_up", case.merchant_id),
        "way_back": request.get_full_path(),
        "now": request.now,
    }
    if channel == Channel.FUND and offer.account is not None:
        context["parts"] = preview(amount, offer.account, now=request.now)
    return render(request, "refunds/confirm.html", context)


def _request_key(case: RefundCase) -> str:
    """Return the name of the next refund of a case from a page.

    Pages that were opened while the case stood as it does share it: two tabs, a double click and the way back are one
    wish, and the second of them is answered with the refund of the first.
    """
    return f"page-{case.case_no}-{Refund.objects.filter(refund_case=case).count()}"


@member_page(Grant.VIEW)
def refuse_case(request: MemberRequest, case_no: str) -> HttpResponse:
    """Refuse to refund: a text and pictures, for staff to rule on. Where that is not possible, the case says why."""
    case = _case(request, case_no)
    if not may(request.actor, "refuse", case.merchant_id):
        return no_access(request, Grant.REFUND)
    if request.method != HTTPMethod.POST:
        why_not = _why_not_refuse(case)
        if why_not:
            messages.warning(request, why_not)
            return redirect("refunds:detail", case_no)
        return _refusal_page(request, case, RefusalForm(case=case, actor=request.actor, now=request.now))
    form = RefusalForm(request.POST, request.FILES, case=case, actor=request.actor, now=request.now)
    try:
        if form.is_valid():
            text, pictures = form.cleaned_data["text"], form.cleaned_data["pictures"]
            services.refuse(case.pk, text, evidence=pictures, actor=request.actor, now=request.now)
            messages.success(request, _("The refusal was sent. The clock stands still until staff have ruled."))
            return redirect("refunds:detail", case_no)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        return _refusal_page(request, case, form, refusal=str(refusal), status=HTTPStatus.CONFLICT)
    return _refusal_page(request, case, form, status=HTTPStatus.BAD_REQUEST)


def _refusal_page(
    request: MemberRequest,
    case: RefundCase,
    form: RefusalForm,
    *,
    refusal: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    days = policy_at(request.now).review_working_days
    context = {"case": case, "form": form, "refusal": refusal, "days": days, "now": request.now}
    return render(request, "refunds/refuse.html", context, status=status)


def _why_not_refuse(case: RefundCase) -> str:
    """Say why a case cannot be refused now; nothing when it can."""
    try:
        check_refusable(case)
    except IllegalMove as refusal:
        return str(refusal)
    return ""


def _case(request: MemberRequest, case_no: str) -> RefundCase:
    return get_object_or_404(listed(request.actor), case_no=case_no)


def _detail(
    request: MemberRequest,
    case_no: str,
    *,
    refund_form: RefundForm | None = None,
    refusal: str = "",
    short_of: Decimal | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    """Show a case with the form for what this member can do now, filled in with what they typed already.

    `short_of` is the amount for which the fund falls short: the page leads to a top-up and back.
    """
    actor, now = request.actor, request.now
    case = _case(request, case_no)
    case.complaint = get_object_or_404(with_everything(actor), pk=case.complaint_id)
    offer = offer_of(case)
    refunds, claims = refunds_of(case), claims_of(case.complaint)
    may_refund = may(actor, "refund", case.merchant_id)
    is_due = case.status == CaseStatus.DUE
    context: dict[str, Any] = {
        "case": case,
        "complaint": case.complaint,
        "offer": offer,
        "paid": case.amount - offer.rest,
        "points": points_of([case]).get(case.pk),
        "missed": is_overdue(case, now=now),
        "refunds": refunds,
        "parts": parts_of(refunds),
        "rulings": [claim for claim in claims if claim.ruling],
        "open_claim": _open_claim(claims),
        "can_be_refused": can_be_refused(case, claims),
        "entries": timeline(case.complaint),
        "refusal": refusal,
        "typed": refund_form if refusal else None,
        "now": now,
        **_waiting(sum(1 for each in refunds if each.status == RefundStatus.PROCESSING)),
    }
    if is_due and not may_refund:
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.REFUND}
    elif is_due:
        form = refund_form or _fresh_form(request, case, offer.at_most)
        context |= {"form": form, "ways": _ways(form, offer.account is not None), **_refund_facts(request, case, offer)}
    if short_of is not None and offer.account is not None:
        context["short"] = preview(short_of, offer.account, now=now)
        context["way_back"] = _question_about(case, Channel.FUND, short_of)
    return render(request, "refunds/detail.html", context, status=status)


def _open_claim(claims: list[NoRefundClaim]) -> NoRefundClaim | None:
    return next((claim for claim in claims if claim.status == ClaimStatus.SUBMITTED), None)


def _fresh_form(request: MemberRequest, case: RefundCase, at_most: Decimal) -> RefundForm:
    return RefundForm(case=case, actor=request.actor, now=request.now, initial={"amount": f"{at_most:.2f}"})


def _refund_facts(request: MemberRequest, case: RefundCase, offer: Offer) -> dict[str, Any]:
    """Return what the form for refunding shows beside its fields."""
    may_see_fund = may(request.actor, "top_up", case.merchant_id)
    return {
        "request_key": _request_key(case),
        "why_not_refuse": _why_not_refuse(case),
        "policy": policy_at(request.now),
        "balance": balance_of(offer.account) if offer.account and may_see_fund else None,
    }


def _ways(form: RefundForm, is_enrolled: bool) -> list[dict[str, Any]]:
    """Return the ways of refunding that are offered, and which is chosen: the fund, where there is no other choice."""
    chosen = form["channel"].value() or (Channel.FUND if is_enrolled else "")
    offered = [Channel.FUND, *([Channel.API] if refund_gateway() else []), Channel.ELSEWHERE]
    return [
        {"value": channel.value, "checked": channel == chosen, "refused": channel == Channel.FUND and not is_enrolled}
        for channel in offered
    ]
