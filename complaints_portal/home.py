"""The merchants' home page: what is lost when nobody acts, what is due when, what waits, and what changed.

The top floor, because it looks at everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from common.counting import count_words
from common.together import together
from common.wording import BEIJING, beijing_time
from common.written import written
from complaints.consultations.queries import card_of
from complaints.models import Complaint
from complaints.queries import Standing, points_of, standing
from complaints.states import Status
from complaints_portal.changes import changes_since
from complaints_portal.home_forecast import CAN_BE_APPEALED, rows_of
from deadlines.forecast import Forecast, due_by_day, forecast
from deadlines.models import Deadline
from merchants.models import Grant, Membership
from merchants.pages import MemberRequest, frame_of, member_page
from merchants.visits import note_visit
from penalties.queries import points_overview, waiting_count, windows_by_day
from refunds.queries import Standing as RefundStanding
from refunds.queries import standing as refund_standing

MINE_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence that says what matters now, and its tone."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of thing that waits for a member: how many, and the list of them."""

    label: str
    number: int
    url: str
    icon: str
    query: str = ""
    is_missed: bool = False

    @property
    def shown(self) -> str:
        return count_words(self.number)


@require_safe
@member_page(Grant.VIEW)
def home(request: MemberRequest) -> HttpResponse:
    """Show how the merchant stands, what is due within a week, what waits, and what changed since the last visit."""
    merchant_id, now, member = request.merchant.pk, request.now, request.memberships[0]
    since = note_visit(member, now=now)
    with together() as side:
        side(frame_of, request)
        theirs = side(_theirs, member, now=now)
        refund_cases = side(refund_standing, merchant_id, now=now)
        duties, windows = side(due_by_day, merchant_id, now=now), side(windows_by_day, merchant_id, now=now)
        overviewed = side(points_overview, merchant_id)
        appealable = side(waiting_count, merchant_id, now=now)
        consultations = side(card_of, merchant_id)
        changes = side(changes_since, since, actor=request.actor, membership_id=member.pk) if since else None
    complaints, mine, points = theirs.value
    refunds, overview = refund_cases.value, overviewed.value
    days = forecast(duties.value, windows.value, now=now)
    at_stake = complaints.points_at_stake + refunds.points_at_stake
    context = {
        "headline": headline(days, now=now),
        "forecast": days,
        "forecast_rows": rows_of(days),
        "standing": complaints,
        "refunds": refunds,
        "pending": count_words(complaints.pending),
        "overdue": count_words(complaints.overdue),
        "refunds_overdue": count_words(refunds.overdue),
        "points_at_stake": f"{at_stake:,}" if at_stake else "",
        "points_overview": overview,
        "points_in_effect": f"{overview.total.in_effect:,}{'+' if overview.is_partial else ''}",
        "waiting": waiting(complaints, refunds, days, appealable=appealable.value),
        "mine": mine,
        "changes": changes.value if changes else None,
        "points": points,
        "consultations": consultations.value,
        "now": now,
    }
    return render(request, "home.html", context)


def _theirs(member: Membership, *, now: datetime) -> tuple[Standing, list[Complaint], dict[int, int]]:
    """Return how the merchant stands, what is assigned to the member, and the points that these complaints carry."""
    with together() as side:
        stands, mine = side(standing, member.merchant_id, now=now), side(assigned_to, member, now=now)
    return stands.value, mine.value, points_of([*stands.value.next_due, *mine.value])


def headline(found: Forecast, *, now: datetime) -> Headline:
    """Say how many points are lost by when if nobody acts, or until when nothing is due."""
    if found.next_at is None:
        return Headline(_("Nothing is due."), "ok")
    if found.risk is None:
        return Headline(_("Nothing is due before %(moment)s.") % {"moment": beijing_time(found.next_at)}, "ok")
    last = found.risk.last_at.astimezone(BEIJING)
    facts = {"time": f"{last:%H:%M}", "points": f"{found.risk.points:,}", "number": f"{found.risk.number:,}"}
    is_today = last.date() == now.astimezone(BEIJING).date()
    return Headline(_sentence(found.risk.points, found.risk.number, is_today=is_today) % facts, _tone(found, now))


def _sentence(points: int, number: int, *, is_today: bool) -> str:
    if points and is_today:
        return ngettext(
            "%(points)s point is lost by %(time)s today, Beijing time, if nobody acts.",
            "%(points)s points are lost by %(time)s today, Beijing time, if nobody acts.",
            points,
        )
    if points:
        return ngettext(
            "%(points)s point is lost by %(time)s tomorrow, Beijing time, if nobody acts.",
            "%(points)s points are lost by %(time)s tomorrow, Beijing time, if nobody acts.",
            points,
        )
    if is_today:
        return ngettext(
            "%(number)s deadline ends by %(time)s today, Beijing time. It costs no points.",
            "%(number)s deadlines end by %(time)s today, Beijing time. They cost no points.",
            number,
        )
    return ngettext(
        "%(number)s deadline ends by %(time)s tomorrow, Beijing time. It costs no points.",
        "%(number)s deadlines end by %(time)s tomorrow, Beijing time. They cost no points.",
        number,
    )


def _tone(found: Forecast, now: datetime) -> str:
    """Return the tone of what is due soon: danger while it costs points within a day."""
    is_close = found.next_at is not None and found.next_at - now < timedelta(days=1)
    return "danger" if found.risk and found.risk.points and is_close else "warn"


def waiting(complaints: Standing, refunds: RefundStanding, found: Forecast, *, appealable: int) -> Iterable[Waiting]:
    """Return what waits, kind by kind, in the order in which it presses."""
    wanted = sum(
        each.number
        for each in [*(due for day in found.days for due in day.due.values()), *found.later]
        if each.kind == Deadline.Kind.SUPPLEMENT
    )
    return (
        Waiting(_("Complaints to handle"), complaints.pending, "complaints:list", "complaint"),
        Waiting(
            _("Complaints that were missed"), complaints.overdue, "complaints:list", "clock-missed", "due=overdue", True
        ),
        Waiting(_("Refunds due"), refunds.due, "refunds:list", "refund"),
        Waiting(_("Refunds that are overdue"), refunds.overdue, "refunds:list", "clock-missed", "due=overdue", True),
        Waiting(_("Appeals that need more evidence"), wanted, "appeals:list", "upload", "status=more_wanted"),
        Waiting(_("Penalties that can be appealed"), appealable, "penalties:list", "appeal", CAN_BE_APPEALED),
    )


def assigned_to(member: Membership, *, now: datetime) -> list[Complaint]:
    """Return the pending complaints of a member that are due next."""
    return _assigned(member.pk, member.merchant_id, now)


@written
def _assigned(member_id: int, merchant_id: int, now: datetime) -> QuerySet[Complaint]:
    mine = Complaint.objects.filter(
        assignee_id=member_id, merchant_id=merchant_id, status=Status.PENDING, handle_by__gte=now, is_history=False
    )
    return mine.select_related("mini_program").order_by("handle_by", "pk")[:MINE_SHOWN]
