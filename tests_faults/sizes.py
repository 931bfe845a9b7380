"""How large the fault tests are: `FAULTS=full` for the whole sizes, else what every run of the tests can afford."""

import os

IS_FULL = os.environ.get("FAULTS") == "full"


def size(short: int, full: int) -> int:
    """Return the size of this run."""
    return full if IS_FULL else short
