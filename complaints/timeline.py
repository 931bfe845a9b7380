"""The negotiation history (协商历史): moves and messages of a complaint in one line of time, newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from common.actors import ActorKind
from common.wording import masked_name
from complaints.models import Complaint, Handling, HistoryLine, Message, Method
from evidence.models import Evidence

CONSUMER, MERCHANT, PLATFORM, SYSTEM = "consumer", "merchant", "platform", "system"

ROLE_LABELS: dict[str, Promise] = {
    CONSUMER: gettext_lazy("Consumer"),
    MERCHANT: gettext_lazy("Merchant"),
    PLATFORM: gettext_lazy("Platform support"),
    SYSTEM: gettext_lazy("System"),
}
ROLES: dict[str, str] = {
    ActorKind.MEMBER: MERCHANT,
    ActorKind.MERCHANT: MERCHANT,
    ActorKind.CONSUMER: CONSUMER,
    ActorKind.STAFF: PLATFORM,
    ActorKind.SYSTEM: SYSTEM,
}
SPOKEN_FOR = {"close": PLATFORM, "handle": MERCHANT}
"""The platform's systems speak for the consumer, except in these moves."""

SENTENCES: dict[tuple[str, str], Promise] = {
    ("complaint", "file"): gettext_lazy("Filed the complaint."),
    ("complaint", "confirm"): gettext_lazy("Confirmed that the problem is solved. The complaint is finished."),
    ("complaint", "contest"): gettext_lazy("Said that the problem is not solved. Support staff look at the case."),
    ("complaint", "finish"): gettext_lazy("The consumer stayed silent, so the complaint finished by itself."),
    ("complaint", "cancel"): gettext_lazy("Withdrew the complaint."),
    ("complaint", "close"): gettext_lazy("Closed the complaint."),
    ("complaint", "rule"): gettext_lazy("Ruled on the complaint."),
    ("complaint", "settle"): gettext_lazy("The refund was paid. The complaint is finished."),
    ("penalty", "appeal"): gettext_lazy("The penalty is under appeal."),
    ("penalty", "uphold"): gettext_lazy("The penalty is in effect again."),
    ("penalty", "revoke"): gettext_lazy("Revoked the penalty and gave the points back."),
    ("penalty", "reinstate"): gettext_lazy("Put the penalty in effect again, with a new appeal window."),
    ("appeal", "submit"): gettext_lazy("Submitted an appeal."),
    ("appeal", "ask"): gettext_lazy("Asked for more evidence on the appeal."),
    ("appeal", "supplement"): gettext_lazy("Gave more evidence on the appeal."),
    ("appeal", "go_on"): gettext_lazy("The time for more evidence is over; the review goes on with what is there."),
    ("appeal", "approve"): gettext_lazy("Approved the appeal."),
    ("appeal", "reject"): gettext_lazy("Rejected the appeal."),
    ("appeal", "withdraw"): gettext_lazy("Withdrew the appeal."),
    ("appeal", "correct"): gettext_lazy("Corrected the decision on the appeal."),
}
"""What each move is called in a complaint's history, those of upper floors included: the history is one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: who, when, what was done or said, and what proves it."""

    at: datetime
    role: str
    name: str
    sentence: str = ""
    text: str = ""
    handling: Handling | None = None
    pictures: Iterable[Evidence] = ()

    @property
    def role_label(self) -> str:
        """The role, unless the name says it already."""
        label = str(ROLE_LABELS[self.role])
        return "" if label == self.name else label


def timeline(complaint: Complaint) -> list[Entry]:
    """Return the history of a complaint that `with_everything` fetched, newest first."""
    lines = sorted(complaint.history.all(), key=lambda line: (line.at, line.pk))
    said = sorted(complaint.messages.all(), key=lambda message: (message.at, message.pk))
    entries = [_of_line(complaint, line) for line in lines] + [_of_message(complaint, message) for message in said]
    entries.sort(key=lambda entry: entry.at)  # stable: at the same moment the move stands before the message
    return entries[::-1]


def _of_line(complaint: Complaint, line: HistoryLine) -> Entry:
    role = ROLES.get(line.actor_kind) or SPOKEN_FOR.get(line.verb, CONSUMER)
    handling = handling_of(complaint) if (line.noun, line.verb) == ("complaint", "handle") else None
    return Entry(
        at=line.at,
        role=role,
        name=_name(complaint, role, line.actor_name),
        sentence=_sentence(line),
        text=_words(line),
        handling=handling,
        pictures=handling.evidence.all() if handling else (),
    )


def _words(line: HistoryLine) -> str:
    """Return what was said with a move. What revoked a penalty in an appeal stands in the line of the appeal."""
    if line.noun == "appeal":
        return str(line.detail.get("message", ""))  # the reason is a code
    if line.noun == "penalty" and not line.detail.get("by_hand"):
        return ""
    return str(line.detail.get("reason", ""))


def _of_message(complaint: Complaint, message: Message) -> Entry:
    return Entry(
        at=message.at,
        role=message.role,
        name=_name(complaint, message.role, message.actor_name),
        text=message.text,
        pictures=message.evidence.all(),
    )


def _name(complaint: Complaint, role: str, actor_name: str) -> str:
    """Return a member's own name; of consumers only what is left of theirs; support staff and the system are roles."""
    if role == MERCHANT:
        return actor_name
    if role == CONSUMER and complaint.consumer_name:
        return masked_name(complaint.consumer_name)
    return str(ROLE_LABELS[role])


def _sentence(line: HistoryLine) -> str:
    match line.noun, line.verb:
        case "complaint", "handle":
            return _handled(line)
        case "penalty", "issue":
            points = int(line.detail["points"])
            return ngettext(
                "Issued penalty %(penalty_no)s: %(points)d point.",
                "Issued penalty %(penalty_no)s: %(points)d points.",
                points,
            ) % {"penalty_no": line.detail["penalty_no"], "points": points}
        case "penalty", "reinstate" if not line.detail.get("opens_window", True):
            return _("Put the penalty in effect again. No attempt to appeal it is left.")
        case "penalty", "close_window":
            return _("The appeal window of penalty %(penalty_no)s closed.") % {"penalty_no": line.detail["penalty_no"]}
        case move if move in SENTENCES:
            return str(SENTENCES[move])
    return f"{line.noun}: {line.verb}"  # a move that an upper floor brought and nobody named yet


def _handled(line: HistoryLine) -> str:
    method = Method(line.detail["method"]).label
    if line.detail["in_time"]:
        return _("Handled the complaint in time: %(method)s.") % {"method": method}
    return _("Handled the complaint after its deadline: %(method)s.") % {"method": method}


def handling_of(complaint: Complaint) -> Handling | None:
    """Return how the complaint was handled, or None."""
    return getattr(complaint, "handling", None)
