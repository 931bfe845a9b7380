"""What became of one complaint in something that was done to many."""

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class RowResult:
    """Whether it was done for this complaint, and in words what was done or why not."""

    complaint_no: str
    done: bool
    words: str | Promise


MOST_AT_ONCE = 500
"""So many complaints may be acted on at once."""
