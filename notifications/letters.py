"""Send the mails of notices: what is due of one member goes out in one mail, in their language.

Before a mail leaves, all of it is looked at again: what no longer holds is dropped, and so is everything when the
member may not see cases any more. A mail server that is away loses nothing: it is asked ever less often, up to once an
hour, for five days. A sender that is killed between the server's answer and the mark sends the mail again under the
same Message-ID, so that the reader's mail program can tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.mailing import FAILED, SENT, Undeliverable, hand_over, send_while_due
from merchants.models import Grant, Membership
from notifications.choices import after_quiet, choice_of
from notifications.liveness import worth_sending
from notifications.models import Letter, Notice, kinds_for
from notifications.wording import by_urgency, language_of, words_of

log = structlog.get_logger(__name__)

FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
TRIES = 125
"""Five days: six waits that double, then one an hour."""
IN_ONE_MAIL = 100
"""A mail names so many notices at most; it says how many more there are, and where."""

NO_LONGER_TRUE, NOT_THEIRS = "no_longer_true", "not_theirs"
GIVEN_UP = "given up: "
"""Why a letter was given up stands behind this; the member reads it."""
REASON_LIMIT = 200


def send_letters(clock: Callable[[], datetime], *, limit: int = 200) -> int:
    """Send the mails that are due, one transaction each, and return how many left."""
    return send_while_due(lambda: _send_next(clock()), limit=limit)


@transaction.atomic
def _send_next(now: datetime) -> str | None:
    """Send what is due of the next member, and say what became of it; None when nothing is due.

    The oldest letter of each member is the lock of all of theirs: two senders never divide a mail between them.
    """
    due = Letter.objects.filter(due_at__lte=now)
    earlier = due.filter(membership=OuterRef("membership"), pk__lt=OuterRef("pk"))
    heads = due.filter(~Exists(earlier)).select_for_update(no_key=True, skip_locked=True, of=("self",))
    head = heads.order_by("due_at", "pk").first()
    if head is None:
        return None
    own = due.filter(membership_id=head.membership_id).select_for_update(no_key=True, of=("self",))
    letters = list(own.select_related("notice").order_by("pk"))
    member = Membership.objects.select_related("user", "merchant").get(pk=head.membership_id)
    if not (member.user.is_active and member.user.email and Grant.VIEW in member.effective_grants):
        return _end(letters, NOT_THEIRS)
    choice = choice_of(member.pk)
    if (leaves_at := after_quiet(choice, now)) > now:
        return _put_off(letters, leaves_at)
    theirs = kinds_for(member.effective_grants)
    alive = worth_sending([letter.notice for letter in letters if letter.notice.kind in theirs], now=now)
    _end([letter for letter in letters if letter.notice_id not in alive], NO_LONGER_TRUE)
    letters = [letter for letter in letters if letter.notice_id in alive]
    if not letters:
        return NO_LONGER_TRUE
    return _send(letters, mail_to(member, [letter.notice for letter in letters], letters[0].pk, now=now), now=now)


def _send(letters: Sequence[Letter], mail: EmailMultiAlternatives, *, now: datetime) -> str:
    try:
        hand_over(mail)
    except Undeliverable as refusal:
        log.warning("letter_given_up", membership=letters[0].membership_id, reason=str(refusal))
        return _end(letters, f"{GIVEN_UP}{refusal}"[:REASON_LIMIT])
    except (OSError, ValueError) as error:  # what smtplib raises, and what a header raises that no mail can carry
        failures = max(letter.failures for letter in letters) + 1
        log.warning("letter_not_sent", membership=letters[0].membership_id, failures=failures, reason=str(error))
        if failures >= TRIES:
            return _end(letters, f"{GIVEN_UP}{error}"[:REASON_LIMIT])
        wait = min(LONGEST, FIRST * 2 ** min(failures - 1, 10))
        Letter.objects.filter(pk__in=_numbers(letters)).update(failures=failures, due_at=now + wait)
        return FAILED
    Letter.objects.filter(pk__in=_numbers(letters)).update(due_at=None, sent_at=now, outcome=SENT)
    return SENT


def mail_to(member: Membership, notices: Sequence[Notice], number: int, *, now: datetime) -> EmailMultiAlternatives:
    """Write the mail that tells a member of these notices, the most urgent in front; `number` names it."""
    base = settings.PUBLIC_URL.rstrip("/")
    with translation.override(language_of(member.user)):
        told = _lines(notices, base, now=now)
        own_settings = f"{base}{reverse('settings:notices')}"
        context = {
            "merchant": member.merchant,
            "lines": told[:IN_ONE_MAIL],
            "more": len(told) - IN_ONE_MAIL if len(told) > IN_ONE_MAIL else 0,
            "all_url": f"{base}{reverse('notices:list')}",
            "settings_url": own_settings,
            "language": translation.get_language(),
        }
        mail = EmailMultiAlternatives(
            subject=_subject(member, told),
            body=render_to_string("notices/letter.txt", context).strip(),
            to=[member.user.email],
            headers={
                "Message-ID": f"<notices.{member.pk}.{number}@{urlsplit(base).hostname}>",
                "List-Unsubscribe": f"<{own_settings}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        mail.attach_alternative(render_to_string("notices/letter.html", context), "text/html")
    return mail


@dataclass(frozen=True, slots=True)
class Line:
    """A notice in a mail."""

    sentence: str
    url: str
    kind: str
    at: datetime


def _lines(notices: Sequence[Notice], base: str, *, now: datetime) -> list[Line]:
    lines = []
    for notice in sorted(notices, key=by_urgency):
        words = words_of(notice, now=now)
        lines.append(Line(words.sentence, f"{base}{words.path}", notice.get_kind_display(), notice.at))
    return lines


def _subject(member: Membership, lines: Sequence[Line]) -> str:
    """Say at which merchant, what is most urgent, and how much else there is; a name cannot add a header."""
    subject = _("%(merchant)s: %(sentence)s") % {"merchant": member.merchant, "sentence": lines[0].sentence}
    others = len(lines) - 1
    if others:
        more = ngettext("(and %(number)d more)", "(and %(number)d more)", others) % {"number": others}
        subject = f"{subject} {more}"
    return " ".join(subject.split())


def _end(letters: Sequence[Letter], outcome: str) -> str:
    Letter.objects.filter(pk__in=_numbers(letters)).update(due_at=None, outcome=outcome)
    return outcome


def _put_off(letters: Sequence[Letter], until: datetime) -> str:
    Letter.objects.filter(pk__in=_numbers(letters)).update(due_at=until)
    return "put_off"


def _numbers(letters: Sequence[Letter]) -> list[int]:
    return [letter.pk for letter in letters]


@dataclass(frozen=True, slots=True)
class MailTrouble:
    """What a member should know about mails to them: that some wait, or why the last could not be delivered."""

    waiting: int
    given_up: str


def trouble_of(membership_id: int) -> MailTrouble:
    """Say whether mails to a member wait for a mail server, or their address was refused the last time."""
    own = Letter.objects.filter(membership_id=membership_id)
    waiting = own.filter(due_at__isnull=False, failures__gt=0).count()
    tried = own.filter(due_at=None, outcome__startswith=GIVEN_UP) | own.filter(due_at=None, outcome=SENT)
    last = tried.order_by("-notice_id").values_list("outcome", flat=True).first() or ""
    return MailTrouble(waiting, last.removeprefix(GIVEN_UP) if last.startswith(GIVEN_UP) else "")
