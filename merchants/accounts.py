"""How people sign in."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest

from common.callers import network_of
from merchants.models import User

LONGEST = 255
"""Characters of a name that is kept with the attempts; nobody has a longer one."""


def locked_out_as(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the name for which wrong passwords are counted; called by axes.

    Whoever signs in by username or by address, in capitals or not, is one person, and has as many tries in all.
    """
    given = credentials or request.POST
    typed = str(given.get("username") or given.get("email") or given.get("login") or "").strip()[:LONGEST]
    same = User.objects.filter(Q(username__iexact=typed) | Q(email__iexact=typed)) if typed else User.objects.none()
    return same.order_by("pk").values_list("username", flat=True).first() or typed.lower()


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody signs up by themselves: members are invited, staff are made by staff."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that names the portal, and leads to it, as the operator does; a request may name any host."""
        here, public = self.request.build_absolute_uri("/"), f"{settings.PUBLIC_URL.rstrip('/')}/"
        led = {
            name: public + value.removeprefix(here)
            for name, value in context.items()
            if isinstance(value, str) and value.startswith(here)
        }
        name = urlsplit(settings.PUBLIC_URL).netloc
        site = SimpleNamespace(name=name, domain=name)
        super().send_mail(template_prefix, email, {**context, **led, "current_site": site})

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return whose attempts are counted together. Whoever has no address is counted too, and not kept out."""
        return network_of(request) or "unknown"
