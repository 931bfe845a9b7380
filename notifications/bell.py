"""What a member reads in the page: the bell with its count, the list behind it, and how far they have read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max

from common.actors import Actor, ActorKind
from common.keyset import Page, Segment, keyset_page
from merchants.models import Grant, Membership
from notifications.choices import own_choice
from notifications.liveness import still_true
from notifications.models import Notice, NoticeChoice, kinds_for
from notifications.wording import Words, words_of

CAP = 99
LOOK_AT = 1000
"""The bell counts among so many of the newest notices at most: it stands on every page."""

UNREAD = """
    SELECT count(*) FROM (
        SELECT kind FROM notifications_notice
        WHERE merchant_id = %(merchant)s
            AND id > coalesce((SELECT bell_read_id FROM notifications_noticechoice WHERE membership_id = %(member)s), 0)
        ORDER BY id DESC LIMIT %(look_at)s
    ) AS latest
    WHERE kind = ANY (coalesce(
        (SELECT bell_kinds FROM notifications_noticechoice WHERE membership_id = %(member)s), %(kinds)s
    )) AND kind = ANY (%(kinds)s)
"""


def may_hear(actor: Actor | None) -> bool:
    """Say whether there is a bell for this actor: for members who may see cases."""
    return bool(actor and actor.kind == ActorKind.MEMBER and actor.merchant_id and Grant.VIEW in actor.grants)


def unread_count(member: Membership) -> int:
    """Count what a member has not read yet of the kinds that they chose, no further than one above the cap."""
    values: dict[str, int | list[str]] = {
        "merchant": member.merchant_id,
        "member": member.pk,
        "look_at": LOOK_AT,
        "kinds": kinds_for(member.effective_grants),
    }
    with connection.cursor() as cursor:
        cursor.execute(UNREAD, values)
        (count,) = cursor.fetchone()
    return min(int(count), CAP + 1)


def count_words(count: int) -> str:
    """Write the count of the bell: 99+ above the cap."""
    return f"{CAP}+" if count > CAP else str(count)


@dataclass(frozen=True, slots=True)
class Told:
    """A notice on the page: its words as of now, whether it is new to the reader, and whether it still holds."""

    notice: Notice
    words: Words
    is_new: bool
    still_holds: bool


def notices_page(
    member: Membership, choice: NoticeChoice, *, now: datetime, cursor: str = ""
) -> tuple[Page[Notice], list[Told]]:
    """Return a page of what a member chose to be told in the page, the newest first."""
    kinds = [kind for kind in choice.bell_kinds if kind in kinds_for(member.effective_grants)]
    notices = Notice.objects.filter(merchant_id=member.merchant_id, kind__in=kinds)
    page = keyset_page([Segment(notices, "-id")], cursor=cursor)
    return page, _told(page.rows, choice, now=now)


def _told(notices: Sequence[Notice], choice: NoticeChoice, *, now: datetime) -> list[Told]:
    alive = still_true(notices)
    return [
        Told(notice, words_of(notice, now=now), notice.pk > choice.bell_read_id, notice.pk in alive)
        for notice in notices
    ]


@transaction.atomic
def mark_read(up_to: int, *, actor: Actor) -> NoticeChoice:
    """Note that a member has read all up to this notice; what came after it stays new. It never goes back."""
    choice = own_choice(actor)
    newest: int = Notice.objects.filter(merchant_id=actor.own_merchant_id).aggregate(newest=Max("pk"))["newest"] or 0
    choice.bell_read_id = max(choice.bell_read_id, min(up_to, newest))
    choice.save(update_fields=["bell_read_id"])
    return choice
