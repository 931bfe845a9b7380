"""Sweeps without a broker: one process that does in a loop what Celery beat would wake, until it is told to stop."""

import signal
import time
from collections.abc import Sequence
from types import FrameType

import structlog
from django.db import close_old_connections
from django.utils import timezone

from deadlines.control import not_ahead, scheduled_sweep
from deadlines.watching import ping, watch_aside

log = structlog.get_logger(__name__)

LOOK = 0.25
"""Seconds between two looks at whether to stop."""


class Stopping:
    """Whether SIGTERM or Ctrl-C came. A plain flag: a handler that takes a lock may meet itself holding it."""

    def __init__(self) -> None:
        self.asked = False
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._ask)

    def __call__(self) -> bool:
        return self.asked

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def sweep_for_ever(kinds: Sequence[str], *, every: int) -> None:
    """Sweep each kind as the schedule does, a round every so many seconds, until SIGTERM or Ctrl-C.

    After each round the sweeps are watched, as beat would have them watched, and a ping leaves when one is wanted and
    all is well. A run that is told to stop ends after its batch. A kind that fails does not keep the others from
    running, and is tried again in the next round.
    """
    stopping = Stopping()
    while not stopping():
        began = time.monotonic()
        for kind in kinds:
            if stopping():
                break
            try:
                scheduled_sweep(kind, now=not_ahead(timezone.now()), ran_by="loop", is_over=stopping)
            except Exception:
                log.exception("sweep_failed", kind=kind)
                close_old_connections()  # the next kind must not run into the same dead connection
        if not stopping():
            ping()
            watch_aside()
        while not stopping() and time.monotonic() < began + every:
            time.sleep(LOOK)
