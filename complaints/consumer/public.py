"""What anybody may send about a mini program, without a key of the platform; and what consumers do on their page.

A visitor is nobody before their case is there. What names a visitor is made with the form and sent with it: it holds
the pictures together, and lets the same form be sent twice without becoming two cases.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove
from complaints import services
from complaints.consultations import services as consultations
from complaints.consultations.services import TEXT_LIMIT, Question
from complaints.consumer.links import Case
from complaints.intake import Filing, file_complaint
from complaints.models import Complaint, Consultation
from evidence.models import Evidence
from merchants.contacts import is_phone
from merchants.models import MiniProgram, Platform

VISITOR = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who fills in a public form. `number` is in their page only; all that is kept anywhere is a digest of it."""

    number: str

    @property
    def digest(self) -> str:
        return salted_hmac("complaints.consumer.visitor", self.number).hexdigest()[:40]

    def actor(self, platform_id: int, name: str = "") -> Actor:
        """Return the visitor as an actor: what they sent themselves is all that exists for them."""
        return Actor(
            kind=ActorKind.CONSUMER,
            name=name or _("Consumer"),
            platform_id=platform_id,
            case=f"visitor:{self.digest}",
        )


def new_visitor() -> Visitor:
    """Return a visitor nobody can guess."""
    return Visitor(secrets.token_hex(16))


def visitor_of(number: str) -> Visitor:
    """Return the visitor of a form that was sent. Refuses what no form of ours carries."""
    if not VISITOR.fullmatch(number):
        raise BadInput(_("This form is not whole. Open it again."), code="no_visitor")
    return Visitor(number)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a public form: a case that is new, or the one that this very form made before."""

    case: Case
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Who tells, as far as they say."""

    name: str = ""
    phone: str = ""

    def check(self) -> None:
        """Refuse with `BadInput` a phone that nobody can dial."""
        if self.phone and not is_phone(self.phone):
            raise BadInput(_("This is no phone number. Write it as 138 0000 1234, or leave it empty."), field="phone")


@transaction.atomic
def ask(
    program: MiniProgram,
    text: str,
    *,
    trade_no: str = "",
    teller: Teller,
    pictures: Sequence[Evidence] = (),
    visitor: Visitor,
    now: datetime,
) -> Sent:
    """Ask the shop: a consultation begins. Refuses an empty question, and where the platform takes none."""
    _require(program, Platform.PublicForm.FILE, Platform.PublicForm.ASK)
    teller.check()
    question = Question(
        app_id=program.app_id,
        text=text,
        trade_no=trade_no,
        consumer_name=teller.name,
        consumer_phone=teller.phone,
        upstream_id=f"form-{visitor.digest}",
    )
    actor = visitor.actor(program.platform_id, teller.name)
    asked = consultations.ask(question, pictures=pictures, platform_id=program.platform_id, actor=actor, now=now)
    return Sent(asked.consultation, asked.is_new)


@transaction.atomic
def complain(
    program: MiniProgram,
    filing: Filing,
    *,
    pictures: Sequence[Evidence] = (),
    visitor: Visitor,
    now: datetime,
) -> Sent:
    """Complain about the shop: its clock starts. Refuses where the platform takes no complaints from the public."""
    _require(program, Platform.PublicForm.FILE)
    Teller(name=filing.consumer_name, phone=filing.consumer_phone).check()
    _check_description(filing.description)
    actor = visitor.actor(program.platform_id, filing.consumer_name)
    filed = file_complaint(filing, pictures=pictures, platform_id=program.platform_id, actor=actor, now=now)
    return Sent(filed.complaint, filed.is_new)


def upstream_id_of(visitor: Visitor) -> str:
    """Return the number under which a visitor's complaint is filed, so that the same form files it once."""
    return f"form-{visitor.digest}"


@transaction.atomic
def complain_about(consultation: Consultation, filing: Filing, *, actor: Actor, now: datetime) -> Complaint:
    """Turn what was asked into a complaint, from the consumer's page.

    Refuses what the verb refuses, and where the platform takes no complaints from consumers.
    """
    _require(consultation.mini_program, Platform.PublicForm.FILE)
    _check_description(filing.description)
    return consultations.complain(consultation.pk, filing, actor=actor, now=now)


@transaction.atomic
def contest(
    complaint_id: int, reason: str, *, evidence: Sequence[Evidence] = (), actor: Actor, now: datetime
) -> Complaint:
    """Say that the problem is not solved, and prove it: the pictures stand in a message beside the reason.

    Refuses no reason, and what the verbs refuse.
    """
    if not reason.strip():
        raise BadInput(_("Say what is not solved."), field="text")
    complaint = services.contest(complaint_id, reason=reason.strip(), actor=actor, now=now)
    if evidence:
        services.leave_message(complaint_id, "", evidence=evidence, actor=actor, now=now)
    return complaint


def takes_complaints(platform: Platform) -> bool:
    """Say whether consumers may complain without the platform's own systems."""
    return platform.public_form == Platform.PublicForm.FILE


def takes_questions(platform: Platform) -> bool:
    """Say whether consumers may ask without the platform's own systems."""
    return platform.public_form != Platform.PublicForm.OFF


def _require(program: MiniProgram, *forms: Platform.PublicForm) -> None:
    """Look again what the platform takes from the public, and refuse what it does not."""
    if Platform.objects.get(pk=program.platform_id).public_form not in forms:
        raise closed()


def closed() -> IllegalMove:
    """Return the refusal of what the platform does not take from the public."""
    return IllegalMove(
        _("The platform does not take this here. Reach the shop directly, or use the platform's own form."),
        code="form_closed",
    )


def _check_description(text: str) -> None:
    if not text.strip():
        raise BadInput(_("Say what happened."), field="text")
    if len(text) > TEXT_LIMIT:
        raise BadInput(_("Keep the text to %(limit)d characters.") % {"limit": TEXT_LIMIT}, field="text")
