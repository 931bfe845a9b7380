"""Register who takes part: platforms, merchants, mini programs, members; and take keys back."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import BadInput
from merchants.models import ApiKey, Membership, Merchant, MiniProgram, Platform, User

Row = TypeVar("Row", bound=models.Model)


def create_platform(code: str, name: str) -> Platform:
    """Register a platform. Refuses a code that is taken, or that is not letters, digits, hyphens and underscores."""
    return _saved(Platform(code=code, name=name))


def create_merchant(platform: Platform, name: str) -> Merchant:
    """Register a merchant of a platform. Refuses a name that the platform has already."""
    return _saved(Merchant(platform=platform, name=name))


def create_mini_program(merchant: Merchant, app_id: str, name: str, *, kind: str) -> MiniProgram:
    """Register a mini program or a life account. Refuses an app id that the platform has already."""
    return _saved(MiniProgram(platform_id=merchant.platform_id, merchant=merchant, app_id=app_id, name=name, kind=kind))


def create_user(username: str, password: str, *, email: str = "") -> User:
    """Register a person who signs in. Refuses a name that is taken. Whether the password is good is asked before."""
    user = User(username=username, email=email)
    user.set_password(password)
    return _saved(user)


@transaction.atomic
def add_member(merchant: Merchant, user: User, *, grants: Iterable[str], is_administrator: bool = False) -> Membership:
    """Let a person work for a merchant. Refuses someone who does already."""
    return _saved(
        Membership(merchant=merchant, user=user, grants=sorted(set(grants)), is_administrator=is_administrator)
    )


@transaction.atomic
def revoke_api_key(prefix: str, *, now: datetime) -> ApiKey:
    """Take a key back: it opens nothing from now on. Refuses an unknown one, and one that was revoked before."""
    key = ApiKey.objects.select_for_update().filter(prefix=prefix).first()
    if key is None:
        raise BadInput(_("There is no key that starts with “%(prefix)s”.") % {"prefix": prefix}, field="prefix")
    if key.revoked_at is not None:
        raise BadInput(
            _("This key was revoked before, on %(moment)s.") % {"moment": f"{key.revoked_at:%Y-%m-%d %H:%M %Z}"},
            field="prefix",
        )
    key.revoked_at = now
    key.save(update_fields=["revoked_at"])
    return key


def _saved(row: Row) -> Row:
    """Check a row as its model says, and save it. Refuses with the first thing that is wrong."""
    try:
        row.full_clean()
    except ValidationError as error:
        field, sentences = next(iter(error.message_dict.items()))
        raise BadInput(sentences[0], field=field) from error
    row.save()
    return row
