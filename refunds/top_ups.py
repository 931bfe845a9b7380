"""Top-ups of the guarantee deposit: bank transfers that staff record, and payments that a merchant makes online."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.actors import SYSTEM, Actor
from common.errors import BadInput, IllegalMove, NotAllowed
from common.numbers import new_number
from common.policy import policy_at
from notifications.services import emit
from refunds import fund
from refunds.gateways import Answer, Outcome
from refunds.models import GuaranteeAccount, TopUp
from refunds.permissions import require
from refunds.records import as_text
from refunds.states import TOP_UP, TopUpStatus
from refunds.waiting import next_ask

PAY_WITHIN = timedelta(hours=12)
"""So long the payment page takes a payment."""
GIVEN_UP_AFTER = timedelta(hours=24)
"""A payment page that nobody used: the top-up is declined, long after the page took its last payment."""
REFERENCE_LIMIT = 64
REFERENCE_LIMIT_THERE = 128
MOST = Decimal("10000000.00")
"""More than this at once is a slip of the pen."""


@transaction.atomic
def record_top_up(account_id: int, amount: Decimal, *, bank_reference: str, actor: Actor, now: datetime) -> TopUp:
    """Record a bank transfer that arrived. It is credited at once, or waits for a second person above the policy's sum.

    Refuses: whoever may not, an amount that is none, no reference, and a reference that was recorded before.
    """
    require(actor, "record_top_up")
    amount = checked(amount)
    if not bank_reference.strip():
        raise BadInput(
            _("Give the reference of the bank transfer, as the bank statement has it."), field="bank_reference"
        )
    if len(bank_reference.strip()) > REFERENCE_LIMIT:
        raise BadInput(
            _("Keep the reference to %(limit)d characters.") % {"limit": REFERENCE_LIMIT}, field="bank_reference"
        )
    try:
        with transaction.atomic():
            top_up = _new(
                account_id,
                amount,
                TopUp.Channel.BANK_TRANSFER,
                actor=actor,
                now=now,
                bank_reference=bank_reference.strip(),
            )
    except IntegrityError as error:
        raise BadInput(_("A top-up with this reference was recorded before."), field="bank_reference") from error
    if _needs_second_person(amount, now):
        _tell(top_up, "recorded", now=now)
        return top_up
    return _credit(top_up, actor=actor, now=now)


@dataclass(frozen=True, slots=True)
class TopUpPreview:
    """What recording a bank transfer would do: the bonus on it, what the account holds then, and whether it waits."""

    bonus: Decimal
    after: fund.Balance
    waits: bool


def preview_top_up(account_id: int, amount: Decimal, *, now: datetime) -> TopUpPreview:
    """Say what recording a bank transfer would do. Refuses an amount that is none."""
    amount = checked(amount)
    before = fund.balance_of(account_id)
    bonus = fund.bonus_on(amount, granted=before.granted, policy=policy_at(now))
    after = fund.Balance(before.deposit + amount, before.bonus + bonus, before.granted + bonus)
    return TopUpPreview(bonus, after, _needs_second_person(amount, now))


def _needs_second_person(amount: Decimal, now: datetime) -> bool:
    return amount > policy_at(now).top_up_four_eyes


@transaction.atomic
def approve_top_up(top_up_id: int, *, actor: Actor, now: datetime) -> TopUp:
    """Credit a bank transfer that another person recorded. Refuses the one who recorded it, and what is paid online."""
    top_up = _lock_to_decide(top_up_id, "credit", actor)
    top_up.decided_by_id = actor.id
    return _credit(top_up, actor=actor, now=now)


@transaction.atomic
def decline_top_up(top_up_id: int, *, reason: str, actor: Actor, now: datetime) -> TopUp:
    """Decline a bank transfer that was recorded wrongly, or an online payment that arrived with another amount.

    Refuses without a reason, the one who recorded it, and an online payment that may still arrive.
    """
    top_up = _lock_to_decide(top_up_id, "decline", actor)
    top_up.decided_by_id, top_up.reason = actor.id, _reason(reason)
    return _move(top_up, "decline", now=now)


@transaction.atomic
def reverse_top_up(top_up_id: int, *, reason: str, actor: Actor, now: datetime) -> TopUp:
    """Take a credited top-up back, with the bonus on it. Refuses when part of it is spent, and without a reason."""
    top_up = _lock_to_decide(top_up_id, "reverse", actor)
    top_up.decided_by_id, top_up.reason = actor.id, _reason(reason)
    fund.reverse(
        list(top_up.transfers.filter(reverses=None).prefetch_related("entries").order_by("-pk")), actor=actor, now=now
    )
    return _move(top_up, "reverse", now=now)


@transaction.atomic
def start_online_top_up(merchant_id: int, amount: Decimal, *, actor: Actor, now: datetime) -> TopUp:
    """Begin to pay a top-up online; what becomes of it is asked until it is known.

    Refuses: whoever may not, an amount that is none, and a merchant who is not in the plan.
    """
    require(actor, "top_up", merchant_id)
    amount = checked(amount)
    account = GuaranteeAccount.objects.filter(merchant_id=merchant_id).first()
    if account is None:
        raise IllegalMove(_("Join the guarantee plan first; then the deposit can be topped up."), code="not_enrolled")
    return _new(account.pk, amount, TopUp.Channel.ONLINE, actor=actor, now=now, ask_at=next_ask(now, 0))


@transaction.atomic
def learn_payment(top_up_id: int, answer: Answer, *, now: datetime) -> TopUp:
    """Take in what the payment system says about an online top-up; what is over stays as it is."""
    top_up = TopUp.objects.select_for_update(no_key=True).get(pk=top_up_id)
    if top_up.status != TopUpStatus.PENDING or top_up.channel != TopUp.Channel.ONLINE:
        return top_up
    if answer.outcome == Outcome.SUCCEEDED and answer.amount not in (None, top_up.amount):
        top_up.ask_at, top_up.reference = None, answer.reference[:REFERENCE_LIMIT_THERE]
        top_up.reason = str(_("The payment system received ¥%(amount)s; staff look at it.") % {"amount": answer.amount})
        top_up.save()
        return top_up
    if answer.outcome == Outcome.SUCCEEDED:
        top_up.reference = answer.reference[:REFERENCE_LIMIT_THERE]
        return _credit(top_up, actor=SYSTEM, now=now)
    never_paid = answer.outcome == Outcome.ABSENT and now >= top_up.requested_at + GIVEN_UP_AFTER
    if answer.outcome == Outcome.FAILED or never_paid:
        top_up.reason = answer.message or str(_("The payment was not made."))
        return _move(top_up, "decline", now=now)
    top_up.ask_at = next_ask(now, top_up.asked)
    top_up.save(update_fields=["ask_at"])
    return top_up


def pay_by(top_up: TopUp) -> datetime:
    """Return until when an online top-up can be paid."""
    return top_up.requested_at + PAY_WITHIN


def checked(amount: Decimal) -> Decimal:
    """Return an amount that can be topped up at once; refuse any other with `BadInput`."""
    amount = fund.check_amount(amount)
    if amount > MOST:
        raise BadInput(_("Top up at most ¥%(most)s at a time.") % {"most": MOST}, field="amount")
    return amount


def _reason(reason: str) -> str:
    if not reason.strip():
        raise BadInput(_("Give the reason; it stays with the record."), field="reason")
    return reason.strip()


def _lock_to_decide(top_up_id: int, verb: str, actor: Actor) -> TopUp:
    top_up = TopUp.objects.select_for_update(no_key=True).get(pk=top_up_id)
    require(actor, "reverse" if verb == "reverse" else "decide_top_up")
    TOP_UP.target(verb, top_up.status)
    if top_up.channel == TopUp.Channel.BANK_TRANSFER and (top_up.actor_kind, top_up.actor_id) == (actor.kind, actor.id):
        raise NotAllowed(_("You recorded this top-up yourself, so a colleague must look at it."), code="four_eyes")
    is_asked_about = top_up.ask_at is not None and verb == "decline"
    if top_up.channel == TopUp.Channel.ONLINE and (verb == "credit" or is_asked_about):
        raise IllegalMove(
            _("This top-up is paid online: whether the money arrived, the payment system says."), code="paid_online"
        )
    return top_up


def _new(account_id: int, amount: Decimal, channel: str, *, actor: Actor, now: datetime, **more: Any) -> TopUp:
    return TopUp.objects.create(
        number=new_number(now, "05"),
        account_id=account_id,
        channel=channel,
        amount=amount,
        requested_at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        **more,
    )


def _credit(top_up: TopUp, *, actor: Actor, now: datetime) -> TopUp:
    target = TOP_UP.target("credit", top_up.status)
    fund.credit(top_up, actor=actor, now=now)
    return _move(top_up, "credit", now=now, to=target)


EVENTS = {"credit": "topped_up", "decline": "top_up_declined", "reverse": "top_up_reversed"}


def _move(top_up: TopUp, verb: str, *, now: datetime, to: str = "") -> TopUp:
    """Assign the status, and tell of it. Nothing else assigns a top-up's status."""
    top_up.status = to or TOP_UP.target(verb, top_up.status)
    top_up.ended_at, top_up.ask_at = now, None
    top_up.save()
    _tell(top_up, EVENTS[verb], now=now)
    return top_up


def _tell(top_up: TopUp, event: str, *, now: datetime) -> None:
    emit(
        f"fund.{event}",
        merchant_id=top_up.account.merchant_id,
        subject_id=top_up.pk,
        at=now,
        payload={"number": top_up.number, "amount": as_text(top_up.amount), "channel": top_up.channel},
    )
