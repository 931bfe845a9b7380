"""When a payment system is asked again about what it has not answered: soon at first, then ever less often."""

from datetime import datetime, timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=10)
DOUBLINGS = 5


def next_ask(now: datetime, asked: int) -> datetime:
    """Return when to ask again, after having asked so often."""
    doublings: int = 2 ** min(asked, DOUBLINGS)
    return now + min(LONGEST, FIRST * doublings)
