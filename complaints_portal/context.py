"""What every page is given: the navigation, and who is signed in."""

from typing import Any

from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the navigation for whoever asks."""
    return {"nav": [], "actor": getattr(request, "actor", None)}
