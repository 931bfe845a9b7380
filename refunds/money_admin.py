"""Admin of the guarantee fund: accounts, top-ups and the ledger. Money moves through verbs; a mistake is reversed."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.admin import PageAdmin, QueueFilter, RecordAdmin, RecordInline, attempt, state_badge
from common.errors import PortalError
from common.templatetags.ui import moment, money
from common.wording import yuan
from refunds import money_admin_queries as queries
from refunds import services
from refunds.fund import balance_of
from refunds.models import FundEntry, FundTransfer, GuaranteeAccount, TopUp
from refunds.money_admin_forms import ReasonForm, TransferForm
from refunds.money_statistics import DIFFERS, WAITING_FOR_SECOND, waiting_of
from refunds.permissions import APPROVE, may, require
from refunds.states import TOP_UP, TopUpStatus
from refunds.top_ups import preview_top_up

WAITING, LOOK, ALL = "waiting", "differs", "all"
LOOKS = ("css/desk.css", "css/money-admin.css")


@admin.register(GuaranteeAccount)
class GuaranteeAccountAdmin(PageAdmin):
    """Who is in the guarantee plan, and what each account holds."""

    page_template = "admin/refunds/guaranteeaccount/page.html"
    list_display = ("merchant", "platform", "deposit_held", "bonus_held", "enrolled_at", "enrolled_by")
    list_select_related = ("merchant", "merchant__platform")
    list_filter = ("merchant__platform",)
    search_fields = ("merchant__name__icontains", "merchant__id__exact")
    search_help_text = _("A part of a merchant's name, or its number.")

    class Media:
        css = {"all": LOOKS}

    def get_queryset(self, request: HttpRequest) -> QuerySet[GuaranteeAccount]:
        accounts: QuerySet[GuaranteeAccount] = super().get_queryset(request)
        return queries.with_holdings(accounts)

    @admin.display(description=_("platform"))
    def platform(self, account: GuaranteeAccount) -> str:
        return str(account.merchant.platform)

    @admin.display(description=_("deposit"))
    def deposit_held(self, account: Any) -> SafeString:
        return money(account.deposit)

    @admin.display(description=_("bonus"))
    def bonus_held(self, account: Any) -> SafeString:
        return money(account.bonus)

    def facts(self, request: HttpRequest, record: GuaranteeAccount) -> dict[str, Any]:
        """Return what the account holds, what waits to come in, and its latest transfers."""
        balance = balance_of(record)
        return {
            "account": record,
            "balance": balance,
            "bonus_left": queries.bonus_left(balance, now=request.now),  # type: ignore[attr-defined]  # set by middleware
            "waiting": list(waiting_of(record.pk)[: queries.LATEST]),
            "movements": queries.movements(record.transfers.all()),
            "may_record": may(request.actor, "record_top_up"),  # type: ignore[attr-defined]  # set by middleware
        }


class TopUpQueue(QueueFilter):
    title = _("queue")
    usual = WAITING

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            (WAITING, _("waiting for a second person")),
            (LOOK, _("paid online, another amount")),
            *((status.value, status.label) for status in TopUpStatus),
            (ALL, _("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TopUp]) -> QuerySet[TopUp]:
        chosen = self.chosen()
        wanted = {WAITING: WAITING_FOR_SECOND, LOOK: DIFFERS, ALL: Q()}
        return queryset.filter(wanted[chosen] if chosen in wanted else Q(status=chosen))


@admin.register(TopUp)
class TopUpAdmin(PageAdmin):
    """Bank transfers that staff record, with a second person above the policy's amount; and what was paid online."""

    page_template = "admin/refunds/topup/page.html"
    change_list_template = "admin/refunds/topup/change_list.html"
    list_display = (
        "number",
        "status_badge",
        "money",
        "account",
        "bank_reference",
        "recorded",
    )
    list_select_related = ("account__merchant",)
    list_filter = (TopUpQueue, "channel", "account__merchant__platform")
    search_fields = ("number__startswith", "bank_reference__exact")
    search_help_text = _("A top-up's number or its beginning, or the reference of a bank transfer.")
    actions = ("approve_chosen",)
    actions_selection_counter = False  # what a person approves, they have seen on this page

    class Media:
        css = {"all": LOOKS}

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What waits longest comes first; of all others the latest."""
        return ("requested_at", "pk") if request.GET.get("queue", WAITING) in (WAITING, LOOK) else ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("record/", wrap(self.record_view), name="refunds_topup_record"),
            path("<int:top_up_id>/approve/", wrap(self.approve_view), name="refunds_topup_approve"),
            path("<int:top_up_id>/decline/", wrap(self.decline_view), name="refunds_topup_decline"),
            path("<int:top_up_id>/reverse/", wrap(self.reverse_view), name="refunds_topup_reverse"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"may_record": may(request.actor, "record_top_up")}  # type: ignore[attr-defined]  # set by middleware
        return super().changelist_view(request, {**(extra_context or {}), **more})

    @admin.display(description=_("status"))
    def status_badge(self, top_up: TopUp) -> SafeString:
        return state_badge(top_up.status, top_up.get_status_display())

    @admin.display(description=_("recorded (Beijing time)"))
    def recorded(self, top_up: TopUp) -> SafeString:
        return format_html("{}<br>{}", moment(top_up.requested_at, zone=False), top_up.actor_name)

    @admin.display(description=_("amount"))
    def money(self, top_up: TopUp) -> SafeString:
        return money(top_up.amount)

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(APPROVE))

    @admin.action(description=_("Approve the chosen top-ups"), permissions=["approve"])
    def approve_chosen(self, request: HttpRequest, top_ups: QuerySet[TopUp]) -> None:
        """Approve one after the other, and say of each what became of it."""
        for top_up in top_ups.order_by("pk"):
            try:
                services.approve_top_up(top_up.pk, **self.who_and_when(request))
            except PortalError as refusal:
                self.message_user(request, f"{top_up}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, _credited(top_up), messages.SUCCESS)

    def facts(self, request: HttpRequest, record: TopUp) -> dict[str, Any]:
        """Return the top-up with what it would bring or has moved, and what may be done about it."""
        actor, now = request.actor, request.now  # type: ignore[attr-defined]  # set by middleware
        is_pending = record.status == TopUpStatus.PENDING
        is_transfer = record.channel == TopUp.Channel.BANK_TRANSFER
        is_own = is_transfer and (record.actor_kind, record.actor_id) == (actor.kind, actor.id)
        decides = may(actor, "decide_top_up") and not is_own
        return {
            "top_up": record,
            "account": record.account,
            "preview": preview_top_up(record.account_id, record.amount, now=now) if is_pending else None,
            "movements": queries.movements(record.transfers.all()),
            "is_own": is_own and record.status in (TopUpStatus.PENDING, TopUpStatus.CREDITED),
            "may_approve": is_pending and is_transfer and decides,
            "may_decline": is_pending and decides and record.ask_at is None,
            "may_reverse": "reverse" in TOP_UP.allowed(record.status) and may(actor, "reverse") and not is_own,
        }

    def record_view(self, request: HttpRequest) -> HttpResponse:
        """Record a bank transfer: find the account, say what came, look at what that does, and confirm it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        require(request.actor, "record_top_up")  # type: ignore[attr-defined]  # set by middleware
        account = _account(request.GET.get("account", ""))
        if account is None:
            return self._find(request)
        if request.method != "POST" or "change" in request.POST:
            return self._transfer(request, account, TransferForm(initial=request.POST.dict()))
        form = TransferForm(request.POST)

        def show(status: int) -> HttpResponse:
            return self._transfer(request, account, form, status)

        def record(given: dict[str, Any]) -> HttpResponse:
            if "confirm" not in request.POST:
                preview = preview_top_up(account.pk, given["amount"], now=request.now)  # type: ignore[attr-defined]  # set by middleware
                return self._transfer(request, account, form, preview=preview)
            made = services.record_top_up(account.pk, **given, **self.who_and_when(request))
            messages.success(request, _recorded(made))
            return redirect("admin:refunds_topup_change", made.pk)

        return attempt(form, record, show)

    def approve_view(self, request: HttpRequest, top_up_id: int) -> HttpResponse:
        """Credit what a colleague recorded; it is sent from the page that shows it."""
        top_up = self._top_up(request, top_up_id)
        if request.method != "POST":
            return redirect("admin:refunds_topup_change", top_up_id)
        try:
            services.approve_top_up(top_up_id, **self.who_and_when(request))
        except PortalError as error:
            return self.show(request, top_up, error)
        messages.success(request, _credited(top_up))
        return redirect("admin:refunds_topup_change", top_up_id)

    def decline_view(self, request: HttpRequest, top_up_id: int) -> HttpResponse:
        """Decline what was recorded wrongly, with a reason."""
        return self._with_reason(request, top_up_id, "decline", _("Decline top-up %(number)s"))

    def reverse_view(self, request: HttpRequest, top_up_id: int) -> HttpResponse:
        """Take a credited top-up back: what that moves is shown first, and the reason is asked for."""
        return self._with_reason(request, top_up_id, "reverse", _("Reverse top-up %(number)s"))

    def _with_reason(self, request: HttpRequest, top_up_id: int, verb: str, title: Promise) -> HttpResponse:
        top_up = self._top_up(request, top_up_id)
        require(request.actor, _PERMISSION_OF[verb])  # type: ignore[attr-defined]  # set by middleware
        form = ReasonForm(request.POST or None)

        def show(status: int) -> HttpResponse:
            context = {"top_up": top_up, "account": top_up.account, "form": form, "original": top_up}
            context["is_possible"] = verb in TOP_UP.allowed(top_up.status)
            if verb == "reverse":
                context["back"] = queries.taken_back(top_up.account, queries.to_take_back(top_up))
            template = f"admin/refunds/topup/{verb}.html"
            return self.page(request, template, status, title=title % {"number": top_up}, **context)

        def act(given: dict[str, Any]) -> HttpResponse:
            _VERBS[verb](top_up_id, reason=given["reason"], **self.who_and_when(request))
            messages.success(request, _DONE[verb] % {"number": top_up})
            return redirect("admin:refunds_topup_change", top_up_id)

        return attempt(form, act, show) if request.method == "POST" else show(200)

    def _top_up(self, request: HttpRequest, top_up_id: int) -> TopUp:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(TopUp.objects.select_related("account__merchant__platform"), pk=top_up_id)

    def _find(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").strip().replace("\0", "")
        found = queries.accounts_called(text) if text else []
        return self.page(
            request,
            "admin/refunds/topup/find.html",
            title=_("Record a bank transfer"),
            text=text,
            accounts=found[: queries.FOUND_AT_MOST],
            has_more=len(found) > queries.FOUND_AT_MOST,
        )

    def _transfer(
        self, request: HttpRequest, account: GuaranteeAccount, form: TransferForm, status: int = 200, **context: Any
    ) -> HttpResponse:
        return self.page(
            request,
            "admin/refunds/topup/record.html",
            status,
            title=_("Record a bank transfer"),
            account=account,
            balance=balance_of(account),
            form=form,
            **context,
        )


_PERMISSION_OF = {"decline": "decide_top_up", "reverse": "reverse"}
_VERBS = {"decline": services.decline_top_up, "reverse": services.reverse_top_up}
_DONE = {
    "decline": _("Top-up %(number)s was declined. No money was moved."),
    "reverse": _("Top-up %(number)s was reversed."),
}


def _account(text: str) -> GuaranteeAccount | None:
    """Return the account that an address names, or None."""
    pk = int(text) if text.isdecimal() and len(text) < 18 else 0
    return GuaranteeAccount.objects.select_related("merchant__platform").filter(pk=pk).first()


def _recorded(top_up: TopUp) -> str:
    if top_up.status == TopUpStatus.PENDING:
        return gettext("Top-up %(number)s is recorded. It is credited when a second person has looked at it.") % {
            "number": top_up
        }
    return _credited(top_up)


def _credited(top_up: TopUp) -> str:
    """Say what a top-up brought."""
    bonus = sum(queries.movement_of(each).bonus for each in top_up.transfers.prefetch_related("entries"))
    return gettext("Top-up %(number)s was credited: %(amount)s, and a bonus of %(bonus)s.") % {
        "number": top_up,
        "amount": yuan(top_up.amount),
        "bonus": yuan(bonus),  # type: ignore[arg-type]  # the sum of amounts, or 0
    }


class EntryInline(RecordInline):
    model = FundEntry
    fields = ("book", "amount")
    ordering = ("pk",)


@admin.register(FundTransfer)
class FundTransferAdmin(RecordAdmin):
    """The ledger. Each transfer has entries that add up to zero; nothing here is ever changed."""

    list_display = ("number", "moved_at", "kind", "account", "deposit", "bonus", "about", "actor_name")
    list_select_related = ("account__merchant", "top_up", "refund")
    list_filter = ("kind",)
    search_fields = ("top_up",)
    search_help_text = _("The whole number of a top-up or a refund, or the reference of a bank transfer.")
    fields = ("account", "kind", "at", "top_up", "refund", "reverses", "actor_name")
    inlines = (EntryInline,)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Of one account an index serves the order of time; of all, the order in which they were written."""
        return ("-at", "-pk") if request.GET.get("account__id__exact") else ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[FundTransfer]:
        transfers: QuerySet[FundTransfer] = super().get_queryset(request)
        return transfers.prefetch_related("entries")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[FundTransfer], search_term: str
    ) -> tuple[QuerySet[FundTransfer], bool]:
        text = search_term.strip()
        return (queries.transfers_numbered(queryset, text) if text else queryset), False

    class Media:
        css = {"all": LOOKS}

    @admin.display(description=_("at (Beijing time)"))
    def moved_at(self, transfer: FundTransfer) -> SafeString:
        return moment(transfer.at, zone=False)

    @admin.display(description=_("number"))
    def number(self, transfer: FundTransfer) -> int:
        return transfer.pk

    @admin.display(description=_("deposit"))
    def deposit(self, transfer: FundTransfer) -> SafeString:
        return _signed(queries.movement_of(transfer).deposit)

    @admin.display(description=_("bonus"))
    def bonus(self, transfer: FundTransfer) -> SafeString:
        return _signed(queries.movement_of(transfer).bonus)

    @admin.display(description=_("what for"))
    def about(self, transfer: FundTransfer) -> str:
        return str(transfer.top_up or transfer.refund or "")


def _signed(amount: Any) -> SafeString:
    """Write an amount that came in with a plus, so that it is told apart from one that went out."""
    return (
        format_html('<span class="money">{}{}</span>', "+" if amount > 0 else "", yuan(amount))
        if amount
        else money(None)
    )
