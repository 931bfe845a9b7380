"""What a member chose to be told, and when a mail may leave."""

from collections.abc import Collection
from datetime import datetime, time, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from common.numbers import BEIJING
from merchants.models import Membership
from notifications.models import HOURS, Kind, Letter, NoticeChoice

Mail = NoticeChoice.Mail
NOT_WANTED = "not_wanted"
"""What became of a mail that a member chose not to get while it waited."""


def choice_of(membership_id: int) -> NoticeChoice:
    """Return what a member chose; what everybody starts with, unsaved, when they never did."""
    found = NoticeChoice.objects.filter(membership_id=membership_id).first()
    return found or NoticeChoice(membership_id=membership_id)


@transaction.atomic
def choose(
    *,
    bell_kinds: Collection[str],
    mail: str,
    mail_kinds: Collection[str],
    digest_hour: int,
    quiet_from: int | None,
    quiet_to: int | None,
    actor: Actor,
    now: datetime,
) -> NoticeChoice:
    """Keep what a member wants to be told; mails that wait follow the new choice.

    Refuses unknown kinds, hours that are none, and half a quiet time.
    """
    choice = own_choice(actor)
    if not {*bell_kinds, *mail_kinds} <= set(Kind.values) or mail not in Mail.values:
        raise BadInput(_("Choose from the list."), field="mail")
    for field, hour in (("digest_hour", digest_hour), ("quiet_from", quiet_from), ("quiet_to", quiet_to)):
        if hour is not None and hour not in HOURS:
            raise BadInput(_("Give a full hour from 0 to 23."), field=field)
    if (quiet_from is None) != (quiet_to is None):
        raise BadInput(_("Give both ends of the quiet time, or neither."), field="quiet_to")
    if quiet_from is not None and quiet_from == quiet_to:
        raise BadInput(
            _("A quiet time that never ends would keep every mail back. Choose “no mail”."), field="quiet_to"
        )
    choice.bell_kinds, choice.mail_kinds = sorted(set(bell_kinds)), sorted(set(mail_kinds))
    choice.mail, choice.digest_hour = mail, digest_hour
    choice.quiet_from, choice.quiet_to = quiet_from, quiet_to
    choice.save()
    _plan_again(choice, now=now)
    return choice


def _plan_again(choice: NoticeChoice, *, now: datetime) -> None:
    """Let the mails that wait leave when the new choice says, and drop those that it does not want."""
    waiting = Letter.objects.filter(membership_id=choice.membership_id, due_at__isnull=False)
    wanted = [] if choice.mail == Mail.NONE else choice.mail_kinds
    waiting.exclude(notice__kind__in=wanted).update(due_at=None, outcome=NOT_WANTED)
    waiting.update(due_at=mail_due_at(choice, now))


def own_choice(actor: Actor) -> NoticeChoice:
    """Return the actor's own choice, locked, made when it is not there yet. Refuses whoever is no member."""
    membership = Membership.objects.filter(user_id=actor.id or 0, merchant_id=actor.own_merchant_id).first()
    if actor.kind != ActorKind.MEMBER or membership is None:
        raise NotAllowed(_("You do not belong to this merchant."))
    NoticeChoice.objects.get_or_create(membership=membership)
    return NoticeChoice.objects.select_for_update(no_key=True).get(membership=membership)


def mail_due_at(choice: NoticeChoice, now: datetime) -> datetime:
    """Return when a mail about something that happened at `now` may leave: at once, or at the hour of the daily mail.

    In the quiet time none leaves; it waits for the end.
    """
    local = now.astimezone(BEIJING)
    if choice.mail == Mail.DIGEST:
        local = _next(local, choice.digest_hour)
    return _after_quiet(local, choice.quiet_from, choice.quiet_to)


def after_quiet(choice: NoticeChoice, moment: datetime) -> datetime:
    """Return the moment, or the end of the quiet time in which it lies."""
    return _after_quiet(moment.astimezone(BEIJING), choice.quiet_from, choice.quiet_to)


def _after_quiet(local: datetime, quiet_from: int | None, quiet_to: int | None) -> datetime:
    if quiet_from is None or quiet_to is None:
        return local
    over_midnight = quiet_from > quiet_to
    hour = local.hour
    is_quiet = (hour >= quiet_from or hour < quiet_to) if over_midnight else quiet_from <= hour < quiet_to
    return _next(local, quiet_to) if is_quiet else local


def _next(local: datetime, hour: int) -> datetime:
    """Return the next moment at which it is this full hour in Beijing, which has no summer time."""
    moment = datetime.combine(local.date(), time(hour), tzinfo=BEIJING)
    return moment if moment > local else moment + timedelta(days=1)
