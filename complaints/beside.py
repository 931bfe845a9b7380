"""What upper apps show beside complaints on their pages, each under a name of the page's context."""

from collections.abc import Callable, Sequence
from typing import Any

from common.together import Found, Together

Look = Callable[[Sequence[int]], Any]
"""Given complaints' numbers, what is to be shown beside them."""

_looks: dict[str, Look] = {}


def register_beside(name: str, look: Look) -> None:
    """Let an upper app show something beside complaints; it says so when it is ready."""
    _looks[name] = look


def look_beside(side: Together, complaint_ids: Sequence[int]) -> dict[str, Found[Any]]:
    """Look up what upper apps show beside these complaints, together with what else is asked."""
    return {name: side(look, complaint_ids) for name, look in _looks.items()}
