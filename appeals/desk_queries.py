"""What the desk of a review shows: the facts, the merchant's record, pictures used elsewhere, and the next review."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from appeals.models import Appeal, ReplyTemplate
from appeals.permissions import visible_to
from appeals.states import Status
from common.actors import Actor, ActorKind
from common.counting import CAP, count_words
from complaints.models import Complaint, Handling, Message
from complaints.queries import with_everything
from deadlines.reviewing import CLAIM_LASTS
from evidence.models import Evidence
from merchants.models import User
from penalties.models import Penalty
from penalties.states import Status as PenaltyStatus

RECORD_SPAN = timedelta(days=90)
CHINESE, ENGLISH = "zh-hans", "en"
ELSEWHERE_SHOWN = 200


def with_facts(actor: Actor) -> QuerySet[Appeal]:
    """Return the appeals of this actor, each with what its desk names."""
    return visible_to(actor).select_related(
        "penalty", "penalty__sweep_run", "merchant", "mini_program", "claimed_by", "decided_by"
    )


def case_of(appeal: Appeal, actor: Actor) -> Complaint:
    """Return the complaint that the appeal is about, with its history."""
    return with_everything(actor).get(pk=appeal.penalty.complaint_id)


def earlier_appeals(appeal: Appeal) -> list[Appeal]:
    """Return the other appeals against the same penalty, the newest first."""
    others = Appeal.objects.filter(penalty_id=appeal.penalty_id).exclude(pk=appeal.pk)
    return list(others.select_related("decided_by").order_by("-attempt"))


@dataclass(frozen=True, slots=True)
class Record:
    """A merchant's record; numbers stop at the cap and are written so."""

    points: str
    penalties: str
    approved: int
    rejected: int


def record_of(merchant_id: int, *, now: datetime) -> Record:
    """Return what a merchant stands at: points that count, penalties of the last 90 days, and decided appeals."""
    standing = Penalty.objects.filter(
        merchant_id=merchant_id, status__in=(PenaltyStatus.IN_EFFECT, PenaltyStatus.UNDER_APPEAL)
    )[: CAP + 1].aggregate(points=Sum("points", default=0), number=Count("pk"))
    recent = Penalty.objects.filter(merchant_id=merchant_id, issued_at__gte=now - RECORD_SPAN)[: CAP + 1].count()
    decided = Appeal.objects.filter(merchant_id=merchant_id).aggregate(
        approved=Count("pk", filter=Q(status=Status.APPROVED)), rejected=Count("pk", filter=Q(status=Status.REJECTED))
    )
    points = f"{standing['points']:,}" + ("+" if standing["number"] > CAP else "")
    return Record(points, count_words(recent), decided["approved"], decided["rejected"])


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on the desk, and the other cases in which the very same file was sent."""

    evidence: Evidence
    elsewhere: list[tuple[int, str]] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many further cases there are beside the three that are named."""
        return max(0, len(self.elsewhere) - 3)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a review, by what they came with."""

    appeal: list[Picture]
    supplement: list[Picture]
    case: list[Picture]


def pictures_of(appeal: Appeal, complaint: Complaint) -> Pictures:
    """Return the pictures of the appeal, its supplement and the case, with what is known of them elsewhere."""
    given = list(appeal.evidence.order_by("pk"))
    added = list(appeal.supplement_evidence.order_by("pk"))
    handling = getattr(complaint, "handling", None)
    of_case = [*complaint.pictures.all(), *(handling.evidence.all() if handling else ())]
    of_case += [picture for message in complaint.messages.all() for picture in message.evidence.all()]
    shown = {picture.pk for picture in (*given, *added)}
    rest = {picture.pk: picture for picture in of_case if picture.pk not in shown}
    elsewhere = used_elsewhere([*given, *added, *rest.values()], complaint)

    def each(pictures: Iterable[Evidence]) -> list[Picture]:
        return [Picture(picture, elsewhere.get(picture.sent_sha256, [])) for picture in pictures]

    return Pictures(each(given), each(added), each(rest.values()))


def used_elsewhere(pictures: Iterable[Evidence], complaint: Complaint) -> dict[str, list[tuple[int, str]]]:
    """Return, by the hash of the file as sent, the other complaints in which it was used: number and id of each."""
    hashes = {picture.sent_sha256 for picture in pictures}
    if not hashes:
        return {}
    ways = (
        (Appeal.evidence.through, "appeal__penalty__complaint"),
        (Appeal.supplement_evidence.through, "appeal__penalty__complaint"),
        (Handling.evidence.through, "handling__complaint"),
        (Message.evidence.through, "message__complaint"),
        (Complaint.pictures.through, "complaint"),
    )
    uses = [_uses(through, path, hashes, complaint.pk) for through, path in ways]
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for sha256, pk, number in uses[0].union(*uses[1:])[:ELSEWHERE_SHOWN]:
        found[sha256].append((pk, number))
    return found


def _uses(through: Any, path: str, hashes: set[str], own: int) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = through.objects.filter(evidence__sent_sha256__in=hashes).exclude(**{path: own})
    return rows.order_by().values_list("evidence__sent_sha256", f"{path}__pk", f"{path}__complaint_no")


def waiting(*, actor: Actor, now: datetime) -> QuerySet[Appeal]:
    """Return the reviews that wait for somebody: submitted, and not in a colleague's hands."""
    theirs = Q(claimed_at__gt=now - CLAIM_LASTS) & ~Q(claimed_by_id=actor.id)
    return visible_to(actor).filter(status=Status.SUBMITTED).exclude(theirs)


def neighbours(appeal: Appeal, *, actor: Actor, now: datetime) -> tuple[int | None, int | None]:
    """Return the waiting reviews before and after this one in the order of the queue."""
    queue = waiting(actor=actor, now=now).exclude(pk=appeal.pk)
    later = Q(review_by__gt=appeal.review_by) | Q(review_by=appeal.review_by, pk__gt=appeal.pk)
    before = queue.exclude(later).order_by("-review_by", "-pk").values_list("pk", flat=True).first()
    after = queue.filter(later).order_by("review_by", "pk").values_list("pk", flat=True).first()
    return before, after


def next_waiting(*, actor: Actor, now: datetime) -> int | None:
    """Return the review that is due first among those that wait."""
    return waiting(actor=actor, now=now).order_by("review_by", "pk").values_list("pk", flat=True).first()


def language_of(appeal: Appeal) -> str:
    """Return the language that whoever submitted the appeal reads; Chinese unless they chose another."""
    if appeal.actor_kind == ActorKind.MEMBER and appeal.actor_id is not None:
        chosen = User.objects.filter(pk=appeal.actor_id).values_list("language", flat=True).first()
        return chosen or CHINESE
    return CHINESE


def templates_for(appeal: Appeal) -> dict[str, dict[str, str]]:
    """Return the texts to start from in the merchant's language, by verb and reason."""
    text = "text_en" if language_of(appeal).startswith(ENGLISH) else "text_zh"
    texts: dict[str, dict[str, str]] = defaultdict(dict)
    for verb, reason, words in ReplyTemplate.objects.values_list("verb", "reason_code", text):
        texts[verb][reason] = words
    return dict(texts)
