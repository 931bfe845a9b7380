"""A merchant's deadlines as a calendar that other programs subscribe to: `/calendar/<token>.ics`.

Each clock that runs is an event at its moment, with numbers of cases and no name. A clock that moves keeps its event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from icalendar import Calendar, Event

from common.numbers import BEIJING
from complaints.reminders import KINDS, day_of, holidays_on, named, subjects_of
from deadlines.models import Deadline
from merchants.models import Membership
from notifications.feeds import member_behind
from notifications.wording import PAGES, language_of, points_words

MOST = 500


@require_safe
def calendar(request: HttpRequest, feed_token: str) -> HttpResponseBase:
    """Answer a calendar program: the deadlines of the member's merchant, or that nothing has changed."""
    member = member_behind(feed_token)
    if member is None:
        raise Http404
    now: datetime = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    body = calendar_of(member, now=now)
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=0, must-revalidate"
    response["Content-Disposition"] = 'inline; filename="deadlines.ics"'
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return get_conditional_response(request, etag=etag, response=response) or response


def calendar_of(member: Membership, *, now: datetime) -> bytes:
    """Return the next deadlines of a member's merchant as iCalendar, in their language."""
    clocks = next_deadlines(member.merchant_id, now=now)
    names, holidays = named(clocks), holidays_on(clock.due_at for clock in clocks)
    with translation.override(language_of(member.user)):
        feed = Calendar()
        feed.add("prodid", "-//complaints portal//deadlines//")
        feed.add("version", "2.0")
        feed.add("method", "PUBLISH")
        feed.add("x-wr-calname", _("Deadlines of %(merchant)s") % {"merchant": member.merchant})
        feed.add("x-published-ttl", "PT1H")
        for clock in clocks:
            if clock.pk in names:
                holiday = holidays.get(day_of(clock.due_at), "")
                feed.add_component(_event(clock, names[clock.pk], holiday, now=now))
        written: bytes = feed.to_ical()
    return written


def next_deadlines(merchant_id: int, *, now: datetime) -> list[Deadline]:
    """Return the clocks of a merchant that run, what is due next in front, in one statement."""
    running = Deadline.objects.filter(due_at__gte=now)
    parts = []
    for kind in KINDS:
        subjects = subjects_of(kind)
        own = running.filter(kind=kind, merchant_id=merchant_id)
        if subjects is not None:
            own = own.filter(subject_id__in=subjects.running(merchant_id))
        parts.append(own.order_by("due_at", "pk")[:MOST])
    return sorted(parts[0].union(*parts[1:], all=True), key=lambda clock: (clock.due_at, clock.pk))[:MOST]


def _event(clock: Deadline, names: Mapping[str, str], holiday: str, *, now: datetime) -> Event:
    """Return the event of one clock. Its moment of writing is the day's, so that what did not change reads the same."""
    host = urlsplit(settings.PUBLIC_URL).hostname
    link = f"{settings.PUBLIC_URL.rstrip('/')}{_path(names)}"
    event = Event()
    event.add("uid", f"{clock.kind}-{clock.subject_id}@{host}")
    event.add("dtstamp", datetime.combine(now.astimezone(BEIJING).date(), time(), tzinfo=BEIJING).astimezone(UTC))
    event.add("dtstart", clock.due_at.astimezone(UTC))
    event.add("summary", _summary(clock, names))
    event.add("description", "\n".join([*_remarks(clock, holiday), link]))
    event.add("url", link)
    event.add("transp", "TRANSPARENT")
    return event


def _path(names: Mapping[str, str]) -> str:
    return next(reverse(page, args=[names[name]]) for name, page in PAGES if name in names)


def _summary(clock: Deadline, names: Mapping[str, str]) -> str:
    sentences = {
        Deadline.Kind.HANDLE: _("Handle complaint %(complaint_no)s"),
        Deadline.Kind.REFUND: _("Pay the refund of complaint %(complaint_no)s"),
        Deadline.Kind.APPEAL: _("Last moment to appeal the penalty about complaint %(complaint_no)s"),
        Deadline.Kind.SUPPLEMENT: _("Add evidence to the appeal about complaint %(complaint_no)s"),
    }
    return str(sentences[Deadline.Kind(clock.kind)] % names)


def _remarks(clock: Deadline, holiday: str) -> list[str]:
    remarks: list[str] = []
    if clock.points:
        remarks.append(_("Missing it costs %(points)s.") % {"points": points_words(clock.points)})
    if holiday:
        remarks.append(_("The deadline falls on %(holiday)s.") % {"holiday": holiday})
    if clock.is_provisional:
        remarks.append(_("Provisional: it may move to a later day."))
    return remarks
