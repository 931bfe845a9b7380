"""Send refunds to the payment system, and ask what became of refunds and payments, until it is known.

Each one is taken by one worker for a while: a worker that is killed meanwhile leaves it to be asked about again. Before
anything is sent, the row says that it was: who comes after a kill asks first, and sends again only what never arrived.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.db.models import F
from django.db.models.functions import Least
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import IllegalMove, PortalError
from refunds.gateways import Answer, Outcome, RefundGateway, RefundOrder, payment_gateway, refund_gateway
from refunds.models import Channel, Refund, TopUp
from refunds.permissions import require
from refunds.refunding import learn
from refunds.states import RefundStatus
from refunds.top_ups import learn_payment

log = structlog.get_logger(__name__)

TAKEN_FOR = timedelta(seconds=60)
"""Longer than a payment system may take to answer."""

TAKE = """
    UPDATE {table} SET asked = LEAST(asked + 1, %(at_most)s), ask_at = %(until)s
    WHERE id = (
        SELECT id FROM {table} WHERE ask_at <= %(now)s {which} ORDER BY ask_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, asked
"""
"""Not `IN`: where few rows are expected, that may be looked up again for each of them, and then takes them all."""

ASKED_AT_MOST = 32767
"""The most that the column holds."""

THERE = "AND status = 'processing' AND gateway = %(gateway)s"
"""What another payment system was asked for is not there: sent to this one, it could be refunded twice."""


def ask_about_refunds(clock: Callable[[], datetime], *, limit: int = 200) -> int:
    """Send or ask about the refunds whose turn it is, one after the other, and return how many there were.

    `clock` tells the time of each: what one payment system takes to answer must not count for the next.
    """
    gateway = refund_gateway()
    if gateway is None:
        return 0
    number = 0
    while number < limit and (taken := _take("refunds_refund", THERE, clock(), gateway=gateway.name)):
        refund_id, asked = taken
        number += 1
        made = Refund.objects.select_related("trade").get(pk=refund_id)
        answer = _send_or_ask(gateway, made, is_first=asked == 1)
        learn(refund_id, answer, now=clock())
    return number


def ask_about_payments(clock: Callable[[], datetime], *, limit: int = 200) -> int:
    """Ask about the online top-ups whose turn it is, and return how many there were."""
    gateway = payment_gateway()
    if gateway is None:
        return 0
    number = 0
    while number < limit and (taken := _take("refunds_topup", "AND status = 'pending'", clock())):
        number += 1
        top_up = TopUp.objects.get(pk=taken[0])
        answer = gateway.query_payment(top_up.number)
        try:
            learn_payment(top_up.pk, answer, now=clock())
        except PortalError as refusal:
            log.warning("payment_not_taken_in", top_up=top_up.number, reason=str(refusal))
    return number


def ask_now(refund_id: int, *, actor: Actor, clock: Callable[[], datetime]) -> Refund:
    """Ask the payment system about one refund before its turn; what never arrived there is sent, as the task does.

    Refuses: whoever may not, a refund that is not being processed, and one that was asked for at a payment system that
    is not set up here. Safe beside a worker that asks at the same moment: the same number moves money once, and the
    first answer that says how it ended counts.
    """
    require(actor, "ask")
    wanted = Refund.objects.filter(pk=refund_id, status=RefundStatus.PROCESSING)
    given_to = wanted.values_list("gateway", flat=True).first()
    gateway = refund_gateway()
    if given_to is not None and (gateway is None or gateway.name != given_to):
        raise IllegalMove(_("The payment system that was asked for this refund is not set up here."), code="no_gateway")
    taken = wanted.update(asked=Least(F("asked") + 1, ASKED_AT_MOST), ask_at=clock() + TAKEN_FOR)
    if gateway is None or not taken:
        raise IllegalMove(
            _("The result of this refund is known already, so there is nothing to ask about."), code="not_processing"
        )
    made = Refund.objects.select_related("trade", "refund_case").get(pk=refund_id)
    return learn(refund_id, _send_or_ask(gateway, made, is_first=made.asked == 1), now=clock())


def _send_or_ask(gateway: RefundGateway, made: Refund, *, is_first: bool) -> Answer:
    """Return what the payment system says. What it never received is sent, under the same number."""
    order = RefundOrder(
        trade_no=made.trade.trade_no,
        request_no=made.refund_no,
        amount=made.amount,
        reason=made.refund_case.case_no if made.refund_case else "",
    )
    if made.channel != Channel.API:
        return gateway.query(order)
    if is_first:
        return gateway.refund(order)
    answer = gateway.query(order)
    return gateway.refund(order) if answer.outcome == Outcome.ABSENT else answer


def _take(table: str, which: str, now: datetime, **more: str) -> tuple[int, int] | None:
    """Take the next one whose turn it is, for so long that nobody else takes it meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE.format(table=table, which=which),
            {"now": now, "until": now + TAKEN_FOR, "at_most": ASKED_AT_MOST, **more},
        )
        row: tuple[int, int] | None = cursor.fetchone()
    return row
