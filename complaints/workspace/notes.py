"""What members write down for each other about a complaint; and the name and phone that one of them looked at."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput
from common.written import written
from complaints.models import Complaint, InternalLine
from complaints.permissions import require, visible_to
from complaints.repeats import said_just_now
from complaints.services import lock

NOTE_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Contact:
    """A consumer's name and phone, whole."""

    name: str
    phone: str


def lines_of(complaint: Complaint, actor: Actor) -> list[InternalLine]:
    """Return the internal lines of a complaint, newest first: for the members of its merchant, and nobody else."""
    if actor.kind != ActorKind.MEMBER or actor.merchant_id != complaint.merchant_id:
        return []
    return _lines(complaint.pk)


@written
def _lines(complaint_id: int) -> QuerySet[InternalLine]:
    return InternalLine.objects.filter(complaint_id=complaint_id).order_by("-at", "-pk")


@transaction.atomic
def write_note(complaint_id: int, text: str, *, actor: Actor, now: datetime) -> InternalLine:
    """Note something that only members of the merchant read. A note can be added at any time, also after the end.

    Refuses an empty one, one above the limit of characters, and whoever may not handle complaints. What a member sends
    twice in one breath is the same note.
    """
    complaint = _visible(complaint_id, actor)
    lock(complaint.pk)
    text = text.strip()
    if not text:
        raise BadInput(_("Write the note first."), field="text")
    if len(text) > NOTE_LIMIT:
        raise BadInput(_("Keep the note to %(limit)d characters.") % {"limit": NOTE_LIMIT}, field="text")
    written_down = InternalLine.objects.filter(complaint=complaint, kind=InternalLine.Kind.NOTE)
    if said := said_just_now(written_down, text, actor=actor, now=now):
        return said
    return _write(complaint, InternalLine.Kind.NOTE, text=text, actor=actor, now=now)


@transaction.atomic
def reveal(complaint_id: int, *, actor: Actor, now: datetime) -> Contact:
    """Show a consumer's name and phone whole, and write down who looked. Refuses whoever may not handle complaints."""
    complaint = _visible(complaint_id, actor)
    _write(complaint, InternalLine.Kind.REVEAL, text="", actor=actor, now=now)
    return Contact(complaint.consumer_name, complaint.consumer_phone)


def _visible(complaint_id: int, actor: Actor) -> Complaint:
    complaint = get_object_or_404(visible_to(actor), pk=complaint_id)
    require(actor, "arrange", complaint)
    return complaint


def _write(complaint: Complaint, kind: str, *, text: str, actor: Actor, now: datetime) -> InternalLine:
    return InternalLine.objects.create(
        complaint=complaint, kind=kind, text=text, actor_id=actor.id, actor_name=actor.name, at=now
    )
