"""How consumers reach a merchant: the contact of each mini program."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, NotAllowed
from merchants.models import ContactPoint, Grant, MiniProgram

PHONE = re.compile(r"\+?[0-9][0-9 ()\-]{4,29}(?:(?:ext\.?|转)\s?[0-9]{1,6})?")
FEWEST_DIGITS = 5
"""Short numbers such as 95188 have five."""
HOURS_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A service phone, when somebody answers it, and where the online service is; any of them may be empty."""

    phone: str = ""
    hours: str = ""
    url: str = ""

    def __bool__(self) -> bool:
        return bool(self.phone or self.url)


def programs_of(merchant_id: int) -> QuerySet[MiniProgram]:
    """Return the mini programs of a merchant by name, each with its contact where it has one."""
    return MiniProgram.objects.filter(merchant_id=merchant_id).select_related("contact").order_by("name", "pk")


def contact_of(program: MiniProgram) -> Contact:
    """Return how consumers reach the merchant about a mini program; empty when they cannot."""
    point: ContactPoint | None = getattr(program, "contact", None)
    return Contact(phone=point.phone, hours=point.hours, url=point.url) if point else Contact()


@transaction.atomic
def set_contact(program_id: int, given: Contact, *, actor: Actor, now: datetime) -> ContactPoint:
    """Say how consumers reach the merchant about a mini program; all empty, and the contact is gone.

    Refuses: whoever may not change settings, a phone number that is none, an address that is not on the web, and hours
    without a phone. Another merchant's mini program does not exist.
    """
    program = get_object_or_404(
        MiniProgram.objects.select_for_update(no_key=True), pk=program_id, merchant_id=actor.own_merchant_id
    )
    if Grant.SETTINGS not in actor.grants:
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
    phone, hours, url = given.phone.strip(), given.hours.strip(), given.url.strip()
    if phone and not is_phone(phone):
        raise BadInput(_("This is no phone number. Write it as 0571-8888 1234, 95188 or +86 …."), field="phone")
    if hours and not phone:
        raise BadInput(_("Give the phone that is answered at these hours."), field="phone")
    if len(hours) > HOURS_LIMIT:
        raise BadInput(_("Keep the hours to %(limit)d characters.") % {"limit": HOURS_LIMIT}, field="hours")
    if url:
        _check_url(url)
    point, _is_new = ContactPoint.objects.update_or_create(
        mini_program=program,
        defaults={"phone": phone, "hours": hours, "url": url, "changed_by": actor.name[:200], "changed_at": now},
    )
    return point


def is_phone(text: str) -> bool:
    """Say whether a text can be dialled: digits with the usual signs between them, an extension after them."""
    return PHONE.fullmatch(text) is not None and sum(sign.isdigit() for sign in text) >= FEWEST_DIGITS


def _check_url(url: str) -> None:
    try:
        URLValidator(schemes=["https", "http", "alipays"])(url)
    except ValidationError as error:
        raise BadInput(_("Give a whole address, such as https://example.com/service."), field="url") from error
    if len(url) > 300:
        raise BadInput(_("Keep the address to %(limit)d characters.") % {"limit": 300}, field="url")
