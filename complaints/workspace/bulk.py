"""One thing done to many complaints: assign, reply, handle. First what would happen, then row by row what did.

Each reply and each handling is a transaction of its own, and its row of the run is marked in the same one: so a run
that is sent twice, or goes on after it was interrupted, does nothing twice. That needs the database and not the cache,
which may forget, and cannot commit together with a message. Assigning is one transaction for all, and can be undone.
"""

import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed, PortalError, Sentence
from common.wording import beijing_time, yuan
from complaints import services
from complaints.methods import NEEDS, HandlingInput, foresee, lacks, refusal_of
from complaints.models import BulkRow, BulkRun, CannedReply, Complaint, HistoryLine, Method
from complaints.permissions import require, visible_to
from complaints.states import COMPLAINT
from complaints.timeline import who_and_what
from complaints.workspace.assigning import Assignment, assign_numbered, assignable, check_number, possible_numbers
from complaints.workspace.canned import canned_of, check_text, filled, handling_by
from evidence.models import Evidence
from merchants.models import Membership

logger = logging.getLogger(__name__)

LONGEST = 20.0
"""Seconds after which a run takes no more rows: the member is answered, and lets it go on with what is left."""
KEPT_FOR = timedelta(days=7)


class Action(StrEnum):
    ASSIGN = "assign"
    REPLY = "reply"
    HANDLE = "handle"


VERBS = {Action.REPLY: "leave_message", Action.HANDLE: "handle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a member asks for, as they send it. Without a `text` it is the canned reply's own."""

    action: str
    numbers: Sequence[str]
    """Of the chosen complaints, in their order."""
    canned_id: int | None = None
    assignee_id: int | None = None
    text: str | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    """By complaint number, what a way of handling asks for that differs from row to row."""

    @property
    def mark(self) -> str:
        """The same for the same request sent again, and for no other."""
        return _mark(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be done. `assignee` may be None: nobody; `reply` is None exactly where complaints are assigned."""

    action: Action
    assignee: Membership | None = None
    reply: CannedReply | None = None
    """With the text as it is this time. It is never saved."""
    pictures: tuple[Evidence, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked_per_row(self) -> str:
        """The field of a handling to which each row has its own answer: the refund's number, or the tracking number."""
        if self.action != Action.HANDLE or self.reply is None:
            return ""
        need = NEEDS[self.reply.method]
        return "refund_reference" if need.reference else "tracking" if need.tracking else ""

    @property
    def seen(self) -> str:
        """A mark of what a preview shows; what is shown anew has another one, and is looked at again first."""
        about = self.reply or self.assignee
        said = [self.reply.text, self.reply.changed_at.isoformat()] if self.reply else []
        return _mark([self.action, about.pk if about else None, *said])

    def given(self, complaint: Complaint, actor: Actor) -> HandlingInput:
        """Return what is said about one complaint, and how it is handled where it is."""
        if self.reply is None:
            raise TypeError("who only assigns says nothing")
        given = handling_by(self.reply, complaint, actor, self.pictures)
        typed = self.typed.get(complaint.complaint_no, "").strip()
        match self.asked_per_row:
            case "refund_reference":
                return replace(given, refund_reference=typed)
            case "tracking":
                return replace(given, tracking=typed)
        return given


@dataclass(frozen=True, slots=True)
class Row:
    """What would happen to one complaint: what is said, how much is refunded; or why nothing can happen."""

    complaint: Complaint
    text: str = ""
    amount: Decimal | None = None
    typed: str = ""
    problem: Sentence | None = None
    lacks_only_what_is_typed: bool = False
    """It can be done once the row's own field is filled in, which `problem` asks for."""

    @property
    def can_be_done(self) -> bool:
        return self.problem is None or self.lacks_only_what_is_typed


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen to all of them, in the order in which they were chosen."""

    wish: Wish
    rows: list[Row]

    @property
    def number(self) -> int:
        return sum(row.can_be_done for row in self.rows)

    @property
    def total(self) -> Decimal | None:
        """What is refunded in all, or None where nothing is."""
        amounts = [row.amount for row in self.rows if row.can_be_done and row.amount is not None]
        return sum(amounts, Decimal(0)) if amounts else None


def chosen_of(actor: Actor, numbers: Sequence[str]) -> list[Complaint]:
    """Return the chosen complaints in their order, each once. What is not the actor's does not exist.

    Refuses nothing at all, and more complaints than may be acted on at once.
    """
    wanted = list(dict.fromkeys(numbers))
    check_number(wanted)
    possible = possible_numbers(wanted)
    rows = visible_to(actor).filter(complaint_no__in=possible)
    found = {each.complaint_no: each for each in rows.select_related("mini_program", "assignee__user")}
    complaints = [found[number] for number in possible if number in found]
    check_number(complaints)
    return complaints


def wish_of(asked: Asked, *, actor: Actor) -> Wish:
    """Look up what is asked for.

    Refuses whoever may not handle complaints, an unknown action, a canned reply or a member who is not there any more,
    and a reply without a way of handling where complaints are to be handled.
    """
    _person(actor)
    merchant_id = actor.own_merchant_id
    if asked.action == Action.ASSIGN:
        return Wish(action=Action.ASSIGN, assignee=_assignee(merchant_id, asked.assignee_id))
    if asked.action not in VERBS:
        raise BadInput(_("Choose what to do with the complaints."), field="do")
    reply = canned_of(merchant_id).filter(pk=asked.canned_id or 0).first()
    if reply is None:
        raise BadInput(_("This canned reply is not there any more. Choose another."), field="do")
    if asked.action == Action.HANDLE and not reply.method:
        raise BadInput(_("This canned reply has no way of handling any more. Choose another."), field="do")
    pictures = tuple(reply.pictures.all())
    if asked.text is not None:
        reply.text = asked.text.strip()
    return Wish(action=Action(asked.action), reply=reply, pictures=pictures, typed=asked.typed)


def plan(wish: Wish, complaints: Sequence[Complaint], *, actor: Actor, now: datetime) -> Plan:
    """Say what would happen to each complaint, in a handful of statements that change nothing.

    Refuses a text that cannot be filled in.
    """
    if wish.reply is None:
        return Plan(wish, [_assigned_row(wish, complaint) for complaint in complaints])
    check_text(wish.reply.text)
    moved = _sentences_of_moved(complaints, VERBS[wish.action])
    if wish.action == Action.REPLY:
        return Plan(wish, [_replied_row(wish, each, moved.get(each.pk), actor) for each in complaints])
    refusal = refusal_of(wish.reply.method, complaints[0])  # all are of one merchant
    rows = [_handled_row(wish, each, moved.get(each.pk) or refusal, actor) for each in complaints]
    refunds = {row.complaint.pk: (row.complaint, row.amount) for row in rows if row.can_be_done and row.amount}
    hindrances = dict(zip(refunds, foresee(wish.reply.method, list(refunds.values()), now=now), strict=True))
    return Plan(wish, [_hindered(row, hindrances.get(row.complaint.pk)) for row in rows])


def begin(
    wish: Wish, asked: Asked, complaints: Sequence[Complaint], *, key: str, actor: Actor, now: datetime
) -> BulkRun:
    """Begin the run of a preview, with a row for each complaint; asked again for the same, it is the run from before.

    Refuses a text that cannot be filled in, and a key under which something else was done: somebody went back to the
    preview and changed it.
    """
    person = _person(actor)
    check_number(complaints)
    if wish.reply is not None:
        check_text(wish.reply.text)
    BulkRun.objects.filter(user_id=person, started_at__lt=now - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            run = BulkRun.objects.create(
                merchant_id=actor.own_merchant_id,
                user_id=person,
                key=key,
                wish=_as_json(wish, asked),
                started_at=now,
            )
            BulkRow.objects.bulk_create(BulkRow(run=run, complaint=complaint) for complaint in complaints)
    except IntegrityError:
        return same_run(BulkRun.objects.get(user_id=person, key=key), asked)
    return run


def same_run(run: BulkRun, asked: Asked) -> BulkRun:
    """Return the run, when it is of this very request. Refuses any other."""
    if run.wish["mark"] != asked.mark:
        raise Conflict(
            _("Something was done from this page already. What you see now would be done beside it."),
            code="request_key_used",
        )
    return run


def carry_out(run: BulkRun, *, actor: Actor, now: datetime) -> Assignment | None:
    """Do what a run still has to do, row by row; return what was assigned now, where that is what it does.

    A complaint that cannot be done any more stops no other: its row says why. After `LONGEST` seconds what is left
    waits to be gone on with. Refuses whoever may not handle complaints.
    """
    _person(actor)
    if run.wish["action"] == Action.ASSIGN:
        return _assign(run, actor=actor, now=now)
    wish = _from_json(run)
    stop_at = time.monotonic() + LONGEST
    for row in run.rows.filter(done=None).order_by("pk").select_related("complaint__mini_program"):
        if time.monotonic() > stop_at:
            break
        _carry_out(row, wish, actor=actor, now=now)
    return None


def run_of(actor: Actor, key: str) -> BulkRun | None:
    """Return a run that this member made for the merchant for whom they act, or None. Refuses as `begin` does."""
    return BulkRun.objects.filter(user_id=_person(actor), key=key, merchant_id=actor.own_merchant_id).first()


def _person(actor: Actor) -> int:
    """Return who does it. Refuses a program, and whoever may not handle complaints."""
    require(actor, "arrange")
    if actor.id is None:
        raise NotAllowed(_("Only a member who is signed in does this."))
    return actor.id


def _assignee(merchant_id: int, assignee_id: int | None) -> Membership | None:
    if assignee_id is None:
        return None
    member = assignable(merchant_id).filter(pk=assignee_id).first()
    if member is None:
        raise BadInput(_("This member does not handle complaints here any more. Choose another."), field="assignee")
    return member


def _assigned_row(wish: Wish, complaint: Complaint) -> Row:
    if complaint.assignee_id != (wish.assignee.pk if wish.assignee else None):
        return Row(complaint)
    if wish.assignee is None:
        return Row(complaint, problem=_("Was assigned to nobody already."))
    return Row(complaint, problem=_("Was assigned to %(name)s already.") % {"name": wish.assignee.user})


def _replied_row(wish: Wish, complaint: Complaint, why: Sentence | None, actor: Actor) -> Row:
    text = filled(wish.reply, complaint, actor) if wish.reply else ""
    if why is None and len(text) > services.MESSAGE_LIMIT:
        why = _("Keep the message to %(limit)d characters.") % {"limit": services.MESSAGE_LIMIT}
    return Row(complaint, text, problem=why)


def _handled_row(wish: Wish, complaint: Complaint, why: Sentence | None, actor: Actor) -> Row:
    given = wish.given(complaint, actor)
    problems = [] if why else list(lacks(complaint, given))
    return Row(
        complaint,
        text=given.note,
        amount=given.refund_amount,
        typed=wish.typed.get(complaint.complaint_no, ""),
        problem=why or next((problem.message for problem in problems), None),
        lacks_only_what_is_typed=bool(problems) and {each.field for each in problems} == {wish.asked_per_row},
    )


def _hindered(row: Row, why: Sentence | None) -> Row:
    return row if why is None else replace(row, problem=why, lacks_only_what_is_typed=False)


def _sentences_of_moved(complaints: Collection[Complaint], verb: str) -> dict[int, str]:
    """Say of those complaints whose state does not allow the verb any more who made the last move, and when."""
    numbers = [each.pk for each in complaints if verb not in COMPLAINT.allowed(each.status)]
    lines = HistoryLine.objects.filter(complaint_id__in=numbers, noun="complaint").select_related("complaint")
    last = lines.order_by("complaint_id", "-at", "-pk").distinct("complaint_id") if numbers else []
    return {line.complaint_id: _moved_words(line) for line in last}


def _moved_words(line: HistoryLine) -> str:
    name, sentence = who_and_what(line)
    return _("%(name)s, %(at)s: %(sentence)s") % {"name": name, "at": beijing_time(line.at), "sentence": sentence}


def _as_json(wish: Wish, asked: Asked) -> dict[str, Any]:
    """Return the wish as its run keeps it: whole, for the canned reply may be changed or deleted before it is done."""
    said: dict[str, Any] = {
        "action": wish.action,
        "assignee": wish.assignee.pk if wish.assignee else None,
        "name": str(wish.assignee.user) if wish.assignee else "",
        "mark": asked.mark,
    }
    if wish.reply is not None:
        said |= {
            "canned": wish.reply.pk,
            "title": wish.reply.title,
            "text": wish.reply.text,
            "method": wish.reply.method,
            "refund": wish.reply.refund,
            "pictures": [picture.pk for picture in wish.pictures],
            "typed": {number: asked.typed[number] for number in asked.numbers if asked.typed.get(number)},
        }
    return said


def _from_json(run: BulkRun) -> Wish:
    """Return what is said, as it was when the run began."""
    said = run.wish
    reply = CannedReply(**{name: said[name] for name in ("title", "text", "method", "refund")})
    pictures = Evidence.objects.filter(merchant_id=run.merchant_id).in_bulk(said["pictures"])
    kept = tuple(pictures[number] for number in said["pictures"])
    return Wish(action=Action(said["action"]), reply=reply, pictures=kept, typed=said["typed"])


def _carry_out(row: BulkRow, wish: Wish, *, actor: Actor, now: datetime) -> None:
    """Do it for one complaint, and mark its row in the same transaction; or mark the row with what was refused."""
    waiting = BulkRow.objects.filter(pk=row.pk, done=None)
    given = wish.given(row.complaint, actor)
    try:
        with transaction.atomic():
            # First the row: who sent the same at the same moment may have it, and is waited for.
            if not waiting.update(done=True, words=_done_words(wish, given)):
                return
            if wish.action == Action.HANDLE:
                services.handle(row.complaint_id, given, actor=actor, now=now)
            else:
                services.leave_message(row.complaint_id, given.note, evidence=given.evidence, actor=actor, now=now)
    except PortalError as refusal:
        waiting.update(done=False, words=_why_not(row.complaint_id, refusal, VERBS[wish.action]))
    except Exception:  # a bad row never stops the others; the log tells what nobody foresaw
        logger.exception("complaint %s could not be done in a bulk run", row.complaint_id)
        waiting.update(done=False, words=_("Something went wrong on our side, and nothing was changed. Try it again."))


def _done_words(wish: Wish, given: HandlingInput) -> str:
    if wish.action == Action.REPLY:
        return _("The message was left.")
    label = Method(given.method).label
    if given.refund_amount is None:
        return _("Handled: %(method)s.") % {"method": label}
    return _("Handled: %(method)s, %(amount)s.") % {"method": label, "amount": yuan(given.refund_amount)}


def _why_not(complaint_id: int, refusal: PortalError, verb: str) -> str:
    """Say who was quicker, where somebody was; otherwise what the verb said."""
    if not isinstance(refusal, IllegalMove):
        return str(refusal)
    moved = _sentences_of_moved([Complaint.objects.get(pk=complaint_id)], verb)
    return moved.get(complaint_id) or str(refusal)


@transaction.atomic
def _assign(run: BulkRun, *, actor: Actor, now: datetime) -> Assignment | None:
    """Assign all that waits; a member who cannot be assigned any more is said in every row."""
    waiting = run.rows.filter(done=None).select_related("complaint").order_by("pk")
    rows = list(waiting.select_for_update(of=("self",)))
    if not rows:
        return None
    numbers = [row.complaint.complaint_no for row in rows]
    try:
        assignment = assign_numbered(numbers, run.wish["assignee"], actor=actor, now=now)
    except BadInput as refusal:
        waiting.update(done=False, words=str(refusal))
        return None
    results = {result.complaint_no: result for result in assignment.rows}
    for row in rows:
        result = results[row.complaint.complaint_no]
        row.done, row.words = result.done, str(result.words)
    BulkRow.objects.bulk_update(rows, ["done", "words"])
    return assignment


def _mark(what: Any) -> str:
    return sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:32]
