"""Canned replies: a merchant's texts with variables, which the server fills in for each complaint."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput
from common.wording import masked_name, yuan
from common.written import written
from complaints.methods import NOTE_LIMIT, HandlingInput
from complaints.models import REFUNDING, CannedReply, Complaint, Method
from complaints.permissions import require, visible_to
from evidence.models import Evidence
from merchants.models import Merchant, MiniProgram

MOST = 100
"""So many canned replies a merchant may have; a longer list is no help."""
TITLE_LIMIT = 60
VARIABLE = re.compile(r"\{\s*(\w*)\s*\}")


@dataclass(frozen=True, slots=True)
class Variable:
    """What may stand in a text in braces, what it means, and what takes its place."""

    meaning: Promise
    value: Callable[[Complaint, Actor], str]


VARIABLES: dict[str, Variable] = {
    "consumer": Variable(_("the consumer's name, masked"), lambda case, _actor: masked_name(case.consumer_name)),
    "complaint": Variable(_("the complaint's number"), lambda case, _actor: case.complaint_no),
    "order": Variable(_("the merchant order number"), lambda case, _actor: case.merchant_order_no or case.trade_no),
    "trade": Variable(_("the trade number"), lambda case, _actor: case.trade_no),
    "amount": Variable(_("the trade's amount"), lambda case, _actor: yuan(case.trade_amount)),
    "refund": Variable(_("the refund that the consumer asks for"), lambda case, _actor: yuan(_asked(case))),
    "dispute": Variable(_("the dispute type"), lambda case, _actor: case.dispute_type),
    "program": Variable(_("the mini program"), lambda case, _actor: case.mini_program.name),
    "me": Variable(_("your own name"), lambda _case, actor: actor.name),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedInput:
    """What a canned reply says. `refund` stands with ways of handling that refund, and only with them."""

    title: str
    text: str
    method: str = ""
    refund: str = ""
    pictures: tuple[Evidence, ...] = field(default_factory=tuple)


def canned_of(merchant_id: int) -> QuerySet[CannedReply]:
    """Return a merchant's canned replies by title."""
    return CannedReply.objects.filter(merchant_id=merchant_id).order_by("title", "pk")


canned_now = written(canned_of)
"""The same, looked up."""


@transaction.atomic
def save_canned(given: CannedInput, *, canned_id: int | None = None, actor: Actor, now: datetime) -> CannedReply:
    """Make a canned reply, or change one.

    Refuses: whoever may not handle complaints, a title that is empty, too long or taken, an empty or long text, unknown
    variables, a refunding way without an amount to refund, and more replies than a merchant may have.
    """
    require(actor, "arrange")
    merchant_id = actor.own_merchant_id
    title, text = given.title.strip(), given.text.strip()
    _check(given, title, text)
    # One at a time for a merchant: the number of replies and their titles are judged together.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    own = canned_of(merchant_id)
    others = [other for other in own if other.pk != canned_id]
    if canned_id is None and len(others) >= MOST:
        raise BadInput(
            _("There are %(most)d canned replies already. Delete one first.") % {"most": MOST}, field="title"
        )
    if any(other.title == title for other in others):
        raise BadInput(_("Another canned reply has this title."), field="title")
    canned = CannedReply(merchant_id=merchant_id) if canned_id is None else get_object_or_404(own, pk=canned_id)
    canned.title, canned.text, canned.method = title, text, given.method
    canned.refund = given.refund if given.method in REFUNDING else ""
    canned.changed_by, canned.changed_at = actor.name, now
    canned.save()
    canned.pictures.set(given.pictures)
    return canned


@transaction.atomic
def delete_canned(canned_id: int, *, actor: Actor) -> CannedInput:
    """Delete a canned reply, and return what it said so that it can be made again. Refuses who may not handle."""
    require(actor, "arrange")
    canned = get_object_or_404(canned_of(actor.own_merchant_id).select_for_update(), pk=canned_id)
    said = CannedInput(
        title=canned.title,
        text=canned.text,
        method=canned.method,
        refund=canned.refund,
        pictures=tuple(canned.pictures.all()),
    )
    canned.delete()
    return said


def check_text(text: str) -> None:
    """Refuse a text that is empty or too long, or that has variables which nobody knows."""
    if not text.strip():
        raise BadInput(_("Write the text of the reply."), field="text")
    if len(text) > NOTE_LIMIT:
        raise BadInput(_("Keep the text to %(limit)d characters.") % {"limit": NOTE_LIMIT}, field="text")
    unknown = sorted({name for name in VARIABLE.findall(text) if name not in VARIABLES})
    if unknown:
        raise BadInput(
            _("There is no variable {%(unknown)s}. There are: %(known)s.")
            % {"unknown": unknown[0], "known": ", ".join(f"{{{name}}}" for name in VARIABLES)},
            field="text",
        )


def filled(canned: CannedReply, complaint: Complaint, actor: Actor) -> str:
    """Return the text for one complaint, each variable replaced by its value; braces in a value stay as they are."""

    def value(found: re.Match[str]) -> str:
        # A text may be older than the variables that there are now.
        return VARIABLES[found[1]].value(complaint, actor) if found[1] in VARIABLES else found[0]

    return VARIABLE.sub(value, canned.text)


def example_of(actor: Actor, *, now: datetime) -> Complaint:
    """Return a complaint to try a text on: the newest that there is, or one made up, which is never saved."""
    newest = visible_to(actor).select_related("mini_program").order_by("-filed_at", "-pk").first()
    return newest or Complaint(
        complaint_no=f"{now:%Y%m%d}0000000000000000",
        trade_no=f"{now:%Y%m%d}2200100000000001",
        merchant_order_no="SO-1001",
        trade_amount=Decimal("128.00"),
        dispute_type=str(_("not delivered")),
        consumer_name="张小明",
        mini_program=MiniProgram(name=str(_("your mini program"))),
    )


def handling_by(
    canned: CannedReply, complaint: Complaint, actor: Actor, pictures: Collection[Evidence]
) -> HandlingInput:
    """Return the handling that a canned reply makes of one complaint; `pictures` are the reply's own."""
    amounts: dict[str, Decimal] = {"asked": _asked(complaint), "trade": complaint.trade_amount}
    return HandlingInput(
        method=canned.method,
        note=filled(canned, complaint, actor),
        refund_amount=amounts.get(canned.refund),
        evidence=tuple(pictures),
    )


def _asked(complaint: Complaint) -> Decimal:
    """What the consumer asks to have back: the whole trade unless they said."""
    asked = complaint.requested_refund_amount
    return complaint.trade_amount if asked is None else asked


def _check(given: CannedInput, title: str, text: str) -> None:
    if not title:
        raise BadInput(_("Give the reply a title, so that it can be found."), field="title")
    if len(title) > TITLE_LIMIT:
        raise BadInput(_("Keep the title to %(limit)d characters.") % {"limit": TITLE_LIMIT}, field="title")
    check_text(text)
    if given.method and given.method not in Method.values:
        raise BadInput(_("Choose one of the six ways of handling."), field="method")
    if given.method in REFUNDING and given.refund not in CannedReply.Refund.values:
        raise BadInput(_("Say how much is refunded."), field="refund")
