"""What a consumer sees of their case: what both sides said, what became of it, and nothing that is the shop's own.

The history of a complaint holds penalties, points, appeals and how a refund was divided. So this is a list of what is
told, and not of what is left out: a move that an upper floor brings later stays unseen until it has a sentence here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.actors import Actor
from common.wording import beijing_time, yuan
from complaints.consumer.links import Case
from complaints.models import (
    REFUNDING,
    Complaint,
    Consultation,
    ConsultationLine,
    Handling,
    HistoryLine,
    Message,
    Method,
)
from complaints.timeline import CONSUMER, MERCHANT, PLATFORM, SYSTEM, Entry, handling_of
from evidence.models import Evidence

SENTENCES: dict[tuple[str, str], Promise] = {
    ("complaint", "file"): gettext_lazy("You complained."),
    ("complaint", "confirm"): gettext_lazy("You said that the problem is solved."),
    ("complaint", "contest"): gettext_lazy("You said that the problem is not solved. The platform looks at the case."),
    ("complaint", "finish"): gettext_lazy("Nothing more was said, so the case ended by itself."),
    ("complaint", "cancel"): gettext_lazy("You withdrew the complaint."),
    ("complaint", "close"): gettext_lazy("The platform closed the complaint."),
    ("complaint", "settle"): gettext_lazy("The case has ended."),
    ("complaint", "reopen"): gettext_lazy("A refund is due to you after all. The case is open again."),
    ("no_refund_claim", "correct"): gettext_lazy("The platform corrected its ruling."),
    ("refund_case", "refuse"): gettext_lazy("The shop refuses the refund. The platform looks at why."),
    ("refund_case", "refund"): gettext_lazy("All that was due to you is refunded."),
    ("refund_case", "waive"): gettext_lazy("No refund is due any more."),
}
RULINGS: dict[tuple[str, str], Promise] = {
    ("submit", "handling"): gettext_lazy("The shop says that no refund is due. The platform looks at the case."),
    ("accept", "handling"): gettext_lazy("The platform ruled that no refund is due."),
    ("accept", "contest"): gettext_lazy("The platform ruled that no refund is due."),
    ("accept", "refusal"): gettext_lazy("The platform ruled that the shop need not refund."),
    ("overrule", "handling"): gettext_lazy("The platform ruled that a refund is due to you."),
    ("overrule", "contest"): gettext_lazy("The platform ruled that a refund is due to you."),
    ("overrule", "refusal"): gettext_lazy("The platform ruled that the shop must refund all the same."),
}
ANSWERS: dict[str, Promise] = {
    Method.FUND_REFUND: gettext_lazy("The shop refunded you."),
    Method.OTHER_REFUND: gettext_lazy("The shop says that it refunded you."),
    Method.SHIPPED: gettext_lazy("The shop says that it has sent the goods."),
    Method.OTHER: gettext_lazy("The shop answered."),
    Method.AFTER_SALES: gettext_lazy("The shop says that it has mended the problem."),
    Method.NOT_LIABLE: gettext_lazy("The shop says that this is not for it to solve."),
}
"""How the shop answered, in the words of whoever waits for it."""

REFUNDS: dict[str, Promise] = {
    "pay": gettext_lazy("The shop refunded %(amount)s."),
    "request": gettext_lazy("The shop refunds %(amount)s; the money is on its way."),
    "record": gettext_lazy("The shop says that it refunded %(amount)s."),
    "succeed": gettext_lazy("The payment system confirmed the refund of %(amount)s."),
    "fail": gettext_lazy("The refund of %(amount)s did not go through. It is still due."),
    "reverse": gettext_lazy("The refund of %(amount)s did not reach you, and no longer counts."),
}
REFUND_STATES: dict[str, Promise] = {
    "processing": gettext_lazy("on its way"),
    "succeeded": gettext_lazy("refunded"),
    "failed": gettext_lazy("did not go through"),
    "reversed": gettext_lazy("did not arrive"),
}
WORDS = {"complaint": "reason", "no_refund_claim": "message"}
"""Which detail of a line is text for people."""

SAID: dict[str, Promise] = {
    ConsultationLine.Verb.CLOSE: gettext_lazy("The question is closed."),
    ConsultationLine.Verb.COMPLAIN: gettext_lazy("The question became a complaint."),
}


@dataclass(frozen=True, slots=True)
class RefundSeen:
    """One refund as the consumer sees it: how much, since when, and what became of it."""

    amount: Decimal
    at: datetime
    state: str
    is_only_said: bool = False
    """No payment system has confirmed it."""

    @property
    def label(self) -> str:
        return _("refunded, as the shop says") if self.is_only_said else str(REFUND_STATES[self.state])


def in_order(lines: Iterable[HistoryLine]) -> list[HistoryLine]:
    """Return lines of history as they came, the oldest first."""
    return sorted(lines, key=lambda line: (line.at, line.pk))


def history(complaint: Complaint) -> list[Entry]:
    """Return what the consumer sees of a complaint that came with everything, newest first."""
    entries = [entry for line in in_order(complaint.history.all()) if (entry := _of_line(complaint, line))]
    said = sorted(complaint.messages.all(), key=lambda message: (message.at, message.pk))
    entries += [_of_message(complaint, message) for message in said]
    if consultation := getattr(complaint, "consultation", None):
        entries += talk(consultation)[::-1]
    entries.sort(key=lambda entry: entry.at)  # stable: at the same moment the move stands before the message
    return entries[::-1]


def talk(consultation: Consultation) -> list[Entry]:
    """Return what was asked and answered, newest first."""
    asked = Entry(
        at=consultation.asked_at,
        role=CONSUMER,
        name=_("You"),
        text=consultation.text,
        pictures=consultation.pictures.all(),
    )
    return [asked, *(_of_talk(consultation, line) for line in consultation.lines.all())][::-1]


def refunds_seen(complaint: Complaint) -> list[RefundSeen]:
    """Return the refunds of a complaint that came with everything, in the order in which they were made."""
    seen: dict[int, RefundSeen] = {}
    for line in in_order(complaint.history.all()):
        if line.noun == "refund" and line.to_state in REFUND_STATES:
            first = seen.get(line.noun_id)
            seen[line.noun_id] = RefundSeen(
                amount=first.amount if first else Decimal(line.detail["amount"]),
                at=first.at if first else line.at,
                state=line.to_state,
                is_only_said=(line.verb, line.to_state) == ("record", "succeeded"),
            )
    return list(seen.values())


def picture_seen(case: Case, actor: Actor, token: str) -> Evidence | None:
    """Return a picture that the page of this case shows, or that was sent through it; any other does not exist."""
    sent = Q(sent_through=actor.case, platform_id=case.platform_id)
    return Evidence.objects.filter(sent | _shown(case), token=token).first()


def _shown(case: Case) -> Q:
    """Match the pictures that the page of a case shows."""
    talked = {"complaint": case} if isinstance(case, Complaint) else {"pk": case.pk}
    shown = Q(Exists(Consultation.objects.filter(**talked, pictures=OuterRef("pk"))))
    lines = {f"consultation__{name}": value for name, value in talked.items()}
    shown |= Q(Exists(ConsultationLine.objects.filter(**lines, evidence=OuterRef("pk"))))
    if isinstance(case, Complaint):
        shown |= Q(Exists(Complaint.objects.filter(pk=case.pk, pictures=OuterRef("pk"))))
        shown |= Q(Exists(Handling.objects.filter(complaint=case, evidence=OuterRef("pk"))))
        shown |= Q(Exists(Message.objects.filter(complaint=case, evidence=OuterRef("pk"))))
    return shown


def _of_line(complaint: Complaint, line: HistoryLine) -> Entry | None:
    """Return a move as the consumer reads it, or None when it is not for them or another line says it."""
    tell = TELLERS.get(line.noun)
    sentence = tell(complaint, line) if tell else None
    if not sentence:
        return None
    role = _role(line)
    handling = handling_of(complaint) if (line.noun, line.verb) == ("complaint", "handle") else None
    return Entry(
        at=line.at,
        role=role,
        name=_name(complaint, role),
        sentence=sentence,
        text=str(line.detail.get(WORDS.get(line.noun, ""), "")),
        handling=handling,
        pictures=handling.evidence.all() if handling else (),
        lead=_("The platform wrote to the shop:") if line.noun == "no_refund_claim" else "",
    )


ROLES = {
    ("complaint", "file"): CONSUMER,
    ("complaint", "confirm"): CONSUMER,
    ("complaint", "contest"): CONSUMER,
    ("complaint", "cancel"): CONSUMER,
    ("complaint", "handle"): MERCHANT,
    ("no_refund_claim", "submit"): MERCHANT,
    ("refund_case", "refuse"): MERCHANT,
    ("complaint", "close"): PLATFORM,
    ("complaint", "reopen"): PLATFORM,
    **{("no_refund_claim", verb): PLATFORM for verb in ("accept", "overrule", "correct")},
    **{("refund_case", verb): PLATFORM for verb in ("open", "overrule", "reopen", "waive")},
    **{("refund", verb): MERCHANT for verb in ("pay", "request", "record")},
}
"""Who made a move, as the consumer sees it, whoever's system spoke for them; the system made the others."""


def _role(line: HistoryLine) -> str:
    return ROLES.get((line.noun, line.verb), SYSTEM)


def _name(case: Case, role: str) -> str:
    """Return who spoke: the consumer is “you”, and of the shop's members nobody is named."""
    if role == CONSUMER:
        return _("You")
    if role == MERCHANT:
        return str(case.mini_program)
    return _("The platform") if role == PLATFORM else _("System")


def _of_message(complaint: Complaint, message: Message) -> Entry:
    return Entry(
        at=message.at,
        role=message.role,
        name=_name(complaint, message.role),
        text=message.text,
        pictures=message.evidence.all(),
    )


def _of_talk(consultation: Consultation, line: ConsultationLine) -> Entry:
    return Entry(
        at=line.at,
        role=line.role,
        name=_name(consultation, line.role),
        sentence=str(SAID.get(line.verb, "")),
        text=line.text,
        pictures=line.evidence.all(),
    )


def _of_complaint(complaint: Complaint, line: HistoryLine) -> str | None:
    if line.verb == "handle":
        return str(ANSWERS[line.detail["method"]])
    return _sentence(line)


def _of_claim(_complaint: Complaint, line: HistoryLine) -> str | None:
    ruled = RULINGS.get((line.verb, line.detail.get("about", "")))
    return str(ruled) if ruled else _sentence(line)


def _of_case(_complaint: Complaint, line: HistoryLine) -> str | None:
    if line.verb not in ("open", "overrule", "reopen"):
        return _sentence(line)
    facts = {
        "amount": yuan(Decimal(line.detail["amount"])),
        "by": beijing_time(datetime.fromisoformat(line.detail["refund_by"])),
    }
    return _("The shop must refund %(amount)s to you by %(by)s.") % facts


def _of_refund(complaint: Complaint, line: HistoryLine) -> str | None:
    """Tell a refund, unless it is the one that the shop answered with: its line says the amount."""
    handling = handling_of(complaint)
    if line.verb in ("pay", "record") and handling and handling.method in REFUNDING and line.at == handling.handled_at:
        return None
    sentence = REFUNDS.get(line.verb)
    return str(sentence) % {"amount": yuan(Decimal(line.detail["amount"]))} if sentence else None


def _sentence(line: HistoryLine) -> str | None:
    sentence = SENTENCES.get((line.noun, line.verb))
    return str(sentence) if sentence else None


TELLERS: dict[str, Callable[[Complaint, HistoryLine], str | None]] = {
    "complaint": _of_complaint,
    "no_refund_claim": _of_claim,
    "refund_case": _of_case,
    "refund": _of_refund,
}
"""The nouns that a consumer hears of."""
