"""Payment systems, behind one interface: send a refund, ask what became of it; let a merchant pay a top-up.

A request is named by its number, and the same number twice moves money once. An answer that was lost, that nobody can
read, or whose signature is wrong says nothing about the money: it is `UNKNOWN`, and the way to learn more is to ask.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """No money moved, and none will for this number; `code` and `message` say why."""
    UNKNOWN = "unknown"
    """Nobody knows; ask later."""
    ABSENT = "absent"
    """Asked about a number that the payment system does not have: the request never arrived."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a payment system said about one request. `amount` is yuan to the cent, where it was told."""

    outcome: Outcome
    code: str = ""
    message: str = ""
    reference: str = ""
    """The payment system's own number for it."""
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """A refund as a payment system needs it. `request_no` is `out_request_no`; amounts are yuan to the cent."""

    trade_no: str
    request_no: str
    amount: Decimal
    reason: str = ""


class RefundGateway(Protocol):
    """Refunds to the consumer. Neither method raises for what the network or the other side does."""

    name: str

    def refund(self, order: RefundOrder) -> Answer:
        """Send a refund. Never `ABSENT`."""
        ...

    def query(self, order: RefundOrder) -> Answer:
        """Ask what became of the refund with this number of this trade."""
        ...


class PaymentGateway(Protocol):
    """Takes a merchant's payment for a top-up."""

    name: str

    def pay_address(self, *, number: str, amount: Decimal, subject: str, return_to: str, until: datetime) -> str:
        """Return the address of the page on which the merchant pays until then; it sends them to `return_to`.

        Nothing must be paid later: nobody asks about a payment for ever.
        """
        ...

    def query_payment(self, number: str) -> Answer:
        """Ask whether a payment arrived: `SUCCEEDED` with its amount, `FAILED` when it was closed, else as above."""
        ...


@cache
def refund_gateway() -> RefundGateway | None:
    """Return the gateway that the settings name, or None: refunds through the trade refund API are then not offered."""
    return import_string(settings.REFUND_GATEWAY)() if settings.REFUND_GATEWAY else None


@cache
def payment_gateway() -> PaymentGateway | None:
    """Return the gateway for online top-ups that the settings name, or None: then only bank transfers are offered."""
    return import_string(settings.PAYMENT_GATEWAY)() if settings.PAYMENT_GATEWAY else None
