"""The sandbox of a DATA_DIR: the payment system of a portal that has none. Knows nothing of Django.

`make run` starts it as a program of its own; a `manage.py` command beside it finds it, as it finds the database.
"""

import os
from pathlib import Path

from complaints_portal.embedded import configured
from refunds.sandbox.home import CannotRun, Home

__all__ = ["CannotRun", "find", "home_of", "is_wanted"]


def home_of(data_dir: Path) -> Home:
    """Return where the sandbox of a DATA_DIR keeps its things."""
    return Home(data_dir / "sandbox")


def is_wanted() -> bool:
    """Say whether the portal is to use a sandbox of its own: unless a payment system, or none, is chosen."""
    if os.environ.get("DJANGO_ENV") == "production":
        return False
    chosen = configured("PAYMENT_SYSTEM")
    return not chosen or (chosen == "sandbox" and not configured("ALIPAY_GATEWAY_URL"))


def find(data_dir: Path) -> dict[str, str]:
    """Return the variables of the sandbox that runs for a DATA_DIR; nothing when none runs, or none is wanted."""
    home = home_of(data_dir)
    address = home.running_address() if is_wanted() else None
    return home.variables(address) if address else {}
