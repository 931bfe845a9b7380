"""Read the guarantee plan as its merchant sees it: what the fund holds, what is on its way, and the statement.

A statement stays quick when it is long. A page takes its rows by the index `transfer_by_account`. What was held after
the newest of them is what the account holds now (a sum that the index `fund_balance` answers alone) less what moved
since; from there a window counts down over the rows shown. All of it is one statement to the database, so a transfer
that is made meanwhile cannot put the balances out.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import (
    DecimalField,
    Expression,
    F,
    Field,
    FilteredRelation,
    Q,
    QuerySet,
    RowRange,
    Subquery,
    Sum,
    Value,
    Window,
)
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleLessThanOrEqual,
)
from django.db.models.functions import Coalesce

from common.keyset import Page, Segment, keyset_page
from common.numbers import BEIJING
from common.policy import Policy, policy_at
from complaints.queries import start_of
from refunds.fund import Balance, balance_of, bonus_on
from refunds.models import Book, FundEntry, FundTransfer, GuaranteeAccount, TopUp
from refunds.states import TopUpStatus

if TYPE_CHECKING:  # the mypy plugin reads it; nothing else needs it
    from django_stubs_ext import WithAnnotations

PENDING_SHOWN = 10
YUAN: "Field[Any, Any]" = DecimalField(max_digits=14, decimal_places=2)
ZERO = Value(Decimal("0.00"), output_field=YUAN)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a merchant's fund holds, and how much bonus their top-ups can still bring. Yuan to the cent."""

    balance: Balance
    bonus_left: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """What a top-up would bring if it were credited now. Yuan to the cent."""

    amount: Decimal
    bonus: Decimal
    after: Balance
    bonus_left: Decimal
    """How much bonus later top-ups can still bring."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a statement, Beijing's, both included; None leaves that side open."""

    first: date | None = None
    last: date | None = None

    @property
    def end(self) -> datetime | None:
        """The last moment of the last day."""
        return datetime.combine(self.last, time.max, tzinfo=BEIJING) if self.last else None


class Moved(TypedDict):
    """What a row of the statement has beside its transfer: what moved in each book, and what was held after it."""

    deposit: Decimal
    bonus: Decimal
    deposit_after: Decimal
    bonus_after: Decimal


def standing_of(account: GuaranteeAccount, *, now: datetime) -> Standing:
    """Look up what an account holds, and how much bonus is left to get."""
    balance = balance_of(account)
    return Standing(balance, _left(balance, policy_at(now)))


def _left(balance: Balance, policy: Policy) -> Decimal:
    return max(Decimal("0.00"), policy.bonus_cap - balance.granted)


def preview(amount: Decimal, balance: Balance, *, now: datetime) -> Preview:
    """Say what a top-up would bring now."""
    policy = policy_at(now)
    bonus = bonus_on(amount, granted=balance.granted, policy=policy)
    after = Balance(balance.deposit + amount, balance.bonus + bonus, balance.granted + bonus)
    return Preview(amount, bonus, after, _left(after, policy))


def pending_top_ups(account: GuaranteeAccount) -> list[TopUp]:
    """Return the newest top-ups that are not credited yet."""
    rows = TopUp.objects.filter(account=account, status=TopUpStatus.PENDING)
    return list(rows.order_by("-requested_at", "-pk")[:PENDING_SHOWN])


def statement_page(account_id: int, days: Days, *, cursor: str = "", size: int = 20) -> Page[FundTransfer]:
    """Return a page of the statement, the newest first, each transfer with what was held after it.

    Refuses a cursor of another list with `BadCursor`.
    """
    rows = _of(account_id, days)
    page = keyset_page([Segment(rows, "-at")], cursor=cursor, size=size)
    if not page.rows:
        return page
    newest = page.rows[0]
    # Not by their ids: the rows must lie side by side for their balances, also when one was made just now.
    shown = rows.filter(TupleLessThanOrEqual(Tuple(F("at"), F("pk")), (newest.at, newest.pk)))
    # PostgreSQL cannot tell how few rows a comparison of pairs leaves; the moment alone it has statistics for.
    since = Q(TupleGreaterThan(Tuple(F("transfer__at"), F("transfer_id")), (newest.at, newest.pk)))
    since &= Q(transfer__at__gte=newest.at)
    return replace(page, rows=list(_with_balances(shown, account_id, since=since)[: len(page.rows)]))


def whole_statement(account_id: int, days: Days) -> "QuerySet[WithAnnotations[FundTransfer, Moved]]":
    """Return the whole statement, the newest first, as one statement to the database that can be read in a stream."""
    since = Q(transfer__at__gt=days.end) if days.end else None
    return _with_balances(_of(account_id, days), account_id, since=since)


def _of(account_id: int, days: Days) -> QuerySet[FundTransfer]:
    conditions = Q(account_id=account_id)
    if days.first:
        conditions &= Q(at__gte=start_of(days.first))
    if days.end:
        conditions &= Q(at__lte=days.end)
    return FundTransfer.objects.filter(conditions)


def _with_balances(
    rows: QuerySet[FundTransfer], account_id: int, *, since: Q | None
) -> "QuerySet[WithAnnotations[FundTransfer, Moved]]":
    """Add to each of these rows, which lie side by side, what it moved and what was held after it.

    `since` matches the entries of the transfers that are newer than the newest of the rows.
    """
    moved = {
        f"in_{book}": FilteredRelation("entries", condition=Q(entries__book=book))
        for book in (Book.DEPOSIT.value, Book.BONUS.value)
    }
    rows = rows.annotate(**moved).annotate(
        deposit=Coalesce(F("in_deposit__amount"), ZERO), bonus=Coalesce(F("in_bonus__amount"), ZERO)
    )
    rows = rows.annotate(
        deposit_after=_held(account_id, Book.DEPOSIT, since) - _newer("deposit"),
        bonus_after=_held(account_id, Book.BONUS, since) - _newer("bonus"),
    )
    what_for = ("top_up", "refund__refund_case", "refund__complaint", "refund__trade", "reverses")
    return rows.select_related(*what_for).order_by("-at", "-pk")


def _held(account_id: int, book: Book, since: Q | None) -> Expression:
    """What a book holds now, less what moved in it `since`."""
    entries = FundEntry.objects.filter(account_id=account_id, book=book)
    held = _sum(entries)
    if since is None:
        return held
    return held - _sum(entries.filter(since, transfer__account_id=account_id))


def _sum(entries: QuerySet[FundEntry]) -> Expression:
    total = entries.order_by().values("book").annotate(sum=Sum("amount")).values("sum")
    return Coalesce(Subquery(total), ZERO)


def _newer(moved: str) -> Expression:
    """The sum of what the rows above moved: those that are newer than this one."""
    above = Window(
        Sum(moved), order_by=[F("at").desc(), F("id").desc()], frame=RowRange(start=None, end=-1), output_field=YUAN
    )
    return Coalesce(above, ZERO)
