"""What has happened to a consumer's complaint and what comes next, in plain words and with the day by which it comes.

What missing a deadline costs the shop is the shop's own; a consumer reads only until when somebody must answer.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from common.policy import policy_at
from common.wording import beijing_time, yuan
from complaints.consumer.history import in_order
from complaints.models import REFUNDING, Complaint, HistoryLine
from complaints.states import OPEN, Status
from complaints.timeline import handling_of
from deadlines.models import Deadline


@dataclass(frozen=True, slots=True)
class Outlook:
    """A heading, a few sentences, and how they look."""

    heading: str
    sentences: tuple[str, ...]
    tone: str = "accent"


def outlook(complaint: Complaint, *, now: datetime) -> Outlook:
    """Return what to tell the consumer of a complaint that came with everything."""
    lines = in_order(complaint.history.all())
    match complaint.status:
        case Status.PENDING:
            return _pending(complaint, now=now)
        case Status.HANDLED:
            return _handled(complaint, now=now)
        case Status.IN_REVIEW:
            return _in_review(complaint, lines, now=now)
        case Status.REFUND_DUE:
            return _refund_due(lines, now=now)
    return _ended(complaint, lines)


def why_nothing_can_be_said(complaint: Complaint) -> str:
    """Return why nothing more can be sent about a complaint that has ended, and where to turn; empty while it can."""
    if complaint.status in OPEN:
        return ""
    return _(
        "This case has ended, so nothing more can be sent here. You can go on reading it. "
        "If something is still wrong, write to the shop, or to the platform's support."
    )


def _pending(complaint: Complaint, *, now: datetime) -> Outlook:
    if complaint.is_history:
        return Outlook(_("The shop has your complaint"), (_("It has not answered yet."),))
    by = {"by": beijing_time(complaint.handle_by)}
    if now <= complaint.handle_by:
        return Outlook(
            _("The shop has your complaint"),
            (
                _("The shop must answer by %(by)s.") % by,
                _("You need not do anything. If you have something to add, write it below."),
            ),
        )
    return Outlook(
        _("The shop is late"),
        (
            _("It should have answered by %(by)s, and must still do so. The platform sees that it is late.") % by,
            _("If you have something to add, write it below."),
        ),
        tone="warn",
    )


def _handled(complaint: Complaint, *, now: datetime) -> Outlook:
    handling = handling_of(complaint)
    amount = handling.refund_amount if handling else None
    answered = (
        _("The shop says that it refunded %(amount)s.") % {"amount": yuan(amount)}
        if amount is not None
        else _("The shop says that it refunded you.")
    )
    clock = Deadline.objects.filter(kind=Deadline.Kind.FINISH, subject_id=complaint.pk).first()
    silent = (
        _("If you say nothing, the case ends by itself on %(by)s.") % {"by": beijing_time(clock.due_at)}
        if clock and clock.due_at >= now
        else _("If you say nothing, the case ends by itself soon.")
    )
    return Outlook(_("Is your problem solved?"), (answered, _("Look whether the money has arrived."), silent))


def _in_review(complaint: Complaint, lines: list[HistoryLine], *, now: datetime) -> Outlook:
    handling = handling_of(complaint)
    contested = handling is not None and handling.method in REFUNDING
    why = (
        _("You said that the problem is not solved.")
        if contested
        else _("The shop answered without a refund, so the platform looks whether that is right.")
    )
    return Outlook(_("The platform looks at your case"), (why, _decided_by(lines, complaint.pk, now=now), _add()))


def _decided_by(lines: list[HistoryLine], complaint_id: int, *, now: datetime) -> str:
    """Say until when the platform decides, as far as a clock says so that is not over."""
    claims = [line.noun_id for line in lines if line.noun == "no_refund_claim"]
    clock = Deadline.objects.filter(
        kind=Deadline.Kind.REVIEW, complaint_id=complaint_id, subject_id__in=claims[-1:], due_at__gte=now
    ).first()
    if clock and not clock.is_provisional:
        return _("It decides by %(by)s. You find its answer on this page.") % {"by": beijing_time(clock.due_at)}
    if clock:
        days = policy_at(now).review_working_days
        return _("It decides within %(days)d working days. You find its answer on this page.") % {"days": days}
    return _("It decides as soon as it can. You find its answer on this page.")


def _add() -> str:
    return _("If you have something that proves what you say, add it below.")


def _refund_due(lines: list[HistoryLine], *, now: datetime) -> Outlook:
    case = [line for line in lines if line.noun == "refund_case"]
    amounts = [Decimal(line.detail["amount"]) for line in case if "amount" in line.detail]
    limits = [datetime.fromisoformat(line.detail["refund_by"]) for line in case if "refund_by" in line.detail]
    facts = {"amount": yuan(amounts[-1]) if amounts else ""}
    heading = _("A refund of %(amount)s is due to you") % facts if amounts else _("A refund is due to you")
    if case and case[-1].to_state == "refused":
        said = _("The shop refuses it. The platform looks whether it may.")
        return Outlook(heading, (said, _decided_by(lines, case[-1].complaint_id, now=now), _add()))
    if "processing" in _last_states(lines, "refund"):
        said = _("The shop has sent a refund. The payment system is working on it.")
        return Outlook(heading, (said, _("You need not do anything.")))
    if limits and now > limits[-1]:
        late = _("The shop should have paid by %(by)s, and must still do so. The platform sees that it is late.")
        return Outlook(heading, (late % {"by": beijing_time(limits[-1])},), tone="warn")
    by = _("The shop must pay by %(by)s.") % {"by": beijing_time(limits[-1])} if limits else _("The shop must pay.")
    return Outlook(heading, (by, _("You need not do anything.")))


def _last_states(lines: list[HistoryLine], noun: str) -> set[str]:
    return set({line.noun_id: line.to_state for line in lines if line.noun == noun}.values())


def _ended(complaint: Complaint, lines: list[HistoryLine]) -> Outlook:
    """Say how a case ended: by whom, and why where a reason was given."""
    last = next((line for line in reversed(lines) if line.noun == "complaint"), None)
    verb = last.verb if last else ""
    reason = str(last.detail.get("reason", "")) if last else ""
    when = {"at": beijing_time(complaint.ended_at)} if complaint.ended_at else {"at": ""}
    if complaint.status == Status.CANCELLED:
        return Outlook(_("You withdrew this complaint"), (_("It ended on %(at)s.") % when,), tone="neutral")
    if complaint.status == Status.CLOSED:
        ended = _("It ended on %(at)s.") % when
        said = (ended, _("The reason: %(reason)s") % {"reason": reason}) if reason else (ended,)
        return Outlook(_("The platform closed this complaint"), said, tone="neutral")
    if verb == "settle":  # what was due is refunded, or, after a part of it perhaps, ruled not to be due
        verb = "rule" if "waived" in _last_states(lines, "refund_case") else verb
    how = {
        "confirm": _("You said on %(at)s that the problem is solved."),
        "finish": _("The shop said that it refunded you, and nothing more was said until %(at)s."),
        "rule": _("The platform ruled on %(at)s that no refund is due. Its words stand below."),
        "settle": _("All that was due to you was refunded by %(at)s."),
    }.get(verb, _("It ended on %(at)s."))
    return Outlook(_("This case has ended"), (how % when,), tone="ok")
