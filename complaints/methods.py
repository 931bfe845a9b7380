"""The six ways of handling, and what each needs. An upper app that can refund registers itself as a way's payer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, IllegalMove, PortalError, Sentence
from complaints.models import REFUNDING, Complaint, Handling, Method, RootCause
from evidence.models import Evidence

NOTE_LIMIT = 1000
NOT_ENROLLED = _(
    "Refunding from the deposit needs the guarantee plan, and this merchant is not enrolled. Choose another way."
)


@dataclass(frozen=True, slots=True)
class Need:
    """What one way of handling asks for, and the sentence under it on the form."""

    hint: Promise
    amount: bool = False
    proof: bool = False
    """A text and at least one picture: nobody refunds, so staff will look at why."""
    reference: bool = False
    tracking: bool = False


NEEDS: dict[str, Need] = {
    Method.FUND_REFUND: Need(_("Paid from your deposit; a third of it from the bonus."), amount=True),
    Method.OTHER_REFUND: Need(
        _("You have refunded already. Give the amount, and the refund's number or a picture of the record."),
        amount=True,
        reference=True,
    ),
    Method.SHIPPED: Need(
        _("Give carrier and tracking number, and a picture of the record."), proof=True, tracking=True
    ),
    Method.OTHER: Need(_("Say what was agreed, and prove it with a picture."), proof=True),
    Method.AFTER_SALES: Need(_("Say what was repaired, exchanged or made good, and prove it."), proof=True),
    Method.NOT_LIABLE: Need(_("Say why no refund is due, and prove it."), proof=True),
}


@dataclass(frozen=True, slots=True)
class HandlingInput:
    """What a merchant says about how they handled a complaint. Amounts are yuan to the cent."""

    method: str
    note: str = ""
    refund_amount: Decimal | None = None
    refund_reference: str = ""
    tracking: str = ""
    root_cause: str = ""
    evidence: tuple[Evidence, ...] = ()


Foreseen = tuple[Complaint, Decimal]
"""A refund that may be made: about which complaint, and how much."""


class Payer(Protocol):
    """Pays a refund as part of handling, or records that it was paid."""

    def refusal(self, complaint: Complaint) -> Promise | None:
        """Say why this way cannot be chosen for this complaint at all, or None."""
        ...

    def pay(self, handling: Handling, amount: Decimal, *, actor: Actor, now: datetime) -> None:
        """Move the money. Refuses with a `PortalError`, and moves nothing, when it cannot."""
        ...

    def foresee(self, refunds: Sequence[Foreseen], *, now: datetime) -> list[Sentence | None]:
        """Say what would hinder each of these refunds of one merchant, if they were made now, one after another."""
        ...


_payers: dict[str, Payer] = {}


def register_payer(method: Method, payer: Payer) -> None:
    """Make somebody the payer of a way of handling; the app that holds the money does so when it is ready."""
    _payers[method] = payer


def refusal_of(method: str, complaint: Complaint) -> Promise | None:
    """Say why a way cannot be chosen: refunding from the deposit needs a guarantee plan to pay from."""
    payer = _payers.get(method)
    if payer is not None:
        return payer.refusal(complaint)
    return NOT_ENROLLED if method == Method.FUND_REFUND else None


def pay(handling: Handling, given: HandlingInput, *, actor: Actor, now: datetime) -> None:
    """Let the registered payer refund, where this way of handling has one."""
    payer = _payers.get(given.method)
    if payer is not None and given.refund_amount is not None:
        payer.pay(handling, given.refund_amount, actor=actor, now=now)


def foresee(method: str, refunds: Sequence[Foreseen], *, now: datetime) -> list[Sentence | None]:
    """Say what would hinder each of these refunds of one merchant, if they were made now, one after another."""
    payer = _payers.get(method)
    return payer.foresee(refunds, now=now) if payer is not None and refunds else [None] * len(refunds)


def check(complaint: Complaint, given: HandlingInput) -> None:
    """Refuse a handling that lacks what its way needs, with the first of its `problems`."""
    for problem in problems(complaint, given):
        raise problem


def problems(complaint: Complaint, given: HandlingInput) -> Iterator[PortalError]:
    """Yield all that is wrong with a handling, each refusal with the field to mend."""
    if given.method not in NEEDS:
        yield BadInput(_("Choose one of the six ways of handling."), field="method")
        return
    refusal = refusal_of(given.method, complaint)
    if refusal is not None:
        yield IllegalMove(refusal, field="method")
        return
    yield from lacks(complaint, given)


def lacks(complaint: Complaint, given: HandlingInput) -> Iterator[PortalError]:
    """Yield what a handling in a way that can be chosen lacks, without asking the database."""
    if given.root_cause and given.root_cause not in RootCause.values:
        yield BadInput(_("Choose a root cause from the list, or leave it open."), field="root_cause")
    if given.method in REFUNDING:
        yield from _amount_problems(complaint, given.refund_amount)
    elif given.refund_amount is not None:
        yield BadInput(_("This way of handling does not refund; leave the amount empty."), field="refund_amount")
    if len(given.note) > NOTE_LIMIT:
        yield BadInput(_("Keep the explanation to %(limit)d characters.") % {"limit": NOTE_LIMIT}, field="note")
    yield from _proof_problems(NEEDS[given.method], given)


def _proof_problems(need: Need, given: HandlingInput) -> Iterator[PortalError]:
    if need.tracking and not given.tracking.strip():
        yield BadInput(_("Give the carrier and the tracking number."), field="tracking")
    if need.proof and not given.note.strip():
        yield BadInput(
            _("Explain why no refund is due: what was done, when, and what the consumer said."), field="note"
        )
    if need.proof and not given.evidence:
        yield BadInput(_("Add at least one picture that proves what you say."), field="pictures")
    if need.reference and not (given.refund_reference.strip() or given.evidence):
        yield BadInput(_("Give the refund's number, or a picture of the refund record."), field="refund_reference")


def _amount_problems(complaint: Complaint, amount: Decimal | None) -> Iterator[PortalError]:
    if amount is None or not amount.is_finite() or amount <= 0:
        yield BadInput(_("Give the amount that is refunded, above zero."), field="refund_amount")
    elif amount > complaint.trade_amount:
        yield BadInput(
            _("A refund cannot exceed the trade's amount, ¥%(amount)s.") % {"amount": complaint.trade_amount},
            field="refund_amount",
        )
    elif amount != amount.quantize(Decimal("0.01")):
        yield BadInput(_("Give the amount in yuan with at most two decimals."), field="refund_amount")
