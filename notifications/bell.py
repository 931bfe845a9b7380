"""What a member reads in the page: the bell with its count, the list behind it, and how far they have read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from common.actors import Actor, ActorKind
from common.keyset import Page, Segment, keyset_page
from common.prepared import Place, Statement
from common.together import ask
from merchants.models import Grant, Membership
from notifications.choices import own_choice
from notifications.liveness import still_true
from notifications.models import Notice, NoticeChoice, kinds_for
from notifications.wording import Words, words_of

CAP = 99
LOOK_AT = 1000
"""The bell counts among so many of the newest notices at most: it stands on every page."""

UNREAD = Statement(
    """
        WITH choice AS MATERIALIZED (
            SELECT bell_read_id, bell_kinds FROM notifications_noticechoice WHERE membership_id = %s
        ), latest AS (
            SELECT kind FROM notifications_notice
            WHERE merchant_id = %s AND id > coalesce((SELECT bell_read_id FROM choice), 0)
            ORDER BY id DESC LIMIT %s
        ), kinds AS (
            SELECT string_to_array(%s, ',')::varchar[] AS possible
        )
        SELECT count(*) FROM latest, kinds
        WHERE kind = ANY (coalesce((SELECT bell_kinds FROM choice), possible)) AND kind = ANY (possible)
    """,
    [Place(0), Place(1), Place(2), Place(3)],
)


def may_hear(actor: Actor | None) -> bool:
    """Say whether there is a bell for this actor: for members who may see cases."""
    return bool(actor and actor.kind == ActorKind.MEMBER and actor.merchant_id and Grant.VIEW in actor.grants)


def unread_count(member: Membership) -> int:
    """Count what a member has not read yet of the kinds that they chose, no further than one above the cap."""
    kinds = ",".join(kinds_for(member.effective_grants))
    ((count,),) = ask(UNREAD, [member.pk, member.merchant_id, LOOK_AT, kinds])
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
