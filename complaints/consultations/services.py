"""The verbs of a consultation. No clock runs: what nobody answers only grows old, and says so.

A consumer asks, the merchant replies, the consumer may ask again. Either side closes it, or it becomes a complaint,
which keeps what was said before. `now` is when the request arrived; when a verb refuses, nothing has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput
from common.numbers import new_number
from complaints.consultations.permissions import require
from complaints.consultations.states import CONSULTATION
from complaints.intake import Filing, file_complaint
from complaints.models import Complaint, Consultation, ConsultationLine
from complaints.repeats import said_just_now
from complaints.services import ROLES
from evidence.models import Evidence
from merchants.models import MiniProgram
from notifications.services import emit

TEXT_LIMIT = 2000
Verb = ConsultationLine.Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a consumer asks, about which mini program, and who they are as far as they say."""

    app_id: str
    text: str
    trade_no: str = ""
    consumer_reference: str = ""
    consumer_name: str = ""
    consumer_phone: str = ""
    upstream_id: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a question: a consultation that is new, or the first one with the same upstream id."""

    consultation: Consultation
    is_new: bool


@transaction.atomic
def ask(
    question: Question, *, pictures: Sequence[Evidence] = (), platform_id: int, actor: Actor, now: datetime
) -> Asked:
    """Open a consultation. Refuses an unknown mini program, no question, and one above the limit of characters."""
    require(actor, "ask")
    program = MiniProgram.objects.filter(platform_id=platform_id, app_id=question.app_id).first()
    if program is None:
        raise BadInput(
            _("“%(app_id)s” is not a mini program of this platform.") % {"app_id": question.app_id},
            field="app_id",
            code="unknown_app_id",
        )
    text = _text(question.text, needed=True)
    consultation = Consultation(
        consultation_no=new_number(now, "08"),
        platform_id=platform_id,
        merchant_id=program.merchant_id,
        mini_program=program,
        upstream_id=question.upstream_id,
        trade_no=question.trade_no,
        text=text,
        consumer_reference=question.consumer_reference,
        consumer_name=question.consumer_name,
        consumer_phone=question.consumer_phone,
        asked_at=now,
        waiting_since=now,
    )
    if question.upstream_id:
        Consultation.objects.bulk_create([consultation], ignore_conflicts=True)
        found = Consultation.objects.get(platform_id=platform_id, upstream_id=question.upstream_id)
        if found.consultation_no != consultation.consultation_no:
            return Asked(found, is_new=False)
        consultation = found
    else:
        consultation.save()
    consultation.pictures.set(pictures)
    _emit(consultation, "asked", now=now)
    return Asked(consultation, is_new=True)


@transaction.atomic
def ask_again(
    consultation_id: int, text: str, *, evidence: Sequence[Evidence] = (), actor: Actor, now: datetime
) -> Consultation:
    """The consumer says more: the consultation waits for an answer again, since now unless it waited already."""
    consultation = _lock(consultation_id)
    require(actor, "ask", consultation)
    _move(consultation, "ask")
    consultation.waiting_since = consultation.waiting_since or now
    return _said(consultation, Verb.ASK, "asked_again", text, evidence=evidence, actor=actor, now=now)


@transaction.atomic
def reply(
    consultation_id: int, text: str, *, evidence: Sequence[Evidence] = (), actor: Actor, now: datetime
) -> Consultation:
    """The merchant replies; the consumer reads it on their page.

    Refuses an empty reply, one above the limit of characters, and any once the consultation is closed.
    """
    consultation = _lock(consultation_id)
    require(actor, "reply", consultation)
    _move(consultation, "reply")
    consultation.waiting_since, consultation.answered_at = None, now
    return _said(consultation, Verb.REPLY, "replied", text, evidence=evidence, actor=actor, now=now)


@transaction.atomic
def close(consultation_id: int, *, actor: Actor, now: datetime) -> Consultation:
    """Close a consultation: nothing more is to be said. Refuses one that is closed already."""
    consultation = _lock(consultation_id)
    require(actor, "close", consultation)
    _move(consultation, "close")
    _end(consultation, now=now)
    _write(consultation, Verb.CLOSE, "", actor=actor, now=now)
    _emit(consultation, "closed", now=now)
    return consultation


@transaction.atomic
def complain(consultation_id: int, filing: Filing, *, actor: Actor, now: datetime) -> Complaint:
    """Turn a consultation into a complaint, whose clock starts now. What was said before stays readable with it.

    It is about the mini program that was asked, whatever the filing names. Refuses what filing a complaint refuses, an
    upstream id under which a complaint was filed before, and a consultation that is closed.
    """
    consultation = _lock(consultation_id)
    require(actor, "complain", consultation)
    _move(consultation, "complain")
    filed = file_complaint(
        replace(filing, app_id=consultation.mini_program.app_id, filed_at=None, handled=None),
        pictures=list(consultation.pictures.all()),
        platform_id=consultation.platform_id,
        actor=actor,
        now=now,
    )
    if not filed.is_new:
        raise BadInput(
            _("A complaint with this upstream id was filed before: %(complaint_no)s.")
            % {"complaint_no": filed.complaint.complaint_no},
            field="upstream_id",
        )
    complaint = filed.complaint
    consultation.complaint = complaint
    _end(consultation, now=now)
    _write(consultation, Verb.COMPLAIN, "", actor=actor, now=now)
    _emit(consultation, "became_complaint", now=now, complaint_no=complaint.complaint_no)
    return complaint


def _lock(consultation_id: int) -> Consultation:
    return Consultation.objects.select_for_update(no_key=True).get(pk=consultation_id)


def _move(consultation: Consultation, verb: str) -> None:
    """Assign the status; the caller saves. Nothing else assigns a consultation's status."""
    consultation.status = CONSULTATION.target(verb, consultation.status)


def _end(consultation: Consultation, *, now: datetime) -> None:
    consultation.waiting_since, consultation.closed_at = None, now
    consultation.save()


def _said(
    consultation: Consultation,
    verb: Verb,
    event: str,
    text: str,
    *,
    evidence: Sequence[Evidence],
    actor: Actor,
    now: datetime,
) -> Consultation:
    text = _text(text, needed=not evidence)
    said_before = consultation.lines.filter(verb=verb).prefetch_related("evidence")
    if said_just_now(said_before, text, evidence, actor=actor, now=now):
        return Consultation.objects.get(pk=consultation.pk)  # as the first of two has left it
    line = _write(consultation, verb, text, actor=actor, now=now)
    line.evidence.set(evidence)
    consultation.save()
    _emit(consultation, event, now=now)
    return consultation


def _text(text: str, *, needed: bool) -> str:
    text = text.strip()
    if needed and not text:
        raise BadInput(_("Write something first."), field="text")
    if len(text) > TEXT_LIMIT:
        raise BadInput(_("Keep the text to %(limit)d characters.") % {"limit": TEXT_LIMIT}, field="text")
    return text


def _write(consultation: Consultation, verb: Verb, text: str, *, actor: Actor, now: datetime) -> ConsultationLine:
    return ConsultationLine.objects.create(
        consultation=consultation,
        verb=verb,
        role=ROLES[actor.kind],
        actor_id=actor.id,
        actor_name=actor.name,
        text=text,
        at=now,
    )


def _emit(consultation: Consultation, what: str, *, now: datetime, **payload: Any) -> None:
    emit(
        f"consultation.{what}",
        merchant_id=consultation.merchant_id,
        subject_id=consultation.pk,
        at=now,
        payload={"consultation_no": consultation.consultation_no, "status": consultation.status, **payload},
    )
