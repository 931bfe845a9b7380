"""Read consultations: the list, what waits for an answer and how long, and one with all that was said."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Min, Prefetch, Q, QuerySet

from common.actors import Actor
from common.counting import capped_counts, count_words
from common.keyset import Segment
from common.together import together
from common.written import written_counts
from complaints.consultations.permissions import visible_to
from complaints.consultations.states import Status
from complaints.models import Consultation, ConsultationLine
from complaints.prevention import without_contact
from complaints.queries import end_of, start_of
from evidence.models import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; what is empty narrows nothing. The days are Beijing's, and both are included."""

    search: str = ""
    """A consultation's or trade's number, or its beginning."""
    mini_program_ids: tuple[int, ...] = ()
    asked_from: date | None = None
    asked_to: date | None = None

    def __bool__(self) -> bool:
        return self != Wanted()


def narrowed(consultations: QuerySet[Consultation], wanted: Wanted) -> QuerySet[Consultation]:
    """Return those consultations that are wanted."""
    conditions = Q()
    if wanted.search:
        conditions &= Q(consultation_no__startswith=wanted.search) | Q(trade_no__startswith=wanted.search)
    if wanted.mini_program_ids:
        conditions &= Q(mini_program_id__in=wanted.mini_program_ids)
    if wanted.asked_from:
        conditions &= Q(asked_at__gte=start_of(wanted.asked_from))
    if wanted.asked_to:
        conditions &= Q(asked_at__lt=end_of(wanted.asked_to))
    return consultations.filter(conditions)


def segments(consultations: QuerySet[Consultation], statuses: Collection[str]) -> list[Segment[Consultation]]:
    """Return the list in its order: what waits longest first, then the others, newest first."""
    rows = consultations.select_related("mini_program")
    found: list[Segment[Consultation]] = []
    if Status.OPEN in statuses:
        found.append(Segment(rows.filter(status=Status.OPEN), "waiting_since"))
    others = [status for status in statuses if status != Status.OPEN]
    if others:
        found.append(Segment(rows.filter(status__in=others), "-asked_at"))
    return found


def status_counts(consultations: QuerySet[Consultation]) -> dict[str, int]:
    """Count by status, each no further than one above the cap, in one statement."""
    return capped_counts({status.value: consultations.filter(status=status) for status in Status})


def unanswered_of(merchant_id: int) -> QuerySet[Consultation]:
    """Return what waits for an answer."""
    return Consultation.objects.filter(merchant_id=merchant_id, status=Status.OPEN)


@dataclass(frozen=True, slots=True)
class Card:
    """How consultations stand, for the home page: how many wait for an answer, and since when the first has."""

    unanswered: int
    """No further than one above the cap."""
    oldest: datetime | None
    unreached: int
    """Mini programs about which consumers reach nobody."""

    @property
    def shown(self) -> str:
        return count_words(self.unanswered)


def card_of(merchant_id: int) -> Card:
    """Look up how a merchant's consultations stand."""
    with together() as side:
        waiting = side(_waiting, merchant_id)
        unreached = side(without_contact, merchant_id)
    unanswered = waiting.value["unanswered"]
    return Card(unanswered, oldest_waiting(merchant_id) if unanswered else None, unreached.value)


@written_counts
def _waiting(merchant_id: int) -> dict[str, QuerySet[Consultation]]:
    return {"unanswered": unanswered_of(merchant_id)}


def oldest_waiting(merchant_id: int) -> datetime | None:
    """Return since when the consultation that waits longest has waited; None when none waits."""
    oldest: datetime | None = unanswered_of(merchant_id).aggregate(oldest=Min("waiting_since"))["oldest"]
    return oldest


def newest_line(consultation: Consultation) -> int:
    """Return the number of what was said last; 0 when nothing was said since the question."""
    return max((line.pk for line in consultation.lines.all()), default=0)


def who_replied(consultation: Consultation, *, since: int) -> list[str]:
    """Return who replied after a line, the first to reply first."""
    replies = ConsultationLine.objects.filter(consultation=consultation, verb=ConsultationLine.Verb.REPLY, pk__gt=since)
    return list(replies.order_by("at", "pk").values_list("actor_name", flat=True))


def with_everything(actor: Actor) -> QuerySet[Consultation]:
    """Return the consultations of this actor, each with all that its page shows; its lines oldest first."""
    pictures = Evidence.objects.order_by("pk")
    lines = ConsultationLine.objects.order_by("at", "pk").prefetch_related(Prefetch("evidence", pictures))
    return (
        visible_to(actor)
        .select_related("mini_program", "merchant", "complaint")
        .prefetch_related(Prefetch("pictures", pictures), Prefetch("lines", lines))
    )
