"""Faults that a test, or a person, orders in advance: for one method, one kind, so many times."""

import threading
from dataclasses import asdict, dataclass, replace
from typing import Any

BEFORE = ("refused", "busy", "fail")
"""Nothing is done: the connection is dropped; `20000`; a business failure with the sub_code behind the colon."""
AFTER = ("timeout", "lost", "garbage", "wrong_signature", "unsigned", "twice", "http")
"""It is done, and then: no answer for `seconds`; the connection is dropped; an answer that is none, is signed wrongly
or not at all; done and answered twice; an answer with the HTTP status behind the colon."""
NEED_ARGUMENT = ("fail", "http")
LATE = 60.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is ordered. `seconds` is how late a `timeout` answers, if somebody still listens."""

    method: str
    kind: str
    argument: str = ""
    times: int = 1
    seconds: float = LATE

    @classmethod
    def from_order(cls, order: Any) -> "Fault":
        """Return the fault of an order as JSON; refuse with ValueError what is none."""
        if not isinstance(order, dict) or not {"method", "fault"} <= set(order) <= {
            "method",
            "fault",
            "times",
            "seconds",
        }:
            raise ValueError("Order a fault with method and fault, and if you like times and seconds.")
        kind, _, argument = str(order["fault"]).partition(":")
        if kind not in BEFORE + AFTER:
            raise ValueError(f"There is no fault {kind!r}; there are {', '.join(BEFORE + AFTER)}.")
        if (kind in NEED_ARGUMENT) != bool(argument) or (kind == "http" and not _is_status(argument)):
            raise ValueError("Write fail:SUB_CODE, http:STATUS, and the others without a colon.")
        times, seconds = order.get("times", 1), order.get("seconds", LATE)
        if not (isinstance(times, int) and times > 0 and isinstance(seconds, int | float) and seconds >= 0):
            raise ValueError("times must be a whole number above zero, seconds a number.")
        return cls(str(order["method"]), kind, argument, times, float(seconds))


def _is_status(text: str) -> bool:
    return text.isdecimal() and 200 <= int(text) <= 599


class Faults:
    """The faults that are still to come; safe for many threads."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Add a fault behind those that are ordered already."""
        with self._lock:
            self._ordered.append(fault)

    def take(self, method: str) -> Fault | None:
        """Return the next fault of a method and count it; None when there is none."""
        with self._lock:
            for place, fault in enumerate(self._ordered):
                if fault.method == method:
                    left = replace(fault, times=fault.times - 1)
                    self._ordered[place : place + 1] = [left] if left.times else []
                    return fault
        return None

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._ordered.clear()

    def left(self) -> list[dict[str, Any]]:
        """Return the faults that are still to come."""
        with self._lock:
            return [asdict(fault) for fault in self._ordered]
