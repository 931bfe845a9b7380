"""Keys for the API: `Authorization: Bearer cpk_<prefix>_<secret>`."""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from common.actors import Actor, ActorKind
from common.written import written
from merchants.models import ApiKey, Grant, Merchant, Platform

SCHEME = "cpk"


def new_api_key(
    name: str, *, platform: Platform, merchant: Merchant | None = None, grants: list[str] | None = None, now: datetime
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which is shown once and kept nowhere."""
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name,
        platform=platform,
        merchant=merchant,
        prefix=prefix,
        secret_hash=_hash(secret),
        grants=grants if grants is not None else [Grant.VIEW, Grant.HANDLE],
        created_at=now,
    )
    return key, f"{SCHEME}_{prefix}_{secret}"


def _hash(secret: str) -> str:
    """Return what is kept of a secret. It has 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).hexdigest()


@written
def _open_keys(prefix: str) -> QuerySet[ApiKey]:
    """Find the key. It is asked each time, so that a revoked one opens nothing from the next request on."""
    return ApiKey.objects.filter(prefix=prefix, revoked_at=None)


def actor_of(key: ApiKey) -> Actor:
    """Return who asks with this key: a platform's own systems, or one merchant's program."""
    return Actor(
        kind=ActorKind.PLATFORM if key.merchant_id is None else ActorKind.MERCHANT,
        name=key.name,
        id=key.pk,
        platform_id=key.platform_id,
        merchant_id=key.merchant_id,
        grants=frozenset(key.grants),
    )


class KeyUser:
    """What the API framework calls the user: a key that is signed in."""

    is_authenticated = True
    is_active = True

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.pk = actor.id

    def __str__(self) -> str:
        return self.actor.name


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """Find the key; refuse an unknown or a revoked one without saying which."""

    def authenticate(self, request: Request) -> tuple[KeyUser, ApiKey] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        parts = text.strip().split("_", 2)
        if len(parts) != 3 or parts[0] != SCHEME or not parts[1].isalnum():
            raise exceptions.AuthenticationFailed(_("This is not a key of this portal."))
        key = next(iter(_open_keys(parts[1])), None)
        if key is None or not hmac.compare_digest(key.secret_hash, _hash(parts[2])):
            raise exceptions.AuthenticationFailed(_("This key is unknown, or it was revoked."))
        return KeyUser(actor_of(key)), key

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """How the description of the API names the keys."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": f"{SCHEME}_<prefix>_<secret>",
            "description": str(_("A platform's own key, or one merchant's. `manage.py create_api_key` makes one.")),
        }
