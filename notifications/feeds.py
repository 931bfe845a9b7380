"""The link to a member's calendar of deadlines: signed, renewable, and good for nothing else.

Whoever has the link reads the deadlines without signing in, as calendar programs must. Renewed, the link before is
dead; what the member may see is looked at each time.
"""

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from common.actors import Actor
from merchants.models import Grant, Membership
from notifications.choices import own_choice
from notifications.models import NoticeChoice

SALT = "notifications.calendar"


def link_of(choice: NoticeChoice) -> str:
    """Return the whole address of a member's calendar; empty when they have none."""
    if not choice.has_feed:
        return ""
    token = signing.dumps([choice.membership_id, choice.feed_version], salt=SALT)
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse('calendar', args=[token])}"


@transaction.atomic
def make_link(*, actor: Actor) -> NoticeChoice:
    """Make the link to the actor's calendar, or a new one in its place: those before open nothing any more."""
    choice = own_choice(actor)
    choice.has_feed, choice.feed_version = True, choice.feed_version + 1
    choice.save(update_fields=["has_feed", "feed_version"])
    return choice


@transaction.atomic
def end_link(*, actor: Actor) -> NoticeChoice:
    """End the link to the actor's calendar until they make a new one."""
    choice = own_choice(actor)
    choice.has_feed = False
    choice.save(update_fields=["has_feed"])
    return choice


def member_behind(token: str) -> Membership | None:
    """Return the member whose calendar a link opens; None when it opens nothing, whatever the reason.

    It opens nothing when it is altered, was renewed or ended, and when the member was removed, was switched off, or may
    not see cases any more.
    """
    try:
        membership_id, version = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if type(membership_id) is not int or type(version) is not int:
        return None
    chosen = NoticeChoice.objects.filter(membership_id=membership_id, feed_version=version, has_feed=True)
    choice = chosen.select_related("membership__user", "membership__merchant").first()
    if choice is None or not choice.membership.user.is_active:
        return None
    return choice.membership if Grant.VIEW in choice.membership.effective_grants else None
