"""The negotiation history (协商历史): moves and messages of a complaint in one line of time, newest first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import filterfalse

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from common.actors import ActorKind
from common.wording import beijing_time, masked_name, yuan
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
    ("complaint", "settle"): gettext_lazy("Nothing more is due. The complaint is finished."),
    ("complaint", "reopen"): gettext_lazy("A refund is due after all. The complaint is open again."),
    ("no_refund_claim", "lapse"): gettext_lazy("The complaint ended, so there is nothing left to rule on."),
    ("no_refund_claim", "correct"): gettext_lazy("Corrected the ruling."),
    ("refund_case", "run_again"): gettext_lazy("The clock of the pending refund runs on, with the time that was left."),
    ("refund_case", "refund"): gettext_lazy("All that was due is refunded."),
    ("refund_case", "refuse"): gettext_lazy("Refused to refund. The clock stands still while staff look at why."),
    ("refund_case", "waive"): gettext_lazy("The pending refund ended: nothing is due."),
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
    lead: str = ""
    """What stands before the text, where it was written to somebody else than who reads it here."""

    @property
    def role_label(self) -> str:
        """The role, unless the name says it already."""
        label = str(ROLE_LABELS[self.role])
        return "" if label == self.name else label


def timeline(complaint: Complaint) -> list[Entry]:
    """Return the history of a complaint that `with_everything` fetched, newest first, with what was asked before."""
    from complaints.consultations.talk import said_before  # noqa: PLC0415 (it is written in the entries of this module)

    lines = sorted(filterfalse(_is_told_by_another, complaint.history.all()), key=lambda line: (line.at, line.pk))
    said = sorted(complaint.messages.all(), key=lambda message: (message.at, message.pk))
    entries = said_before(complaint)[::-1]
    entries += [_of_line(complaint, line) for line in lines] + [_of_message(complaint, message) for message in said]
    entries.sort(key=lambda entry: entry.at)  # stable: at the same moment the move stands before the message
    return entries[::-1]


def who_and_what(line: HistoryLine) -> tuple[str, str]:
    """Return who made one move, as a merchant may know them, and its sentence."""
    role = role_of(line)
    return _name(line.complaint, role, line.actor_name), sentence_of(line)


ABOUT: dict[tuple[str, str], Promise] = {
    ("submit", "handling"): gettext_lazy("Asked support staff to rule that no refund is due."),
    ("accept", "handling"): gettext_lazy("Ruled that no refund is due."),
    ("accept", "contest"): gettext_lazy("Ruled that no refund is due."),
    ("accept", "refusal"): gettext_lazy("Ruled that the refusal is right: no refund is due."),
    ("overrule", "handling"): gettext_lazy("Ruled that a refund is due."),
    ("overrule", "contest"): gettext_lazy("Ruled that a refund is due."),
    ("overrule", "refusal"): gettext_lazy("Ruled that the refund is due all the same."),
}
"""What the review of a no-refund claim is called, by what the claim is about."""

WAYS: dict[str, Promise] = {
    "fund": gettext_lazy("Refunded %(amount)s from the guarantee fund."),
    "api": gettext_lazy("Asked the payment system to refund %(amount)s."),
    "elsewhere": gettext_lazy("Recorded a refund of %(amount)s that was made elsewhere."),
}
FROM_THE_FUND = gettext_lazy("From the bonus %(bonus)s, from the deposit %(deposit)s.")
REFUND_RESULTS: dict[str, Promise] = {
    "succeed": gettext_lazy("The payment system confirmed the refund of %(amount)s."),
    "fail": gettext_lazy("The refund of %(amount)s failed; no money moved."),
    "reverse": gettext_lazy("Took the refund of %(amount)s back: it did not reach the consumer."),
}

WORDS = {"appeal": "message", "no_refund_claim": "message", "refund": "message"}
"""Which detail of a line is text for people. An appeal's reason is a code, and so is that of a ruling."""


def _is_told_by_another(line: HistoryLine) -> bool:
    """Say whether another line of the same moment says it better: a ruling has words, a contest and a refusal too."""
    if (line.noun, line.verb) == ("complaint", "rule"):
        return "ruling" in line.detail
    return (line.noun, line.verb) == ("no_refund_claim", "submit") and line.detail.get("about") != "handling"


def role_of(line: HistoryLine) -> str:
    """Return on which side the one stands who made a move."""
    return ROLES.get(line.actor_kind) or SPOKEN_FOR.get(line.verb, CONSUMER)


def _of_line(complaint: Complaint, line: HistoryLine) -> Entry:
    role = role_of(line)
    handling = handling_of(complaint) if (line.noun, line.verb) == ("complaint", "handle") else None
    return Entry(
        at=line.at,
        role=role,
        name=_name(complaint, role, line.actor_name),
        sentence=sentence_of(line),
        text=_words(line),
        handling=handling,
        pictures=handling.evidence.all() if handling else (),
    )


def _words(line: HistoryLine) -> str:
    """Return what was said with a move. What revoked a penalty in an appeal stands in the line of the appeal."""
    if line.verb == "extend":
        return ""  # the sentence has the reason
    if line.noun == "penalty" and not line.detail.get("by_hand"):
        return ""
    return str(line.detail.get(WORDS.get(line.noun, "reason"), ""))


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


def sentence_of(line: HistoryLine) -> str:
    """Return what a move is called, in the language of whoever reads it."""
    move = (line.noun, line.verb)
    if move in TELLERS:
        return TELLERS[move](line)
    if line.noun == "no_refund_claim":
        ruled = ABOUT.get((line.verb, line.detail.get("about", "")))
        if ruled is not None:
            return str(ruled)
    # Without a sentence it is a move that an upper floor brought and nobody named yet.
    return str(SENTENCES.get(move, f"{line.noun}: {line.verb}"))


def _handled(line: HistoryLine) -> str:
    method = Method(line.detail["method"]).label
    if line.detail["in_time"]:
        return _("Handled the complaint in time: %(method)s.") % {"method": method}
    return _("Handled the complaint after its deadline: %(method)s.") % {"method": method}


def _issued(line: HistoryLine) -> str:
    points = int(line.detail["points"])
    return ngettext(
        "Issued penalty %(penalty_no)s: %(points)d point.",
        "Issued penalty %(penalty_no)s: %(points)d points.",
        points,
    ) % {"penalty_no": line.detail["penalty_no"], "points": points}


def _closed(line: HistoryLine) -> str:
    return _("The appeal window of penalty %(penalty_no)s closed.") % {"penalty_no": line.detail["penalty_no"]}


def _due(line: HistoryLine) -> str:
    """Say that a refund is due, in which round and until when."""
    facts = {"by": beijing_time(datetime.fromisoformat(line.detail["refund_by"]))}
    if line.verb == "open":
        facts["amount"] = yuan(Decimal(line.detail["amount"]))
        return _("A pending refund of %(amount)s began. Refund by %(by)s.") % facts
    return _("Round %(round)d of the pending refund began. Refund by %(by)s.") % {
        **facts,
        "round": line.detail["round"],
    }


def _refunded(line: HistoryLine) -> str:
    """Say what became of one refund, with its amount, and how much of it the bonus paid."""
    facts = {"amount": yuan(Decimal(line.detail["amount"]))}
    if line.verb in REFUND_RESULTS:
        return str(REFUND_RESULTS[line.verb]) % facts
    sentence = str(WAYS[line.detail["channel"]]) % facts
    if "deposit" not in line.detail:
        return sentence
    parts = {name: yuan(Decimal(line.detail[name])) for name in ("bonus", "deposit")}
    return f"{sentence} {FROM_THE_FUND % parts}"


def _reinstated(line: HistoryLine) -> str:
    if line.detail.get("opens_window", True):
        return str(SENTENCES["penalty", "reinstate"])
    return _("Put the penalty in effect again. No attempt to appeal it is left.")


def _extended(line: HistoryLine) -> str:
    moments = {name: beijing_time(datetime.fromisoformat(line.detail[name])) for name in ("before", "after")}
    return _("Moved the deadline from %(before)s to %(after)s: %(reason)s") % {
        **moments,
        "reason": line.detail["reason"],
    }


TELLERS: dict[tuple[str, str], Callable[[HistoryLine], str]] = {
    **{(noun, "extend"): _extended for noun in ("complaint", "refund_case", "penalty", "appeal")},
    ("complaint", "handle"): _handled,
    ("penalty", "issue"): _issued,
    ("penalty", "close_window"): _closed,
    ("penalty", "reinstate"): _reinstated,
    **{("refund_case", verb): _due for verb in ("open", "overrule", "reopen")},
    **{("refund", verb): _refunded for verb in ("pay", "request", "record", *REFUND_RESULTS)},
}
"""What tells those moves whose sentence depends on more than the move."""


def handling_of(complaint: Complaint) -> Handling | None:
    """Return how the complaint was handled, or None."""
    return getattr(complaint, "handling", None)
