"""A payment system in memory: it remembers what it was sent and asked, and answers what a test lets it answer."""

from collections import deque
from datetime import datetime
from decimal import Decimal

from refunds.gateways import Answer, Outcome, RefundOrder

SUCCEEDED = Answer(Outcome.SUCCEEDED, reference="2026112022001")
UNKNOWN = Answer(Outcome.UNKNOWN, "no_answer")
ABSENT = Answer(Outcome.ABSENT)
FAILED = Answer(Outcome.FAILED, "ACQ.TRADE_HAS_CLOSE", "The trade is closed.")


class FakeGateway:
    """Both protocols of `refunds.gateways`. Without an answer that a test put in line, everything succeeds."""

    name = "fake"

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.calls: list[tuple[str, str]] = []

    def will_answer(self, *answers: Answer) -> None:
        """Put answers in line for the next calls."""
        self.answers.extend(answers)

    def refund(self, order: RefundOrder) -> Answer:
        return self._answer("refund", order.request_no)

    def query(self, order: RefundOrder) -> Answer:
        return self._answer("query", order.request_no)

    def pay_address(self, *, number: str, amount: Decimal, subject: str, return_to: str, until: datetime) -> str:
        return f"http://pay.invalid/{number}"

    def query_payment(self, number: str) -> Answer:
        return self._answer("query_payment", number)

    def _answer(self, what: str, number: str) -> Answer:
        self.calls.append((what, number))
        return self.answers.popleft() if self.answers else SUCCEEDED
