"""What was said in a consultation, as a line of time: on its own page, and in the history of what it became."""

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.wording import masked_name
from common.written import written
from complaints.models import Complaint, Consultation, ConsultationLine
from complaints.timeline import CONSUMER, MERCHANT, ROLE_LABELS, Entry

Verb = ConsultationLine.Verb
SENTENCES: dict[str, Promise] = {
    Verb.CLOSE: _("Closed the consultation."),
    Verb.COMPLAIN: _("Made a complaint of the consultation."),
}


def talk(consultation: Consultation) -> list[Entry]:
    """Return all that was said and done about a consultation that `with_everything` fetched, newest first."""
    asked = Entry(
        at=consultation.asked_at,
        role=CONSUMER,
        name=_name(consultation, CONSUMER, ""),
        sentence=str(_("Asked the merchant.")),
        text=consultation.text,
        pictures=consultation.pictures.all(),
    )
    return [*(_entry(consultation, line) for line in reversed(list(consultation.lines.all()))), asked]


def said_before(complaint: Complaint) -> list[Entry]:
    """Return what was said in the consultation that a complaint was before, newest first; nothing when it was none."""
    asked = became(complaint)
    if asked:
        lines = ConsultationLine.objects.order_by("at", "pk").prefetch_related("evidence")
        prefetch_related_objects(asked, "pictures", Prefetch("lines", lines))
    return [entry for consultation in asked for entry in talk(consultation)]


def became(complaint: Complaint) -> list[Consultation]:
    """Return the consultation that became this complaint, or nothing; a page that asks twice looks it up once."""
    known = vars(complaint)
    if "became" not in known:
        known["became"] = _became(complaint.pk)
    found: list[Consultation] = known["became"]
    return found


@written
def _became(complaint_id: int) -> QuerySet[Consultation]:
    return Consultation.objects.filter(complaint_id=complaint_id).order_by("pk")


def _entry(consultation: Consultation, line: ConsultationLine) -> Entry:
    return Entry(
        at=line.at,
        role=line.role,
        name=_name(consultation, line.role, line.actor_name),
        sentence=str(SENTENCES.get(line.verb, "")),
        text=line.text,
        pictures=line.evidence.all(),
    )


def _name(consultation: Consultation, role: str, actor_name: str) -> str:
    """Return a member's own name, and what is left of the consumer's, whoever's system spoke for them."""
    if role == MERCHANT:
        return actor_name
    return masked_name(consultation.consumer_name) or str(ROLE_LABELS[role])
