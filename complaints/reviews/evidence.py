"""The pictures of a review, and the other cases in which the very same files were sent."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from complaints.models import Complaint, Consultation, ConsultationLine, Handling, Message
from complaints.timeline import handling_of
from evidence.models import Evidence

ELSEWHERE_SHOWN = 200

_uses: list[tuple[type[Model], str]] = [
    (Handling.evidence.through, "handling__complaint"),
    (Message.evidence.through, "message__complaint"),
    (Complaint.pictures.through, "complaint"),
    (Consultation.pictures.through, "consultation__complaint"),
    (ConsultationLine.evidence.through, "consultationline__consultation__complaint"),
]


def register_use(through: type[Model], path: str) -> None:
    """Let an upper app say where it keeps evidence: the rows that link it, and the path from them to the complaint."""
    if (through, path) not in _uses:
        _uses.append((through, path))


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
class Shots:
    """Pictures under one heading: what they came with."""

    heading: Promise
    pictures: list[Picture]


def shots_of(given: Iterable[tuple[Promise, Iterable[Evidence]]], complaint: Complaint) -> list[Shots]:
    """Return the pictures of a review by what they came with, then the rest of the case's; each of them once.

    The complaint is one that `with_everything` fetched. Headings without pictures are left out.
    """
    seen: set[int] = set()
    found: list[tuple[Promise, list[Evidence]]] = []
    for heading, pictures in (*given, (_("From the case"), _of_case(complaint))):
        fresh = {picture.pk: picture for picture in pictures if picture.pk not in seen}
        seen |= fresh.keys()
        found.append((heading, list(fresh.values())))
    elsewhere = used_elsewhere([picture for _heading, pictures in found for picture in pictures], complaint)
    return [
        Shots(heading, [Picture(picture, elsewhere.get(picture.sent_sha256, [])) for picture in pictures])
        for heading, pictures in found
        if pictures
    ]


def _of_case(complaint: Complaint) -> list[Evidence]:
    handling = handling_of(complaint)
    of_messages = [picture for message in complaint.messages.all() for picture in message.evidence.all()]
    return [*complaint.pictures.all(), *(handling.evidence.all() if handling else ()), *of_messages]


def used_elsewhere(pictures: Sequence[Evidence], complaint: Complaint) -> dict[str, list[tuple[int, str]]]:
    """Return, by the hash of the file as sent, the other complaints in which it was used: number and id of each."""
    hashes = {picture.sent_sha256 for picture in pictures}
    if not hashes:
        return {}
    uses = [_used(through, path, hashes, complaint.pk) for through, path in _uses]
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for sha256, pk, number in uses[0].union(*uses[1:])[:ELSEWHERE_SHOWN]:
        found[sha256].append((pk, number))
    return found


def _used(through: Any, path: str, hashes: set[str], own: int) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = (
        through.objects.filter(evidence__sent_sha256__in=hashes).exclude(**{path: own}).exclude(**{path: None})
    )
    return rows.order_by().values_list("evidence__sent_sha256", f"{path}__pk", f"{path}__complaint_no")
