"""Send the mails about alarms: all that is due for one address in one mail, in its language.

Before a mail leaves, all of it is looked at again: who may not control the sweeps any more is told nothing, and what
has ended meanwhile is told as ended. A mail server that is away loses nothing: it is asked ever less often, up to once
every ten minutes, for three days.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from common.mailing import FAILED, SENT, Undeliverable, hand_over, send_while_due
from common.wording import beijing_time, span_words
from deadlines.alarms import recipients
from deadlines.lateness import Lateness
from deadlines.models import AlarmLetter, SweepAlarm
from deadlines.standing import MANY, Standing, due_counts, standings

log = structlog.get_logger(__name__)

FIRST, LONGEST = timedelta(minutes=1), timedelta(minutes=10)
TRIES = 436
"""Three days: four waits that double, then one every ten minutes."""

NOT_THEIRS, OVERTAKEN = "not_theirs", "overtaken"
GIVEN_UP = "given up: "
OUTCOME_LIMIT = 200
Occasion = AlarmLetter.Occasion


def send_alarm_mails(clock: Callable[[], datetime], *, limit: int = 200) -> int:
    """Send the mails that are due, one transaction each, and return how many left."""
    return send_while_due(lambda: _send_next(clock()), limit=limit)


@transaction.atomic
def _send_next(now: datetime) -> str | None:
    """Send what is due for the next address, and say what became of it; None when nothing is due.

    The oldest letter to each address is the lock of all of them: two senders never divide a mail between them. What was
    put off goes along, because what happened meanwhile is told instead of it.
    """
    unsent = AlarmLetter.objects.filter(due_at__isnull=False)
    earlier = unsent.filter(address=OuterRef("address"), pk__lt=OuterRef("pk"))
    is_due = unsent.filter(address=OuterRef("address"), due_at__lte=now)
    heads = unsent.filter(~Exists(earlier), Exists(is_due)).select_for_update(
        no_key=True, skip_locked=True, of=("self",)
    )
    head = heads.order_by("due_at", "pk").first()
    if head is None:
        return None
    own = unsent.filter(address=head.address).select_for_update(no_key=True, of=("self",))
    letters = list(own.select_related("alarm").order_by("pk"))
    if head.address not in recipients():
        return _end(letters, NOT_THEIRS)
    newest = {letter.alarm_id: letter for letter in letters}
    told = list(newest.values())
    _end([letter for letter in letters if letter not in told], OVERTAKEN)
    return _send(told, mail_about(told, now=now), now=now)


def _send(letters: Sequence[AlarmLetter], mail: EmailMessage, *, now: datetime) -> str:
    own = AlarmLetter.objects.filter(pk__in=[letter.pk for letter in letters])
    try:
        hand_over(mail)
    except Undeliverable as refusal:
        log.warning("alarm_mail_given_up", reason=str(refusal))
        return _end(letters, f"{GIVEN_UP}{refusal}")
    except (OSError, ValueError) as error:  # what smtplib raises, and what a header raises that no mail can carry
        failures = max(letter.failures for letter in letters) + 1
        log.warning("alarm_mail_not_sent", failures=failures, reason=str(error))
        if failures >= TRIES:
            return _end(letters, f"{GIVEN_UP}{error}")
        wait = min(LONGEST, FIRST * 2 ** min(failures - 1, 10))
        own.update(failures=failures, due_at=now + wait, outcome=str(error)[:OUTCOME_LIMIT])
        return FAILED
    own.update(due_at=None, sent_at=now, outcome=SENT)
    return SENT


def _end(letters: Sequence[AlarmLetter], outcome: str) -> str:
    numbers = [letter.pk for letter in letters]
    AlarmLetter.objects.filter(pk__in=numbers).update(due_at=None, outcome=outcome[:OUTCOME_LIMIT])
    return outcome


@dataclass(frozen=True, slots=True)
class Line:
    """What a mail says about one kind: what is the matter, what waits, and what to do."""

    about: str
    waiting: str
    advice: str
    url: str


def mail_about(letters: Sequence[AlarmLetter], *, now: datetime) -> EmailMessage:
    """Write the mail that tells one address of these alarms."""
    base = settings.PUBLIC_URL.rstrip("/")
    first = letters[0]
    known = {standing.kind: standing for standing in standings(now=now)}
    due = due_counts(now=now, until=now)
    with translation.override(first.language):
        lasting = [letter.alarm for letter in letters if letter.alarm.ended_at is None]
        ended = [letter.alarm for letter in letters if letter.alarm.ended_at is not None]
        lines = [
            _line(alarm, known[alarm.kind], due[alarm.kind][0], base, now=now) for alarm in lasting if alarm.kind in due
        ]
        context = {
            "lines": lines,
            "ended": [_end_words(alarm) for alarm in ended],
            "desk_url": f"{base}{reverse('admin:deadlines_sweeprun_desk')}",
        }
        return EmailMessage(
            subject=_subject([alarm for alarm in lasting if _is_late(known, alarm)], [*lasting, *ended]),
            body=render_to_string("deadlines/alarm.txt", context).strip() + "\n",
            to=[first.address],
            headers={
                "Message-ID": f"<alarms.{first.pk}@{urlsplit(base).hostname}>",
                "Auto-Submitted": "auto-generated",
            },
        )


def _is_late(known: Mapping[str, Standing], alarm: SweepAlarm) -> bool:
    """Say whether its kind is late now; an alarm lasts for a while after that."""
    return alarm.kind not in known or known[alarm.kind].late is not None


def _subject(late: Sequence[SweepAlarm], others: Sequence[SweepAlarm]) -> str:
    names = [str(alarm.get_kind_display()) for alarm in late or others]
    if late:
        subject = _("ALARM: sweeps are late: %(kinds)s") % {"kinds": ", ".join(names)}
    else:
        subject = _("Over: sweeps are on time again: %(kinds)s") % {"kinds": ", ".join(names)}
    return " ".join(subject.split())


def _line(alarm: SweepAlarm, standing: Standing, due: int, base: str, *, now: datetime) -> Line:
    facts = {
        "kind": alarm.get_kind_display(),
        "code": alarm.kind,
        "last_run": beijing_time(standing.last_run) if standing.last_run else "",
        "since": beijing_time(alarm.began_at),
        "who": standing.changed_by,
        "reason": standing.reason,
    }
    if standing.late is None:
        about = _("%(kind)s: it was late, noticed %(since)s, and is on time again.")
        advice = _("There is nothing to do while it stays so; a mail says when the alarm is over.")
    elif alarm.why == Lateness.PAUSED:
        about = _("%(kind)s: paused by %(who)s: %(reason)s Noticed %(since)s.")
        advice = _("When the reason is gone, let it run again: manage.py sweeps run %(code)s --reason … --as …")
    elif alarm.why == Lateness.BEHIND:
        about = _("%(kind)s: runs end, but what is due waits. Noticed %(since)s.")
        advice = _("Look at its runs for failures, and at the log. Is it in shadow, or is there too much of it?")
    else:
        about = (
            _("%(kind)s: no run has ended since %(last_run)s. Noticed %(since)s.")
            if standing.last_run
            else _("%(kind)s: no run has ever ended. Noticed %(since)s.")
        )
        advice = _("Start Celery beat and a worker, or manage.py sweep --loop. manage.py doctor says what is wrong.")
    return Line(
        about=about % facts,
        waiting=_waiting(standing, due, now=now),
        advice=advice % facts,
        url=f"{base}{reverse('admin:deadlines_sweeprun_changelist')}?kind__exact={alarm.kind}",
    )


def _waiting(standing: Standing, due: int, *, now: datetime) -> str:
    if standing.oldest_due is None:
        return _("Nothing of it is due yet.")
    number = _("%(number)s or more") % {"number": f"{MANY:,}"} if due == MANY else f"{due:,}"
    span = span_words(standing.waiting(now))
    return _("Due and waiting: %(number)s; the oldest for %(span)s.") % {"number": number, "span": span}


def _end_words(alarm: SweepAlarm) -> str:
    ended = alarm.ended_at or alarm.began_at
    return _("%(kind)s is on time again: it was late from %(began)s to %(ended)s, for %(span)s.") % {
        "kind": alarm.get_kind_display(),
        "began": beijing_time(alarm.began_at, zone=False),
        "ended": beijing_time(ended),
        "span": span_words(ended - alarm.began_at),
    }


@dataclass(frozen=True, slots=True)
class MailTrouble:
    """Mails about alarms that have not left, and why the last could not."""

    waiting: int
    reason: str


def mail_trouble() -> MailTrouble:
    """Say whether mails about alarms wait for a mail server that refused them at least once."""
    held = AlarmLetter.objects.filter(due_at__isnull=False, failures__gt=0)
    reasons = list(held.order_by("-pk").values_list("outcome", flat=True))
    return MailTrouble(len(reasons), reasons[0] if reasons else "")
