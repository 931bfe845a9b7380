"""What a process that answers requests is spared: asking the system for memory, and looking for garbage, in vain.

CPython lays the frames of Python calls into pieces of 16 KiB that it asks the system for. Where every call of a loop is
the first that no longer fits, every one asks for a piece and gives it back, which takes a hundred times as long as the
call: a list of complaints did so 180 times. `with_room` makes one piece hold whatever is called.

When the collector of garbage looks at everything, it goes through the 210,000 objects that were loaded at the start as
well, and a request waits 160 ms for it. `settle_down` takes them out of its sight.
"""

import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

ROOM = 40_000
"""Slots of 8 bytes: a frame of this size is given a piece of 512 KiB, and 200 KiB of it are left for others."""


def with_room(call: Callable[P, R]) -> Callable[P, R]:
    """Return the same callable with room for the frames of all that it calls, asked for once a call (7 µs)."""

    def roomy(*args: P.args, **kwargs: P.kwargs) -> R:
        return call(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=ROOM)
    return roomy


def settle_down() -> None:
    """Leave to the collector only what is made from now on; for a process that has loaded all it will."""
    gc.collect()
    gc.freeze()
