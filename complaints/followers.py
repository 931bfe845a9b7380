"""What upper apps do in the same transaction when staff must look at a complaint, and when one ends.

The complaint's row is locked meanwhile, and stays the first lock: followers lock what is theirs after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.actors import Actor
from complaints.models import Complaint, Handling


@dataclass(frozen=True, slots=True)
class ToReview:
    """A complaint that went to staff: how it was handled, and what the consumer said when they contested that."""

    complaint: Complaint
    handling: Handling
    contested: str = ""


class Follower(Protocol):
    """An upper app that has something of its own to do about a complaint's moves."""

    def reviews_begin(self, reviews: Sequence[ToReview], *, actor: Actor, now: datetime) -> None:
        """Open a review for each of these complaints."""
        ...

    def complaint_ended(self, complaint: Complaint, *, actor: Actor, now: datetime) -> None:
        """Drop what was still open about a complaint that was withdrawn or closed."""
        ...


_followers: list[Follower] = []


def register_follower(follower: Follower) -> None:
    """Let an upper app follow; it says so when it is ready."""
    if follower not in _followers:
        _followers.append(follower)


def reviews_begin(reviews: Sequence[ToReview], *, actor: Actor, now: datetime) -> None:
    """Tell every follower that these complaints went to staff."""
    for follower in _followers:
        follower.reviews_begin(reviews, actor=actor, now=now)


def complaint_ended(complaint: Complaint, *, actor: Actor, now: datetime) -> None:
    """Tell every follower that this complaint was withdrawn or closed."""
    for follower in _followers:
        follower.complaint_ended(complaint, actor=actor, now=now)
