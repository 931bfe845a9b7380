"""What changed at a merchant since a member was last there, in words, the newest first.

What others did is found in their events, which have an index for it (`NEWS`). What comes in numbers, complaints and
penalties, is counted in one line. Assignments are found through the complaints that the member works on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext

from common.actors import Actor
from common.addresses import address
from common.counting import CAP, count_words
from common.together import together
from common.wording import BEIJING
from common.written import written, written_sums
from complaints.models import Complaint, InternalLine
from complaints.permissions import visible_to
from notifications.models import Event
from notifications.queries import news_since
from penalties.queries import issued_since

SHOWN = 20
LOOKED_AT = 200
"""So many events are read at most: what was said twice about one complaint becomes one line."""
STILL_MINE = timedelta(days=30)
"""An assignment is told while the complaint's deadline is not longer past than this: the index is by deadline, and
whoever works here for years has been given many."""

SENTENCES: dict[str, Promise] = {
    "complaint.message_left": gettext_lazy("The consumer left a message."),
    "complaint.confirmed": gettext_lazy("The consumer confirmed that the problem is solved."),
    "complaint.contested": gettext_lazy("The consumer said that the problem is not solved. Support staff look at it."),
    "complaint.cancelled": gettext_lazy("The consumer withdrew the complaint."),
    "complaint.closed": gettext_lazy("The platform closed the complaint."),
    "no_refund_claim.accepted": gettext_lazy("Support staff ruled that no refund is due."),
    "no_refund_claim.overruled": gettext_lazy("Support staff ruled that a refund is due."),
    "no_refund_claim.corrected": gettext_lazy("Support staff corrected their ruling on a refund."),
    "refund.failed": gettext_lazy("A refund failed; no money moved."),
    "refund.reversed": gettext_lazy("A refund was taken back: it did not reach the consumer."),
    "appeal.approved": gettext_lazy("An appeal was approved: the points are given back."),
    "appeal.rejected": gettext_lazy("An appeal was rejected."),
    "appeal.corrected": gettext_lazy("The decision on an appeal was corrected."),
    "appeal.more_wanted": gettext_lazy("Support staff want more evidence on an appeal."),
    "appeal.goes_on": gettext_lazy("The time to add evidence to an appeal is over; its review goes on."),
}
FROM_SUPPORT = gettext_lazy("Support staff left a message.")
LOOKS: dict[str, tuple[str, str]] = {
    "message_left": ("reply", "accent"),
    "confirmed": ("done", "ok"),
    "contested": ("warn", "warn"),
    "cancelled": ("cancelled", "neutral"),
    "closed": ("lock", "neutral"),
    "accepted": ("done", "ok"),
    "overruled": ("refund", "warn"),
    "corrected": ("review", "warn"),
    "failed": ("danger", "danger"),
    "reversed": ("undo", "warn"),
    "approved": ("done", "ok"),
    "rejected": ("refused", "danger"),
    "more_wanted": ("upload", "warn"),
    "goes_on": ("review", "neutral"),
}
"""The icon and the tone of what happened, by the last word of its event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that changed: when, in words, about what, and where to see it."""

    at: datetime
    words: str
    url: str
    icon: str
    tone: str = "neutral"
    about: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a moment, and whether there is more than is told."""

    since: datetime
    told: list[Change]
    is_more: bool


def changes_since(since: datetime, *, actor: Actor, membership_id: int) -> Changes:
    """Tell what changed for a member since a moment, in two statements however much it is."""
    with together() as side:
        news = side(_news, since, actor)
        others = [
            side(list, _new_complaints(since, actor)),
            side(list, _penalties(since, actor)),
            side(list, _assignments(since, actor, membership_id)),
        ]
    number, told = news.value
    told += [change for each in others for change in each.value]
    told.sort(key=lambda change: change.at, reverse=True)
    return Changes(since, told[:SHOWN], is_more=len(told) > SHOWN or number == LOOKED_AT)


def _news(since: datetime, actor: Actor) -> tuple[int, list[Change]]:
    """Tell of the latest events, and return how many were read."""
    events = news_since(actor.own_merchant_id, since, limit=LOOKED_AT)
    titles = _titles(events, actor)
    return len(events), [_of_events(alike, titles) for alike in _folded(events)]


def _new_complaints(since: datetime, actor: Actor) -> Iterable[Change]:
    """Count what was filed since: a platform that hands complaints over late is not waited for."""
    number, last_at = _filed_since(since, actor)
    if number:
        words = ngettext("%(number)s new complaint was filed.", "%(number)s new complaints were filed.", number)
        yield Change(
            at=last_at,
            words=words % {"number": count_words(number)},
            url=f"{address('complaints:list')}?status=all&filed_from={_day(since)}",
            icon="complaint",
            tone="accent",
        )


@written_sums("count(*)", "max(filed_at)")
def _filed_since(since: datetime, actor: Actor) -> QuerySet[Complaint, Any]:
    filed = visible_to(actor).filter(filed_at__gt=since, is_history=False).order_by("-filed_at", "-pk")
    return filed.values("filed_at")[: CAP + 1]


def _penalties(since: datetime, actor: Actor) -> Iterable[Change]:
    issued = issued_since(actor.own_merchant_id, since)
    if issued.last_at is not None:
        words = ngettext(
            "%(number)s penalty was issued, %(points)s in all.",
            "%(number)s penalties were issued, %(points)s in all.",
            issued.number,
        )
        points = ngettext("%(points)s point", "%(points)s points", issued.points) % {
            "points": f"{issued.points:,}{'+' if issued.number > CAP else ''}"
        }
        yield Change(
            at=issued.last_at,
            words=words % {"number": count_words(issued.number), "points": points},
            url=f"{address('penalties:list')}?issued_from={_day(since)}",
            icon="violation",
            tone="danger",
        )


def _assignments(since: datetime, actor: Actor, membership_id: int) -> Iterable[Change]:
    """Tell who gave the member what, one line for each who did; what one takes oneself is no news."""
    given: dict[str, dict[int, dict[str, Any]]] = {}
    for line in _given_since(since, since - STILL_MINE, actor.own_merchant_id, membership_id, actor.id):
        given.setdefault(line["actor_name"], {}).setdefault(line["complaint_id"], line)
    for name, lines in given.items():
        latest = next(iter(lines.values()))
        words = ngettext(
            "%(name)s assigned a complaint to you.", "%(name)s assigned %(number)s complaints to you.", len(lines)
        )
        is_one = len(lines) == 1
        no = latest["complaint__complaint_no"]
        yield Change(
            at=latest["at"],
            words=words % {"name": name, "number": len(lines)},
            url=address("complaints:detail", no) if is_one else f"{address('complaints:list')}?assignee=me",
            icon="user",
            tone="accent",
            about=latest["complaint__dispute_type"] if is_one else "",
        )


@written
def _given_since(
    since: datetime, due_since: datetime, merchant_id: int, membership_id: int, own_id: int | None
) -> QuerySet[InternalLine, Any]:
    given = InternalLine.objects.filter(
        kind=InternalLine.Kind.ASSIGN,
        at__gt=since,
        complaint__merchant_id=merchant_id,
        complaint__assignee_id=membership_id,
        complaint__handle_by__gte=due_since,
    ).exclude(actor_id=own_id)
    columns = ("at", "actor_name", "complaint_id", "complaint__complaint_no", "complaint__dispute_type")
    lines: QuerySet[InternalLine, Any] = given.order_by("-at", "-pk").values(*columns)
    return lines[:LOOKED_AT]


def _folded(events: Iterable[Event]) -> Iterable[list[Event]]:
    """Lay together what happened in the same way to the same thing, the latest first."""
    alike: dict[tuple[str, int, bool], list[Event]] = {}
    for event in events:
        alike.setdefault((event.name, event.subject_id, _is_from_support(event)), []).append(event)
    return alike.values()


def _of_events(alike: list[Event], titles: Mapping[str, str]) -> Change:
    event, number = alike[0], len(alike)
    noun, _dot, what = event.name.partition(".")
    icon, tone = LOOKS[what]
    words = str(FROM_SUPPORT if _is_from_support(event) else SENTENCES[event.name])
    if number > 1 and what == "message_left":
        words = _several_messages(event, number)
    no = str(event.payload.get("complaint_no", ""))
    if noun == "appeal":
        url = address("appeals:detail", event.subject_id)
        about = str(event.payload.get("penalty_no", ""))
    else:
        url, about = address("complaints:detail", no), titles.get(no, "")
    return Change(at=event.at, words=words, url=url, icon=icon, tone=tone, about=about)


def _several_messages(event: Event, number: int) -> str:
    if _is_from_support(event):
        words = ngettext("Support staff left %(number)s message.", "Support staff left %(number)s messages.", number)
    else:
        words = ngettext("The consumer left %(number)s message.", "The consumer left %(number)s messages.", number)
    return words % {"number": number}


def _is_from_support(event: Event) -> bool:
    return bool(event.payload.get("role") == "platform")


def _titles(events: Iterable[Event], actor: Actor) -> dict[str, str]:
    """Return by number what the complaints are about that these events name."""
    numbers = {event.payload["complaint_no"] for event in events if "complaint_no" in event.payload}
    return dict(_named(list(numbers), actor)) if numbers else {}


@written
def _named(numbers: list[str], actor: Actor) -> QuerySet[Complaint, Any]:
    return visible_to(actor).filter(complaint_no__in=numbers).values_list("complaint_no", "dispute_type")


def _day(moment: datetime) -> date:
    return moment.astimezone(BEIJING).date()
