"""The guarantee fund: who is in the plan, what they put in, what the platform adds, and how a refund is split.

The ledger is double-entry. A transfer's entries add up to zero; what an account holds is the sum of its entries, read
while the account's row is locked. Amounts are yuan to the cent; fractions of a cent are left off, never rounded up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, IllegalMove
from common.policy import Policy, policy_at
from notifications.services import emit
from refunds.models import CENT, Book, FundEntry, FundTransfer, GuaranteeAccount, Refund, TopUp
from refunds.permissions import require

ZERO = Decimal("0.00")
WAITED_AT_MOST = timedelta(minutes=5)
"""Longer than a request, or a run over many complaints, waits for an account. What stands later is of a wrong clock."""
MOST = Decimal("999999999999.99")
"""More than this no row can hold."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds, and how much bonus it ever got. Yuan to the cent."""

    deposit: Decimal = ZERO
    bonus: Decimal = ZERO
    granted: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Split:
    """How a refund is paid: so much from the bonus, so much from the deposit, and what they hold afterwards.

    `missing` is what the deposit lacks; `least_top_up` is the smallest top-up that would do, with the bonus on it.
    """

    bonus: Decimal
    deposit: Decimal
    after: Balance
    missing: Decimal = ZERO
    least_top_up: Decimal = ZERO


def balance_of(account: GuaranteeAccount | int) -> Balance:
    """Return what an account holds: the sums of its entries."""
    account_id = account if isinstance(account, int) else account.pk
    rows = FundEntry.objects.filter(account_id=account_id).values_list("book").annotate(sum=Sum("amount"))
    sums: dict[str, Decimal] = dict(rows.order_by())
    granted = -sums.get(Book.SUBSIDY, ZERO)
    return Balance(sums.get(Book.DEPOSIT, ZERO), sums.get(Book.BONUS, ZERO), granted)


def bonus_on(amount: Decimal, *, granted: Decimal, policy: Policy) -> Decimal:
    """Return the bonus on a top-up: a share of it, until the account got all that the policy allows."""
    share = (amount * policy.bonus_percent / 100).quantize(CENT, ROUND_DOWN)
    return max(ZERO, min(share, policy.bonus_cap - granted))


def split(amount: Decimal, balance: Balance, *, policy: Policy) -> Split:
    """Split a refund: a third from the bonus as far as it reaches, the rest from the deposit."""
    third = (amount / policy.bonus_share).quantize(CENT, ROUND_DOWN)
    bonus = min(third, balance.bonus)
    deposit = amount - bonus
    missing = max(ZERO, deposit - balance.deposit)
    after = Balance(balance.deposit - deposit, balance.bonus - bonus, balance.granted)
    return Split(bonus, deposit, after, missing, _least_top_up(amount, third, balance, missing, policy))


def _least_top_up(amount: Decimal, third: Decimal, balance: Balance, missing: Decimal, policy: Policy) -> Decimal:
    """Return the smallest top-up after which the refund can be paid; `missing` always would do."""
    low, high = 0, int(missing / CENT)
    while low < high:
        middle = (low + high) // 2
        more = middle * CENT
        bonus = min(third, balance.bonus + bonus_on(more, granted=balance.granted, policy=policy))
        if balance.deposit + more >= amount - bonus:
            high = middle
        else:
            low = middle + 1
    return low * CENT


def lock_account(merchant_id: int) -> GuaranteeAccount | None:
    """Lock a merchant's account, or return None when they are not in the plan."""
    return GuaranteeAccount.objects.select_for_update(no_key=True).filter(merchant_id=merchant_id).first()


@transaction.atomic
def enrol(merchant_id: int, *, actor: Actor, now: datetime) -> GuaranteeAccount:
    """Enter the guarantee plan. Refuses whoever may not, and a merchant who is in it already."""
    require(actor, "enrol", merchant_id)
    account, is_new = GuaranteeAccount.objects.get_or_create(
        merchant_id=merchant_id, defaults={"enrolled_at": now, "enrolled_by": actor.name}
    )
    if not is_new:
        raise IllegalMove(_("This merchant has joined the guarantee plan already."), code="enrolled_already")
    emit("fund.enrolled", merchant_id=merchant_id, subject_id=account.pk, at=now)
    return account


def check_amount(amount: Decimal | None, *, field: str = "amount") -> Decimal:
    """Return an amount that is above zero and has no fractions of a cent; refuse any other."""
    if amount is None or not amount.is_finite() or amount <= 0:
        raise BadInput(_("Give an amount above zero."), field=field)
    if amount > MOST:
        raise BadInput(_("Give an amount of at most ¥%(most)s.") % {"most": MOST}, field=field)
    if amount != amount.quantize(CENT, ROUND_DOWN):
        raise BadInput(_("Give the amount in yuan with at most two decimals."), field=field)
    return amount


def pay_refund(
    refund: Refund, account: GuaranteeAccount, *, actor: Actor, now: datetime, field: str = "amount"
) -> Split:
    """Pay a refund from the fund. The caller holds the lock of the account. Refuses when the fund falls short."""
    now = _in_order(account, now)
    parts = split(refund.amount, balance_of(account), policy=policy_at(now))
    if parts.missing:
        raise IllegalMove(short_sentence(parts), field=field, code="fund_short")
    moved = {Book.DEPOSIT: -parts.deposit, Book.BONUS: -parts.bonus, Book.CONSUMERS: refund.amount}
    _transfer(FundTransfer.Kind.REFUND, account, moved, actor=actor, now=now, refund=refund)
    return parts


def short_sentence(parts: Split) -> Any:
    """Say how much the fund lacks, and what mends it."""
    return _("The fund is short by ¥%(missing)s. Top up at least ¥%(least)s, and refund again; nothing was moved.") % {
        "missing": parts.missing,
        "least": parts.least_top_up,
    }


def credit(top_up: TopUp, *, actor: Actor, now: datetime) -> None:
    """Put a top-up into the deposit, and the bonus on it beside. The caller makes the move of the top-up."""
    account = GuaranteeAccount.objects.select_for_update(no_key=True).get(pk=top_up.account_id)
    now = _in_order(account, now)
    bonus = bonus_on(top_up.amount, granted=balance_of(account).granted, policy=policy_at(now))
    kinds = FundTransfer.Kind
    received = {Book.DEPOSIT: top_up.amount, Book.CASH: -top_up.amount}
    _transfer(kinds.TOP_UP, account, received, actor=actor, now=now, top_up=top_up)
    if bonus:
        granted = {Book.BONUS: bonus, Book.SUBSIDY: -bonus}
        _transfer(kinds.BONUS, account, granted, actor=actor, now=now, top_up=top_up)


def reverse(transfers: list[FundTransfer], *, actor: Actor, now: datetime) -> None:
    """Take transfers back by their opposite. Refuses when the money is spent already: the account cannot owe."""
    if not transfers:
        return
    account = GuaranteeAccount.objects.select_for_update(no_key=True).get(pk=transfers[0].account_id)
    now = _in_order(account, now)
    for each in transfers:
        moved = {entry.book: -entry.amount for entry in each.entries.all()}
        _transfer(
            FundTransfer.Kind.REVERSAL,
            account,
            moved,
            actor=actor,
            now=now,
            reverses=each,
            top_up=each.top_up,
            refund=each.refund,
        )
    left = balance_of(account)
    if left.deposit < 0 or left.bonus < 0:
        raise IllegalMove(
            _("Part of this money is spent: the account holds ¥%(deposit)s and ¥%(bonus)s of bonus less than needed.")
            % {"deposit": max(ZERO, -left.deposit), "bonus": max(ZERO, -left.bonus)},
            code="spent_already",
        )


def _in_order(account: GuaranteeAccount, now: datetime) -> datetime:
    """Return when a transfer of a locked account is made: not before the last one, for which it may have waited.

    In this order the account never held less than nothing, and in this order its statement shows them.
    """
    last = FundTransfer.objects.filter(account=account).order_by("-at").values_list("at", flat=True).first()
    return last if last is not None and now < last <= now + WAITED_AT_MOST else now


def _transfer(
    kind: FundTransfer.Kind,
    account: GuaranteeAccount,
    moved: dict[Any, Decimal],
    *,
    actor: Actor,
    now: datetime,
    **what_for: Any,
) -> FundTransfer:
    """Write one transfer with its entries; the database refuses one that does not add up to zero."""
    try:
        with transaction.atomic():
            made = FundTransfer.objects.create(
                account=account,
                kind=kind,
                at=now,
                actor_kind=actor.kind,
                actor_id=actor.id,
                actor_name=actor.name,
                **what_for,
            )
    except IntegrityError as error:
        raise IllegalMove(_("This money was moved already."), code="moved_already") from error
    FundEntry.objects.bulk_create(
        FundEntry(transfer=made, account=account, book=book, amount=amount) for book, amount in moved.items() if amount
    )
    return made
