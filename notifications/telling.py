"""Make notices from events, and from notices what is to be sent: each once, in one transaction with the position.

Whoever comes while another is at it leaves it to them; whoever is killed leaves everything as it was.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from merchants.models import Grant, Membership
from notifications.choices import Mail, mail_due_at
from notifications.models import Event, Letter, Notice, NoticeChoice, Robot, RobotCall, Watermark, kinds_for
from notifications.notices import kind_of
from notifications.queries import Position, oldest_open

READER = "notices"
BATCH = 2000


def tell(*, now: datetime, batch: int = BATCH) -> int:
    """Read on in the stream of events until its present end, and return how many notices were made.

    Another run that is at it holds the position: then nothing is left to do here, and nobody waits in a queue.
    """
    made = 0
    while True:
        read, told = _tell_batch(now=now, batch=batch)
        made += told
        if read < batch:
            return made


@transaction.atomic
def _tell_batch(*, now: datetime, batch: int) -> tuple[int, int]:
    mark = Watermark.objects.select_for_update(skip_locked=True).filter(name=READER).first()
    if mark is None:
        Watermark.objects.get(name=READER)  # the migration wrote it; without it nobody would be told of anything
        return 0, 0
    events = _events_after(Position(mark.transaction, mark.event_id), batch)
    if not events:
        return 0, 0
    notices = _notices(events)
    _write_letters(notices, now=now)
    _write_calls(notices, now=now)
    mark.transaction, mark.event_id, mark.at = events[-1].transaction, events[-1].pk, now
    mark.save()
    return len(events), len(notices)


def _events_after(position: Position, limit: int) -> list[Event]:
    after = Q(transaction__gt=position.transaction) | Q(transaction=position.transaction, id__gt=position.id)
    events = Event.objects.filter(after, transaction__gte=position.transaction, transaction__lt=oldest_open())
    return list(events.order_by("transaction", "id")[:limit])


def _notices(events: Iterable[Event]) -> list[Notice]:
    """Insert the notices that these events make; an event that made one already makes no second."""
    told = [(event, kind) for event in events if (kind := kind_of(event))]
    known = set(
        Notice.objects.filter(event_id__in=[event.pk for event, _kind in told]).values_list("event_id", flat=True)
    )
    return Notice.objects.bulk_create(
        Notice(
            merchant_id=event.merchant_id,
            event_id=event.pk,
            kind=kind,
            name=event.name,
            subject_id=event.subject_id,
            payload=event.payload,
            at=event.at,
        )
        for event, kind in told
        if event.pk not in known
    )


def _write_letters(notices: list[Notice], *, now: datetime) -> None:
    """Write a letter for each member who chose to be told by mail and may see what it is about."""
    members: dict[int, list[tuple[Membership, NoticeChoice]]] = {}
    for member in readers({notice.merchant_id for notice in notices}):
        choice = getattr(member, "notice_choice", None) or NoticeChoice(membership=member)
        if choice.mail != Mail.NONE:
            members.setdefault(member.merchant_id, []).append((member, choice))
    Letter.objects.bulk_create(
        (
            Letter(notice_id=notice.pk, membership_id=member.pk, due_at=mail_due_at(choice, now))
            for notice in notices
            for member, choice in members.get(notice.merchant_id, ())
            if notice.kind in choice.mail_kinds and notice.kind in kinds_for(member.effective_grants)
        ),
        batch_size=1000,
    )


def readers(merchant_ids: Iterable[int]) -> Iterable[Membership]:
    """Return the members of these merchants who may see cases and have a mail address, with what they chose."""
    members = Membership.objects.filter(merchant_id__in=list(merchant_ids), user__is_active=True)
    may_see = Q(is_administrator=True) | Q(grants__contains=[Grant.VIEW])
    return members.filter(may_see).exclude(user__email="").select_related("user", "notice_choice").order_by("pk")


def _write_calls(notices: list[Notice], *, now: datetime) -> None:
    robots: dict[int, list[Robot]] = {}
    for robot in Robot.objects.filter(merchant_id__in={notice.merchant_id for notice in notices}, is_on=True):
        robots.setdefault(robot.merchant_id, []).append(robot)
    RobotCall.objects.bulk_create(
        (
            RobotCall(notice_id=notice.pk, robot_id=robot.pk, due_at=now)
            for notice in notices
            for robot in robots.get(notice.merchant_id, ())
            if notice.kind in robot.kinds
        ),
        batch_size=1000,
    )
