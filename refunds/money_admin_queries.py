"""What the pages of staff about money show: cases with their story, refunds, and how money moved."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from common.actors import Actor
from common.policy import policy_at
from complaints.models import Complaint, HistoryLine
from complaints.queries import with_everything
from refunds.cases import COUNTING
from refunds.fund import ZERO, Balance, balance_of
from refunds.models import (
    Book,
    FundEntry,
    FundTransfer,
    GuaranteeAccount,
    NoRefundClaim,
    Refund,
    RefundCase,
    RefundedTrade,
    TopUp,
)

LATEST = 20
FOUND_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer, with what it put into the merchant's two books or took out of them."""

    transfer: FundTransfer
    deposit: Decimal
    bonus: Decimal


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a reversal would move, and what the account holds before and afterwards."""

    deposit: Decimal
    bonus: Decimal
    before: Balance
    after: Balance

    @property
    def is_possible(self) -> bool:
        return self.after.deposit >= 0 and self.after.bonus >= 0


def movement_of(transfer: FundTransfer) -> Movement:
    """Return what a transfer moved; its entries are best fetched before."""
    moved = {entry.book: entry.amount for entry in transfer.entries.all()}
    return Movement(transfer, moved.get(Book.DEPOSIT, ZERO), moved.get(Book.BONUS, ZERO))


def movements(transfers: QuerySet[FundTransfer], number: int = LATEST) -> list[Movement]:
    """Return the latest of these transfers, with two queries."""
    latest = transfers.select_related("top_up", "refund").prefetch_related("entries").order_by("-at", "-pk")
    return [movement_of(transfer) for transfer in latest[:number]]


def taken_back(account: GuaranteeAccount, transfers: Iterable[FundTransfer]) -> TakenBack:
    """Return what it would do to take these transfers back now."""
    moved = [movement_of(transfer) for transfer in transfers]
    deposit = -sum((each.deposit for each in moved), ZERO)
    bonus = -sum((each.bonus for each in moved), ZERO)
    before = balance_of(account)
    return TakenBack(deposit, bonus, before, Balance(before.deposit + deposit, before.bonus + bonus))


def to_take_back(of: TopUp | Refund) -> list[FundTransfer]:
    """Return the transfers that a reversal takes back, with their entries."""
    return list(of.transfers.filter(reverses=None).select_related("account").prefetch_related("entries"))


def bonus_left(balance: Balance, *, now: datetime) -> Decimal:
    """Return how much bonus an account can still get."""
    return max(ZERO, policy_at(now).bonus_cap - balance.granted)


def with_holdings(accounts: QuerySet[GuaranteeAccount]) -> QuerySet[GuaranteeAccount]:
    """Give each account what it holds in its two books; an index serves each sum."""
    return accounts.annotate(deposit=_holding(Book.DEPOSIT), bonus=_holding(Book.BONUS))


def _holding(book: Book) -> Coalesce:
    entries = FundEntry.objects.filter(account=OuterRef("pk"), book=book).order_by().values("account")
    return _or_nothing(Subquery(entries.annotate(sum=Sum("amount")).values("sum")))


def with_paid(cases: QuerySet[RefundCase]) -> QuerySet[RefundCase]:
    """Give each case how much of it is refunded, or promised by a refund that is being processed."""
    refunds = Refund.objects.filter(refund_case=OuterRef("pk"), status__in=COUNTING).order_by().values("refund_case")
    return cases.annotate(paid=_or_nothing(Subquery(refunds.annotate(sum=Sum("amount")).values("sum"))))


def _or_nothing(amount: Subquery) -> Coalesce:
    return Coalesce(amount, Value(ZERO), output_field=DecimalField(max_digits=14, decimal_places=2))


def complaint_of(case: RefundCase, actor: Actor) -> Complaint:
    """Return the complaint of a case, with its history."""
    return with_everything(actor).get(pk=case.complaint_id)


def claims_about(complaint_id: int) -> QuerySet[NoRefundClaim]:
    """Return the no-refund claims about a complaint, the newest first."""
    claims = NoRefundClaim.objects.filter(complaint_id=complaint_id)
    return claims.select_related("decided_by").order_by("-submitted_at", "-pk")


def story_of(refund: Refund) -> QuerySet[HistoryLine]:
    """Return the moves of one refund, in their order."""
    lines = HistoryLine.objects.filter(complaint_id=refund.complaint_id, noun="refund", noun_id=refund.pk)
    return lines.order_by("at", "pk")


def accounts_called(text: str) -> list[GuaranteeAccount]:
    """Return the accounts of the merchants of this number, or with this in their names; the first of them."""
    wanted = Q(merchant__name__icontains=text)
    if text.isdecimal() and len(text) < 18:
        wanted |= Q(merchant_id=int(text))
    accounts = GuaranteeAccount.objects.filter(wanted).select_related("merchant", "merchant__platform")
    return list(accounts.order_by("merchant__name", "pk")[: FOUND_AT_MOST + 1])


# A search looks numbers up first, each in its own index: one condition over three tables would read all of them.


def cases_numbered(cases: QuerySet[RefundCase], text: str) -> QuerySet[RefundCase]:
    """Return the cases whose number begins so, and the case of the complaint with this number."""
    return cases.filter(Q(case_no__startswith=text) | Q(complaint_id__in=_complaints(text)))


def refunds_numbered(refunds: QuerySet[Refund], text: str) -> QuerySet[Refund]:
    """Return the refunds whose number begins so, and those of the case, the complaint or the trade with this number."""
    cases = list(RefundCase.objects.filter(case_no=text).values_list("pk", flat=True))
    return refunds.filter(
        Q(refund_no__startswith=text)
        | Q(refund_case_id__in=cases)
        | Q(complaint_id__in=_complaints(text))
        | Q(trade_id__in=_trades(text))
    )


def transfers_numbered(transfers: QuerySet[FundTransfer], text: str) -> QuerySet[FundTransfer]:
    """Return the transfers of the top-up or the refund with this number."""
    top_ups = list(TopUp.objects.filter(Q(number=text) | Q(bank_reference=text)).values_list("pk", flat=True))
    refunds = list(Refund.objects.filter(refund_no=text).values_list("pk", flat=True))
    return transfers.filter(Q(top_up_id__in=top_ups) | Q(refund_id__in=refunds))


def _complaints(text: str) -> list[int]:
    return list(Complaint.objects.filter(complaint_no=text).values_list("pk", flat=True))


def _trades(text: str) -> list[int]:
    return list(RefundedTrade.objects.filter(trade_no=text).values_list("pk", flat=True))
