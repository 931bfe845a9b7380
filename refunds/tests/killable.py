"""A program that starts workers to be killed: one, which asks the payment system, for each line that it reads.

A line is `SECONDS KIND`: how far the worker's clock is ahead, so that nobody has to wait until what a dead worker had
taken is free again, and whether it is `careful` or `careless`. The answer is the worker's process id; the program says
`gone` when it has ended. One that is left alone ends when nothing is left to be asked about.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import django


def work(clock: Callable[[], datetime], kind: str) -> None:
    """Ask until nothing is left."""
    from refunds import asking
    from refunds.models import Refund

    if kind == "careless":
        send_anew(asking)
    while Refund.objects.filter(status="processing").exists():
        asking.ask_about_refunds(clock)


def send_anew(asking: Any) -> None:
    """Take the guard away: each try is sent as a refund of its own, as if nobody had tried before."""
    from common.numbers import new_number

    def careless(gateway: Any, made: Any, *, is_first: bool) -> Any:
        order = asking.RefundOrder(trade_no=made.trade.trade_no, request_no=made.refund_no, amount=made.amount)
        return gateway.refund(order if is_first else replace(order, request_no=new_number(made.requested_at, "04")))

    asking._send_or_ask = careless


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    django.setup()
    from django.utils import timezone

    say("ready")
    for line in sys.stdin:
        seconds, kind = line.split()
        ahead = timedelta(seconds=int(seconds))
        worker = os.fork()
        if not worker:
            try:
                work(lambda: timezone.now() + ahead, kind)  # noqa: B023 (the worker is this round's)
            finally:
                os._exit(0)
        say(str(worker))
        os.waitpid(worker, 0)
        say("gone")


if __name__ == "__main__":
    main()
