"""Admin: pending refunds, refunds and the trades they are bound by. Verbs move them; nobody edits or deletes one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.admin import PageAdmin, QueueFilter, RecordAdmin, attempt, state_badge
from common.errors import PortalError
from common.templatetags.ui import moment, money
from common.wording import clock_face
from complaints.timeline import timeline
from refunds import claims_admin as claims_admin  # noqa: PLC0414 (registers its models)
from refunds import money_admin_queries as queries
from refunds import services
from refunds.cases import rest_of, sum_of_refunds
from refunds.models import NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.money_admin import LOOKS
from refunds.money_admin_forms import ReasonForm
from refunds.money_statistics import DUE, is_due_today, is_overdue
from refunds.permissions import may, require
from refunds.queries import in_doubt
from refunds.reasons import Reason
from refunds.states import CaseStatus, RefundStatus

DUE_QUEUE, OVERDUE, TODAY, STOPPED, REFUSED, ENDED, ALL = (
    "due",
    "overdue",
    "today",
    "processing",
    "refused",
    "ended",
    "all",
)
DOUBT = "in_doubt"


class CaseQueue(QueueFilter):
    title = _("queue")
    usual = DUE_QUEUE

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            (DUE_QUEUE, _("refund due")),
            (OVERDUE, _("overdue")),
            (TODAY, _("due today")),
            (STOPPED, _("being processed")),
            (REFUSED, _("refusal under review")),
            (ENDED, _("refunded, or none due")),
            (ALL, _("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RefundCase]) -> QuerySet[RefundCase]:
        now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
        wanted = {
            DUE_QUEUE: DUE,
            OVERDUE: is_overdue(now),
            TODAY: is_due_today(now),
            STOPPED: DUE & Q(stopped_at__isnull=False),
            REFUSED: Q(status=CaseStatus.REFUSED),
            ENDED: Q(status__in=(CaseStatus.REFUNDED, CaseStatus.WAIVED)),
            ALL: Q(),
        }
        return queryset.filter(wanted[self.chosen()])


@admin.register(RefundCase)
class RefundCaseAdmin(PageAdmin):
    """What is due, by its deadline. A row leads to all that is known of the case."""

    page_template = "admin/refunds/refundcase/page.html"
    list_display = (
        "case_no",
        "due",
        "status_badge",
        "merchant",
        "amount_due",
        "paid_so_far",
        "round",
    )
    list_select_related = ("merchant",)
    list_filter = (CaseQueue, "merchant__platform")
    search_fields = ("case_no",)
    search_help_text = _("A case's number or its beginning, or a complaint's whole number.")

    class Media:
        css = {"all": LOOKS}

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is due first comes first; of all others the latest."""
        return ("-pk",) if request.GET.get("queue") in (REFUSED, ENDED, ALL) else ("refund_by", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundCase]:
        """Give each row what is paid of it, and the moment of the request, by which its clock is shown."""
        now = Value(request.now, output_field=DateTimeField())  # type: ignore[attr-defined]  # set by arrival_middleware
        return queries.with_paid(super().get_queryset(request)).annotate(seen_at=now)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RefundCase], search_term: str
    ) -> tuple[QuerySet[RefundCase], bool]:
        text = search_term.strip()
        return (queries.cases_numbered(queryset, text) if text else queryset), False

    @admin.display(description=_("refund due (Beijing time)"))
    def due(self, case: Any) -> SafeString:
        """Show the clock of what is due, and the moment alone of what is not any more."""
        at = moment(case.refund_by, zone=False)
        if case.status != CaseStatus.DUE:
            return at
        if case.stopped_at is not None:
            return format_html('<span class="due"><strong>{}</strong> {}</span>', gettext("stands still"), at)
        face = clock_face(case.refund_by, now=case.seen_at)
        words = gettext("overdue") if face.state == "missed" else face.words
        return format_html('<span class="due" data-state="{}"><strong>{}</strong> {}</span>', face.state, words, at)

    @admin.display(description=_("amount due"))
    def amount_due(self, case: RefundCase) -> SafeString:
        return money(case.amount)

    @admin.display(description=_("refunded so far"))
    def paid_so_far(self, case: Any) -> SafeString:
        return money(case.paid)

    @admin.display(description=_("status"))
    def status_badge(self, case: RefundCase) -> SafeString:
        return state_badge(case.status, case.get_status_display())

    def facts(self, request: HttpRequest, record: RefundCase) -> dict[str, Any]:
        """Return the case with its refunds, its claims and the history of its complaint."""
        complaint = queries.complaint_of(record, request.actor)  # type: ignore[attr-defined]  # set by middleware
        return {
            "case": record,
            "complaint": complaint,
            "paid": sum_of_refunds(record),
            "rest": rest_of(record),
            "refunds": record.refunds.order_by("-requested_at", "-pk"),
            "claims": [(claim, _reason(claim)) for claim in queries.claims_about(record.complaint_id)],
            "entries": timeline(complaint),
            "is_overdue": record.status == CaseStatus.DUE
            and record.stopped_at is None
            and record.refund_by < request.now,  # type: ignore[attr-defined]  # set by arrival_middleware
        }


def _reason(claim: NoRefundClaim) -> str:
    """Return why staff ruled as they did, in words; nothing before they ruled."""
    return str(Reason(claim.reason_code).label) if claim.reason_code else ""


class RefundQueue(QueueFilter):
    title = _("result")
    usual = ALL

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(DOUBT, _("in doubt")), *RefundStatus.choices, (ALL, _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        chosen = self.chosen()
        if chosen == DOUBT:
            unknown = in_doubt(request.now)  # type: ignore[attr-defined]  # set by arrival_middleware
            return queryset.filter(pk__in=unknown.values("pk"))
        return queryset if chosen == ALL else queryset.filter(status=chosen)


@admin.register(Refund)
class RefundAdmin(PageAdmin):
    """Refunds, and what the payment system says of each. Staff ask it again, and take back what never arrived."""

    page_template = "admin/refunds/refund/page.html"
    list_display = (
        "refund_no",
        "status_badge",
        "money",
        "merchant",
        "channel",
        "requested",
    )
    list_select_related = ("merchant",)
    list_filter = (RefundQueue, "channel", "merchant__platform")
    search_fields = ("refund_no",)
    search_help_text = _("A refund's number or its beginning, or the whole number of a case, a complaint or a trade.")

    class Media:
        css = {"all": LOOKS}

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Of what is not known yet, the oldest comes first."""
        return ("requested_at", "pk") if request.GET.get("queue") in (DOUBT, RefundStatus.PROCESSING) else ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:refund_id>/ask/", wrap(self.ask_view), name="refunds_refund_ask"),
            path("<int:refund_id>/reverse/", wrap(self.reverse_view), name="refunds_refund_reverse"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        text = search_term.strip()
        return (queries.refunds_numbered(queryset, text) if text else queryset), False

    @admin.display(description=_("status"))
    def status_badge(self, refund: Refund) -> SafeString:
        return state_badge(refund.status, refund.get_status_display())

    @admin.display(description=_("requested (Beijing time)"))
    def requested(self, refund: Refund) -> SafeString:
        return moment(refund.requested_at, zone=False)

    @admin.display(description=_("amount"))
    def money(self, refund: Refund) -> SafeString:
        return money(refund.amount)

    def facts(self, request: HttpRequest, record: Refund) -> dict[str, Any]:
        """Return the refund with its story, its proof, and how money moved for whoever may see the fund."""
        actor, now = request.actor, request.now  # type: ignore[attr-defined]  # set by middleware
        sees_fund = request.user.has_perm("refunds.view_fundtransfer")
        return {
            "refund": record,
            "case": record.refund_case,
            "story": [(line, RefundStatus(line.to_state).label) for line in queries.story_of(record)],
            "pictures": record.evidence.order_by("pk"),
            "movements": queries.movements(record.transfers.all()) if sees_fund else [],
            "is_in_doubt": in_doubt(now).filter(pk=record.pk).exists(),
            "may_ask": record.status == RefundStatus.PROCESSING and may(actor, "ask"),
            "may_reverse": record.status == RefundStatus.SUCCEEDED and may(actor, "reverse"),
        }

    def ask_view(self, request: HttpRequest, refund_id: int) -> HttpResponse:
        """Ask the payment system now, and say what it says."""
        refund = self._refund(request, refund_id)
        if request.method != "POST":
            return redirect("admin:refunds_refund_change", refund_id)
        try:
            refund = services.ask_now(refund_id, actor=request.actor, clock=timezone.now)  # type: ignore[attr-defined]  # set by middleware
        except PortalError as error:
            return self.show(request, refund, error)
        answer = gettext("Asked the payment system: %(answer)s") % {"answer": refund.get_status_display()}
        self.log_change(request, refund, answer)
        messages.add_message(request, *_heard(refund))
        return redirect("admin:refunds_refund_change", refund_id)

    def reverse_view(self, request: HttpRequest, refund_id: int) -> HttpResponse:
        """Take a refund back that never arrived: what that moves is shown first, and the reason is asked for."""
        refund = self._refund(request, refund_id)
        require(request.actor, "reverse")  # type: ignore[attr-defined]  # set by middleware
        form = ReasonForm(request.POST or None)

        def show(status: int) -> HttpResponse:
            return self._reversal(request, refund, form, status)

        def reverse_refund(given: dict[str, Any]) -> HttpResponse:
            services.reverse_refund(refund_id, reason=given["reason"], **self.who_and_when(request))
            messages.success(request, _("Refund %(refund)s was reversed.") % {"refund": refund})
            return redirect("admin:refunds_refund_change", refund_id)

        return attempt(form, reverse_refund, show) if request.method == "POST" else show(200)

    def _refund(self, request: HttpRequest, refund_id: int) -> Refund:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Refund.objects.select_related("refund_case", "merchant", "trade"), pk=refund_id)

    def _reversal(self, request: HttpRequest, refund: Refund, form: ReasonForm, status: int) -> HttpResponse:
        transfers = queries.to_take_back(refund)
        back = queries.taken_back(transfers[0].account, transfers) if transfers else None
        case = refund.refund_case
        return self.page(
            request,
            "admin/refunds/refund/reverse.html",
            status,
            title=_("Reverse refund %(refund)s") % {"refund": refund},
            original=refund,
            refund=refund,
            case=case,
            begins_anew=case is not None and case.status == CaseStatus.REFUNDED,
            back=back,
            form=form,
            is_possible=refund.status == RefundStatus.SUCCEEDED,
        )


def _heard(refund: Refund) -> tuple[int, str]:
    """Return how the answer of the payment system is told, and in which tone."""
    if refund.status == RefundStatus.SUCCEEDED:
        return messages.SUCCESS, gettext("The payment system says: refunded.")
    if refund.status == RefundStatus.FAILED:
        return messages.WARNING, gettext("The payment system says: not refunded. %(why)s") % {"why": refund.why_failed}
    return messages.WARNING, gettext("The payment system does not say yet. It is asked again by itself.")


@admin.register(RefundedTrade)
class RefundedTradeAdmin(RecordAdmin):
    """How much of each trade is refunded or promised; never more than it cost."""

    list_display = ("trade_no", "merchant", "trade_amount", "refunded")
    list_select_related = ("merchant",)
    list_filter = ("merchant__platform",)
    search_fields = ("trade_no__startswith",)
    search_help_text = _("A trade's number, or its beginning.")
    readonly_fields = ("its_refunds",)

    @admin.display(description=_("refunds"))
    def its_refunds(self, trade: RefundedTrade) -> SafeString:
        address = f"{reverse('admin:refunds_refund_changelist')}?trade__id__exact={trade.pk}"
        return format_html('<a href="{}">{}</a>', address, gettext("the refunds of this trade"))
