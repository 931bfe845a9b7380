"""What a notice says: one sentence and a link, in the language that is active. The time left is that of `now`.

Only numbers of cases stand in it: no name, no phone and no words of a consumer leave the portal by mail or chat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.wording import beijing_time, span_words, yuan
from merchants.models import User
from notifications.models import Kind, Notice

Payload = dict[str, Any]
Sentence = Callable[[Payload, datetime], str]


@dataclass(frozen=True, slots=True)
class Words:
    """A notice for people: its sentence, and the address of the page where they can act on it."""

    sentence: str
    path: str


def words_of(notice: Notice, *, now: datetime) -> Words:
    """Say what a notice tells."""
    return Words(SENTENCES[notice.name](notice.payload, now), path_of(notice))


def by_urgency(notice: Notice) -> tuple[int, str, int]:
    """Order notices by how soon somebody must act: deadlines first, what is due next in front; then by kind."""
    due_at = notice.payload.get("due_at") or notice.payload.get("refund_by") or notice.payload.get("handle_by") or "9"
    return RANKS.index(notice.kind), due_at, -notice.pk


RANKS = [
    Kind.DEADLINE.value,
    Kind.PENALTY.value,
    Kind.RULING.value,
    Kind.REFUND.value,
    Kind.COMPLAINT.value,
    Kind.ANSWER.value,
    Kind.MESSAGE.value,
    Kind.CONSULTATION.value,
    Kind.ROBOT.value,
]

PAGES = (
    ("penalty_no", "penalties:detail"),
    ("case_no", "refunds:detail"),
    ("consultation_no", "consultations:detail"),
    ("complaint_no", "complaints:detail"),
)
"""Which page a number leads to; the first that a notice carries is the nearest to what it tells."""


def path_of(notice: Notice) -> str:
    """Return the address of the page that a notice is about."""
    for name, page in PAGES:
        if name in notice.payload:
            return reverse(page, args=[notice.payload[name]])
    return reverse("settings:robots" if notice.kind == Kind.ROBOT else "notices:list")


def until(written: str, now: datetime) -> str:
    """Say how long there is until a moment, and which it is; only which, once it has passed."""
    moment = datetime.fromisoformat(written)
    words = {"moment": beijing_time(moment), "span": span_words(moment - now)}
    if moment < now:
        return _("the deadline was %(moment)s") % words
    return _("%(span)s left, until %(moment)s") % words


def language_of(user: User) -> str:
    """Return the language in which a person is written to: the one that they chose, or the portal's."""
    return user.language if user.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def points_words(points: int) -> str:
    """Write points with their noun."""
    return ngettext("%(points)d point", "%(points)d points", points) % {"points": points}


def _filed(payload: Payload, now: datetime) -> str:
    return _("New complaint %(complaint_no)s: %(until)s.") % {**payload, "until": until(payload["handle_by"], now)}


def _message(payload: Payload, _now: datetime) -> str:
    if payload.get("role") == "consumer":
        return _("The consumer left a message about complaint %(complaint_no)s.") % payload
    return _("Support staff left a message about complaint %(complaint_no)s.") % payload


def _plain(sentence: Callable[[], str]) -> Sentence:
    return lambda payload, _now: sentence() % payload


def _money(sentence: Callable[[], str]) -> Sentence:
    return lambda payload, _now: sentence() % {**payload, "amount": yuan(Decimal(payload["amount"]))}


def _due(sentence: Callable[[], str]) -> Sentence:
    def say(payload: Payload, now: datetime) -> str:
        amount = yuan(Decimal(payload["amount"]))
        return sentence() % {**payload, "amount": amount, "until": until(payload["refund_by"], now)}

    return say


def _points(sentence: Callable[[], str]) -> Sentence:
    return lambda payload, _now: sentence() % {**payload, "points": points_words(payload["points"])}


def _issued(payload: Payload, now: datetime) -> str:
    sentence = {
        "complaint_timeout": _("%(points)s for a complaint that was not handled in time: penalty %(penalty_no)s."),
        "refund_overdue": _("%(points)s for a refund that was not paid in time: penalty %(penalty_no)s."),
    }[payload["kind"]]
    return _("%(said)s You can appeal.") % {"said": _points(lambda: sentence)(payload, now)}


def _corrected(payload: Payload, _now: datetime) -> str:
    if payload["status"] == "approved":
        return _("Support staff corrected their decision: the appeal against penalty %(penalty_no)s is approved.") % (
            payload
        )
    return _("Support staff corrected their decision: the appeal against penalty %(penalty_no)s is rejected.") % payload


def _near(payload: Payload, now: datetime) -> str:
    """Say what is to be done, how long there is, what missing it costs, and that the day is a holiday."""
    told = {**payload, "until": until(payload["due_at"], now)}
    sentences = [
        {
            "handle": _("Handle complaint %(complaint_no)s: %(until)s."),
            "refund": _("Pay the refund of complaint %(complaint_no)s: %(until)s."),
            "appeal": _("Appeal the penalty about complaint %(complaint_no)s, if it is wrong: %(until)s."),
            "supplement": _("Add evidence to the appeal about complaint %(complaint_no)s: %(until)s."),
        }[payload["kind"]]
        % told
    ]
    if payload.get("points"):
        sentences.append(_("Missing it costs %(points)s.") % {"points": points_words(payload["points"])})
    if payload.get("holiday"):
        sentences.append(_("The deadline falls on %(holiday)s.") % payload)
    return " ".join(sentences)


def _robot_failed(payload: Payload, _now: datetime) -> str:
    since = beijing_time(datetime.fromisoformat(payload["since"]))
    return _("The chat robot “%(name)s” has taken no message since %(since)s.") % {**payload, "since": since}


SENTENCES: dict[str, Sentence] = {
    "complaint.filed": _filed,
    "complaint.message_left": _message,
    "complaint.confirmed": _plain(lambda: _("The consumer says that complaint %(complaint_no)s is solved.")),
    "complaint.contested": _plain(
        lambda: _("The consumer contests how complaint %(complaint_no)s was handled; support staff look at it.")
    ),
    "complaint.cancelled": _plain(lambda: _("Complaint %(complaint_no)s was withdrawn.")),
    "complaint.closed": _plain(lambda: _("The platform closed complaint %(complaint_no)s.")),
    "no_refund_claim.accepted": _plain(
        lambda: _("Support staff ruled about complaint %(complaint_no)s: no refund is due.")
    ),
    "refund_case.opened": _due(
        lambda: _("Support staff ruled about complaint %(complaint_no)s: refund %(amount)s; %(until)s.")
    ),
    "refund_case.overruled": _due(
        lambda: _("Your refusal about complaint %(complaint_no)s was overruled: refund %(amount)s; %(until)s.")
    ),
    "refund_case.reopened": _due(
        lambda: _("A refund of %(amount)s is due again for complaint %(complaint_no)s: %(until)s.")
    ),
    "refund_case.waived": _plain(lambda: _("No refund is due any more for complaint %(complaint_no)s.")),
    "refund.failed": _money(
        lambda: _("The refund of %(amount)s for complaint %(complaint_no)s failed: no money moved.")
    ),
    "refund.reversed": _money(
        lambda: _("The refund of %(amount)s for complaint %(complaint_no)s did not reach the consumer.")
    ),
    "penalty.issued": _issued,
    "penalty.revoked": _points(lambda: _("Penalty %(penalty_no)s was revoked: %(points)s given back.")),
    "penalty.reinstated": _points(lambda: _("Penalty %(penalty_no)s is in effect again: %(points)s.")),
    "appeal.more_wanted": _plain(
        lambda: _("Support staff ask for more evidence about the appeal against penalty %(penalty_no)s.")
    ),
    "appeal.approved": _plain(lambda: _("The appeal against penalty %(penalty_no)s was approved.")),
    "appeal.rejected": _plain(lambda: _("The appeal against penalty %(penalty_no)s was rejected.")),
    "appeal.corrected": _corrected,
    "deadline.near": _near,
    "consultation.asked": _plain(lambda: _("A consumer asks you something: consultation %(consultation_no)s.")),
    "consultation.asked_again": _plain(lambda: _("A consumer asks once more: consultation %(consultation_no)s.")),
    "robot.failed": _robot_failed,
}
"""What each event that members are told of says; a test holds it to `notices.TOLD`."""
