"""Frames of calls go into one piece of memory, and the collector leaves alone what is there for good."""

import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from complaints_portal.serving import with_room

CALLS = 500


def pages_asked_for(depth: int) -> int:
    """Return how often memory was asked of the system while a loop that deep down called a function."""
    if depth:
        return pages_asked_for(depth - 1)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for number in range(CALLS):
        _nothing(number)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def _nothing(number: int) -> int:
    return number


def most(ask: Callable[[int], int]) -> int:
    """Return the most that was asked for at any depth, in a thread, which has no room from whoever started it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: max(map(ask, range(250)))).result()


def test_no_depth_of_calls_asks_for_memory_again_and_again():
    assert most(with_room(pages_asked_for)) < CALLS / 10


def test_without_room_some_depth_does():
    assert most(pages_asked_for) >= CALLS


def test_a_call_with_room_is_the_same_call():
    assert with_room(divmod)(17, 5) == (3, 2)
    assert with_room(dict)(a=1) == {"a": 1}
    with pytest.raises(ZeroDivisionError):
        with_room(divmod)(17, 0)


def test_what_serves_has_settled_down():
    """In a process of its own: the tests settle down by themselves."""
    words = "import gc, complaints_portal.wsgi; print(gc.get_freeze_count())"
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert int(told.stdout) > 100_000
