"""The links to consumers' pages. Who has a link may speak as the consumer of that one case, and of no other.

A link is signed, opens one case, and is over half a year after it was made. It needs no row: only a link that the
platform renewed (the ones before are dead) or ended is remembered.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.models import Complaint, Consultation, ConsumerLink

SALT = "complaints.consumer"
LASTS = timedelta(days=180)
LETTERS: dict[str, type[Complaint] | type[Consultation]] = {"c": Complaint, "q": Consultation}

Case = Complaint | Consultation


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link opens, and the consumer who opened it."""

    case: Case
    actor: Actor


def link_to(case: Case, *, now: datetime) -> str:
    """Return the whole address of the consumer's page as it is valid now. Who has it speaks as the consumer."""
    return _address(token_of(case, now=now))


def token_of(case: Case, *, now: datetime) -> str:
    """Return what a new link carries."""
    return _sign(case, _row(case), now=now)


def opened(token: str, *, now: datetime) -> Opened:
    """Return what a link opens. Refuses one that is altered, was replaced or ended by the platform, or is over."""
    try:
        letter, number, version, until = signing.loads(token, salt=SALT)
        model = LETTERS[letter]
    except (signing.BadSignature, ValueError, TypeError, KeyError):
        raise BadInput(_("This link is not whole. Open it again from the message, or copy all of it.")) from None
    case = model.objects.select_related("mini_program", "merchant", "platform").filter(pk=number).first()
    if case is None:
        raise BadInput(_("This link is not whole. Open it again from the message, or copy all of it."))
    row = _row(case)
    if row.ended_at is not None:
        raise IllegalMove(_("The platform has ended this link. Ask its support for help."), code="link_ended")
    if row.version != version:
        raise IllegalMove(_("A newer link was sent to you. Open the one in the latest message."), code="link_replaced")
    if now.timestamp() > until:
        raise IllegalMove(_("This link is over. Ask the platform's support for a new one."), code="link_over")
    return Opened(case, consumer_of(case))


def is_first(case: Case) -> bool:
    """Say whether the platform has neither renewed nor ended the links of a case."""
    row = _row(case)
    return row.version == 0 and row.ended_at is None


@dataclass(frozen=True, slots=True)
class Link:
    """The link to a consumer's page as it is now: where it leads and until when, or since when it is ended."""

    url: str | None
    good_until: datetime | None
    ended_at: datetime | None


def first_link(case: Case, *, actor: Actor, now: datetime) -> str:
    """Return the address of the consumer's page of a case that was filed in this transaction. Refuses as `look_up`."""
    _require(case, actor)
    return _address(_sign(case, ConsumerLink(**_of(case)), now=now))


def look_up(case: Case, *, actor: Actor, now: datetime) -> Link:
    """Return a link to the consumer's page, for whoever hands it to the consumer. Refuses whom it is not for."""
    _require(case, actor)
    row = _row(case)
    if row.ended_at is not None:
        return Link(None, None, row.ended_at)
    return Link(_address(_sign(case, row, now=now)), now + LASTS, None)


def consumer_of(case: Case) -> Actor:
    """Return the consumer of one case as an actor: they see it and speak about it, and nothing else exists for them."""
    return Actor(
        kind=ActorKind.CONSUMER,
        name=case.consumer_name or _("Consumer"),
        platform_id=case.platform_id,
        case=f"{'complaint' if isinstance(case, Complaint) else 'consultation'}:{case.pk}",
    )


@transaction.atomic
def renew(case: Case, *, actor: Actor, now: datetime) -> str:
    """Make a new link; those before open nothing any more. Refuses whoever is not the platform or its staff."""
    row = _change(case, actor, now=now)
    row.version, row.ended_at = row.version + 1, None
    row.save()
    return _address(_sign(case, row, now=now))


@transaction.atomic
def end(case: Case, *, actor: Actor, now: datetime) -> None:
    """End every link of a case until it is renewed. Refuses whoever is not the platform or its staff."""
    row = _change(case, actor, now=now)
    row.ended_at = now
    row.save()


def _require(case: Case, actor: Actor) -> None:
    of_platform = actor.kind == ActorKind.PLATFORM and actor.platform_id == case.platform_id
    if not of_platform and actor.kind != ActorKind.STAFF:
        raise NotAllowed(_("The links of consumers are the platform's to hand out, renew and end."))


def _change(case: Case, actor: Actor, *, now: datetime) -> ConsumerLink:
    _require(case, actor)
    type(case).objects.select_for_update(no_key=True).get(pk=case.pk)
    row = _row(case)
    row.changed_by, row.changed_at = actor.name[:200], now
    return row


def _row(case: Case) -> ConsumerLink:
    """Return what is remembered about the links of a case; an unsaved row when nothing is."""
    return ConsumerLink.objects.filter(**_of(case)).first() or ConsumerLink(**_of(case))


def _of(case: Case) -> dict[str, Any]:
    return {"complaint" if isinstance(case, Complaint) else "consultation": case}


def _address(token: str) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}/c/{token}/"


def _sign(case: Case, row: ConsumerLink, *, now: datetime) -> str:
    letter = next(letter for letter, model in LETTERS.items() if isinstance(case, model))
    until = int((now.astimezone(UTC) + LASTS).timestamp())
    return signing.dumps([letter, case.pk, row.version, until], salt=SALT)
