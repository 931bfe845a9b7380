"""Merchant pages about the guarantee plan: joining it, topping up, what it holds, and the statement.

`next` is the page that sent somebody here, such as a refund that waits for money; every page keeps it and leads back.
"""

from collections.abc import Iterator
from decimal import Decimal
from http import HTTPMethod, HTTPStatus
from typing import Any
from urllib.parse import urlencode

from defusedcsv import csv as defused
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.errors import BadInput, IllegalMove
from common.keyset import BadCursor, Page
from common.numbers import BEIJING
from common.policy import policy_at
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page
from refunds import services
from refunds.fund import ZERO, Balance, bonus_on, split
from refunds.gateways import payment_gateway
from refunds.models import FundTransfer, GuaranteeAccount, TopUp
from refunds.permissions import visible_accounts
from refunds.plan_forms import DaysForm, TopUpForm
from refunds.plan_queries import Days, pending_top_ups, preview, standing_of, statement_page, whole_statement
from refunds.top_ups import pay_by

LATEST = 5
LOOKS = 6
"""So often a page looks again by itself whether a payment arrived."""
EXAMPLE_TOP_UP, EXAMPLE_REFUND = Decimal("1000.00"), Decimal("100.00")


@require_safe
@member_page(Grant.FUND)
def plan(request: MemberRequest) -> HttpResponse:
    """Show what the plan is and how to join; to who has joined, what their fund holds and what moved last."""
    return _plan(request)


@member_page(Grant.FUND)
def enrol(request: MemberRequest) -> HttpResponse:
    """Join the plan, and go back to the page that sent somebody here, or else to the plan."""
    way_back = _way_back(request)
    if request.method != HTTPMethod.POST:
        return redirect(_with_next("refunds:plan", way_back))
    try:
        services.enrol(request.merchant.pk, actor=request.actor, now=request.now)
    except IllegalMove as refusal:
        return _plan(request, refusal=str(refusal), status=HTTPStatus.CONFLICT)
    messages.success(request, _("You have joined the guarantee plan. Top up the deposit to refund from it."))
    return redirect(way_back or "refunds:plan")


def _plan(request: MemberRequest, *, refusal: str = "", status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    account, policy = _account(request), policy_at(request.now)
    context: dict[str, Any] = {"account": account, "policy": policy, "refusal": refusal, "now": request.now}
    context["next"] = way_back = _way_back(request)
    if account is None:
        bonus = bonus_on(EXAMPLE_TOP_UP, granted=ZERO, policy=policy)
        parts = split(EXAMPLE_REFUND, Balance(EXAMPLE_TOP_UP, bonus), policy=policy)
        context |= {"example_top_up": EXAMPLE_TOP_UP, "example_bonus": bonus}
        context |= {"example_refund": EXAMPLE_REFUND, "example_parts": parts}
        return render(request, "guarantee/join.html", context, status=status)
    context |= {
        "standing": standing_of(account, now=request.now),
        "top_ups": pending_top_ups(account),
        "page": statement_page(account.pk, Days(), size=LATEST),
        "top_up_url": _with_next("refunds:top_up", way_back),
    }
    return render(request, "guarantee/plan.html", context, status=status)


@member_page(Grant.FUND)
def top_up(request: MemberRequest) -> HttpResponse:
    """Ask how much, show what bonus it brings, and how to pay: by bank transfer, or online.

    `step` says which button was pressed: `preview` shows the bonus, `pay` begins an online payment.
    """
    account = _account(request)
    if account is None:
        messages.warning(request, _("Join the guarantee plan first; then the deposit can be topped up."))
        return redirect(_with_next("refunds:plan", _way_back(request)))
    if request.method != HTTPMethod.POST:
        given = request.GET if request.GET.get("amount") else None
        return _top_up_page(request, account, TopUpForm(given))
    form = TopUpForm(request.POST)
    if not form.is_valid():
        # The preview that follows the typing is not swapped in by htmx when its answer is a refusal.
        status = HTTPStatus.OK if _is_typing(request) else HTTPStatus.BAD_REQUEST
        return _top_up_page(request, account, form, status=status)
    if request.POST.get("step") != "pay" or payment_gateway() is None:
        return _top_up_page(request, account, form)
    try:
        begun = services.start_online_top_up(
            request.merchant.pk, form.cleaned_data["amount"], actor=request.actor, now=request.now
        )
    except BadInput as refusal:
        form.add_error("amount", str(refusal))
        return _top_up_page(request, account, form, status=HTTPStatus.BAD_REQUEST)
    return redirect(_with_next("refunds:top_up_pay", _way_back(request), begun.number))


def _top_up_page(
    request: MemberRequest, account: GuaranteeAccount, form: TopUpForm, *, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    standing = standing_of(account, now=request.now)
    amount = form.cleaned_data.get("amount") if form.is_bound and form.is_valid() else None
    policy = policy_at(request.now)
    context = {
        "form": form,
        "standing": standing,
        "preview": preview(amount, standing.balance, now=request.now) if amount else None,
        "policy": policy,
        "is_typing": _is_typing(request),
        "is_online": payment_gateway() is not None,
        "bank_details": settings.GUARANTEE_BANK_DETAILS,
        "next": _way_back(request),
    }
    return render(request, "guarantee/top_up.html", context, status=status)


def _is_typing(request: MemberRequest) -> bool:
    return "HX-Request" in request.headers


@require_safe
@member_page(Grant.FUND)
def top_up_pay(request: MemberRequest, number: str) -> HttpResponse:
    """Lead to the page of the payment system, which is elsewhere: by a link, for forms must not lead away from here."""
    begun, gateway, way_back = _top_up(request, number), payment_gateway(), _way_back(request)
    if gateway is None or begun.ask_at is None or begun.channel != TopUp.Channel.ONLINE:
        return redirect(_with_next("refunds:top_up_done", way_back, number))
    done = _with_next("refunds:top_up_done", way_back, number, returned="1")
    address = gateway.pay_address(
        number=begun.number,
        amount=begun.amount,
        subject=_("Guarantee deposit of %(merchant)s") % {"merchant": request.merchant.name},
        return_to=request.build_absolute_uri(done),
        until=pay_by(begun),
    )
    context = {"top_up": begun, "address": address, "paid_url": done}
    return render(request, "guarantee/pay.html", context | {"top_up_url": _with_next("refunds:top_up", way_back)})


@require_safe
@member_page(Grant.FUND)
def top_up_done(request: MemberRequest, number: str) -> HttpResponse:
    """Show what became of a top-up. Who comes back from paying makes the portal ask once; then the worker asks on."""
    found, way_back = _top_up(request, number), _way_back(request)
    if "returned" in request.GET and request.method == HTTPMethod.GET:
        _ask_once(request, found)
        return redirect(_with_next("refunds:top_up_done", way_back, number))
    looked = request.GET.get("looked", "")
    looks = int(looked) if looked.isdecimal() and len(looked) <= 2 else 0
    is_waited_for = found.ask_at is not None
    context = {
        "top_up": found,
        "bonus": _bonus_of(found),
        "is_waited_for": is_waited_for,
        "can_pay": is_waited_for and payment_gateway() is not None,
        "looks_again": is_waited_for and looks < LOOKS,
        "look_again_url": _with_next("refunds:top_up_done", way_back, number, looked=str(looks + 1)),
        "done_url": _with_next("refunds:top_up_done", way_back, number),
        "pay_url": _with_next("refunds:top_up_pay", way_back, number),
        "again_url": _with_next("refunds:top_up", way_back, amount=str(found.amount)),
        "next": way_back,
        "now": request.now,
    }
    return render(request, "guarantee/done.html", context)


def _ask_once(request: MemberRequest, found: TopUp) -> None:
    gateway = payment_gateway()
    if gateway is not None and found.ask_at is not None:
        services.learn_payment(found.pk, gateway.query_payment(found.number), now=request.now)


def _bonus_of(found: TopUp) -> Decimal:
    """Return the bonus that a top-up brought."""
    brought = found.transfers.filter(kind=FundTransfer.Kind.BONUS, entries__book="bonus")
    amount: Decimal | None = brought.values_list("entries__amount", flat=True).first()
    return amount or ZERO


@require_safe
@member_page(Grant.FUND)
def statement(request: MemberRequest) -> HttpResponse:
    """Show everything that moved in the fund, the newest first, and what was held after each."""
    account = _account(request)
    if account is None:
        return redirect(_with_next("refunds:plan", _way_back(request)))
    return _statement(request, account, DaysForm(request.GET, auto_id="days_%s"))


def _statement(
    request: MemberRequest, account: GuaranteeAccount, form: DaysForm, *, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "standing": standing_of(account, now=request.now),
        "page": Page(rows=[], previous=None, next=None),
    }
    if form.is_valid():
        days = form.days()
        try:
            page = statement_page(account.pk, days, cursor=request.GET.get("cursor", ""))
        except BadCursor as refusal:
            context["cursor_refusal"] = str(refusal)
            page = statement_page(account.pk, days)
        given = {name: value for name in ("first", "last") if (value := request.GET.get(name))}
        context |= {
            "page": page,
            "is_narrowed": days != Days(),
            "csv_url": _with_next("refunds:statement_csv", "", **given),
        }
    return render(request, "guarantee/statement.html", context, status=status)


@require_safe
@member_page(Grant.FUND)
def statement_csv(request: MemberRequest) -> HttpResponseBase:
    """Send the whole statement, or these days of it, as a table for a spreadsheet, while it is read."""
    account = _account(request)
    if account is None:
        return redirect(_with_next("refunds:plan", _way_back(request)))
    form = DaysForm(request.GET, auto_id="days_%s")
    if not form.is_valid():
        return _statement(request, account, form, status=HTTPStatus.BAD_REQUEST)
    days = form.days()
    span = "".join(f"-{day:%Y-%m-%d}" for day in (days.first, days.last) if day)
    return StreamingHttpResponse(
        _lines(account, days, _headings(), {kind.value: capfirst(str(kind.label)) for kind in FundTransfer.Kind}),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="guarantee-statement{span}.csv"'},
    )


def _headings() -> list[str]:
    return [
        _("Date (Beijing time, UTC+08:00)"),
        _("Kind"),
        _("Top-up"),
        _("Reference of the bank transfer"),
        _("Refund"),
        _("Pending refund"),
        _("Complaint number"),
        _("Trade number"),
        _("Deposit ±"),
        _("Bonus ±"),
        _("Deposit after"),
        _("Bonus after"),
    ]


class _Line:
    """A file of one line at a time: what is written is what the response sends next."""

    def write(self, text: str) -> str:
        return text


def _lines(account: GuaranteeAccount, days: Days, headings: list[str], kinds: dict[str, str]) -> Iterator[str]:
    """Yield the table line by line. Excel needs the mark before it; cells that it would run as formulas are text.

    Words come from outside: while a response is being sent, no language is chosen any more.
    """
    writer = defused.writer(_Line())
    yield "\ufeff" + writer.writerow(headings)
    for at, kind, *numbers, deposit, bonus, deposit_after, bonus_after in _cells(account, days):
        cells = [f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}", kinds[kind], *(number or "" for number in numbers)]
        amounts = (deposit, bonus, deposit_after, bonus_after)
        yield writer.writerow([*cells, *(f"{amount:.2f}" for amount in amounts)])


def _cells(account: GuaranteeAccount, days: Days) -> Iterator[tuple[Any, ...]]:
    """Yield what the table shows of each row, and no more of it: whole rows would take three times as long."""
    what_for = (
        "top_up__number",
        "top_up__bank_reference",
        "refund__refund_no",
        "refund__refund_case__case_no",
        "refund__complaint__complaint_no",
        "refund__trade__trade_no",
    )
    amounts = ("deposit", "bonus", "deposit_after", "bonus_after")
    return whole_statement(account.pk, days).values_list("at", "kind", *what_for, *amounts).iterator(chunk_size=2000)


def _account(request: MemberRequest) -> GuaranteeAccount | None:
    return visible_accounts(request.actor).first()


def _top_up(request: MemberRequest, number: str) -> TopUp:
    return get_object_or_404(TopUp, account__in=visible_accounts(request.actor), number=number)


def _way_back(request: MemberRequest) -> str:
    """Return the page of the portal to go back to, or nothing; an address elsewhere is nothing."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_safe else ""


def _with_next(name: str, way_back: str, *parts: str, **more: str) -> str:
    """Return the address of a page that keeps the way back."""
    query = urlencode({**more, **({"next": way_back} if way_back else {})})
    return reverse(name, args=parts) + (f"?{query}" if query else "")
