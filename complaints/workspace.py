"""What members do among themselves about complaints: assign, note, look at what is masked; views, replies, drafts.

None of it moves a complaint, stops a clock, or is seen by the consumer or the platform.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.methods import NOTE_LIMIT
from complaints.models import CannedReply, Complaint, Draft, InternalLine, Method, SavedView
from complaints.permissions import require, visible_to
from complaints.services import lock
from complaints.states import OPEN
from merchants.models import Grant, Membership, User

TEXT_LIMIT = 2000
ROWS_AT_ONCE = 500
"""So many complaints one bulk action takes; more are refused with a sentence, never cut off silently."""
VIEWS = 30
CANNED = 100
DRAFT_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class RowResult:
    """What a bulk action did to one complaint: `refusal` is empty when it was done."""

    complaint: Complaint
    refusal: str | Promise = ""


def check_number(number: int) -> None:
    """Refuse more rows than a bulk action takes, and none."""
    if not number:
        raise BadInput(_("Choose at least one complaint."), field="complaints", code="nothing_chosen")
    if number > ROWS_AT_ONCE:
        raise BadInput(
            _("%(number)d complaints are chosen. Choose at most %(limit)d at a time, or narrow the list.")
            % {"number": number, "limit": ROWS_AT_ONCE},
            field="complaints",
            code="too_many_rows",
        )


@transaction.atomic
def assign(complaint_nos: Collection[str], assignee_id: int | None, *, actor: Actor, now: datetime) -> list[RowResult]:
    """Assign complaints to a member who may handle, or to nobody; say for each whether it was done.

    What has ended, and what has that assignee already, stays as it is. Refuses somebody who does not work here.
    """
    require(actor, "handle")
    check_number(len(complaint_nos))
    assignee = _colleague(assignee_id, actor) if assignee_id is not None else None
    found = visible_to(actor).filter(complaint_no__in=complaint_nos).select_for_update(no_key=True).order_by("pk")
    results, changed = [], []
    for complaint in found:
        if complaint.status not in OPEN:
            results.append(RowResult(complaint, _("It has ended.")))
        elif complaint.assignee_id == assignee_id:
            results.append(RowResult(complaint, _("It is assigned so already.")))
        else:
            complaint.assignee = assignee
            changed.append(complaint)
            results.append(RowResult(complaint))
    Complaint.objects.bulk_update(changed, ["assignee"], batch_size=ROWS_AT_ONCE)
    about = str(assignee) if assignee else ""
    _write(changed, InternalLine.Kind.ASSIGN, actor=actor, now=now, about=about)
    return results


@transaction.atomic
def write_note(complaint_id: int, text: str, *, actor: Actor, now: datetime) -> InternalLine:
    """Write a note for colleagues; also about what has ended. Refuses an empty one, and one that is too long."""
    complaint = lock(complaint_id)
    require(actor, "handle", complaint)
    text = text.strip()
    if not text:
        raise BadInput(_("Write the note."), field="note")
    if len(text) > TEXT_LIMIT:
        raise BadInput(_("Keep the note to %(limit)d characters.") % {"limit": TEXT_LIMIT}, field="note")
    (line,) = _write([complaint], InternalLine.Kind.NOTE, actor=actor, now=now, text=text)
    Draft.objects.filter(complaint=complaint, user_id=actor.id or 0, form=Draft.Form.NOTE).delete()
    return line


@transaction.atomic
def reveal(complaint_id: int, *, actor: Actor, now: datetime) -> Complaint:
    """Look at a consumer's name and phone. Who looked stands in the case for good."""
    complaint = lock(complaint_id)
    require(actor, "handle", complaint)
    _write([complaint], InternalLine.Kind.REVEAL, actor=actor, now=now)
    return complaint


def mask_phone(phone: str) -> str:
    """Return a phone number with its middle hidden: `138****1234`; a short one is hidden whole."""
    digits = phone.strip()
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 9 else "*" * len(digits)


def mask_name(name: str) -> str:
    """Return a name of which only the first sign shows."""
    return name[:1] + "*" * max(1, min(2, len(name) - 1)) if name else ""


# Canned replies

VARIABLES: dict[str, Promise] = {
    "complaint_no": _("complaint number"),
    "trade_no": _("trade number"),
    "amount": _("trade amount"),
    "mini_program": _("mini program"),
    "dispute_type": _("dispute type"),
    "me": _("your name"),
}
VARIABLE = re.compile(r"\{(\w*)\}")


@transaction.atomic
def save_canned(
    canned_id: int | None, *, title: str, text: str, method: str = "", actor: Actor, now: datetime
) -> CannedReply:
    """Save a canned reply of one's merchant. Refuses an unknown variable by name, a title that is taken, too many."""
    _require_grant(actor, Grant.HANDLE)
    own = CannedReply.objects.filter(merchant_id=actor.own_merchant_id)
    canned = own.select_for_update().get(pk=canned_id) if canned_id else CannedReply(merchant_id=actor.own_merchant_id)
    title, text = title.strip(), text.strip()
    if not title or len(title) > 60:
        raise BadInput(_("Give a title of at most 60 characters."), field="title")
    if own.filter(title=title).exclude(pk=canned.pk).exists():
        raise BadInput(_("A canned reply with this title is there already."), field="title")
    if not text or len(text) > NOTE_LIMIT:
        raise BadInput(_("Write the text, of at most %(limit)d characters.") % {"limit": NOTE_LIMIT}, field="text")
    unknown = sorted(set(VARIABLE.findall(text)) - set(VARIABLES))
    if unknown:
        raise BadInput(
            _("“{%(name)s}” is no variable. Use %(known)s.")
            % {"name": unknown[0], "known": ", ".join(f"{{{name}}}" for name in VARIABLES)},
            field="text",
        )
    if method and method not in Method.values:
        raise BadInput(_("Choose one of the six ways of handling."), field="method")
    if canned_id is None and own.count() >= CANNED:
        raise BadInput(_("There are %(number)d canned replies already. Delete one first.") % {"number": CANNED})
    canned.title, canned.text, canned.method = title, text, method
    canned.changed_by, canned.changed_at = actor.name, now
    canned.save()
    return canned


def delete_canned(canned_id: int, *, actor: Actor) -> None:
    """Delete a canned reply of one's merchant; what is gone stays gone."""
    _require_grant(actor, Grant.HANDLE)
    CannedReply.objects.filter(merchant_id=actor.own_merchant_id, pk=canned_id).delete()


def filled(text: str, complaint: Complaint, *, actor: Actor) -> str:
    """Return a canned text with its variables filled in for a complaint."""
    values: Mapping[str, str] = {
        "complaint_no": complaint.complaint_no,
        "trade_no": complaint.trade_no,
        "amount": f"{complaint.trade_amount:.2f}",
        "mini_program": complaint.mini_program.name,
        "dispute_type": complaint.dispute_type,
        "me": actor.name,
    }
    return VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


# Saved views


@transaction.atomic
def save_view(name: str, query: str, *, is_shared: bool, actor: Actor, now: datetime) -> SavedView:
    """Save the filters of a list under a name; the same name again replaces them. Refuses too many, and no name."""
    _require_grant(actor, Grant.VIEW)
    name = name.strip()
    if not name or len(name) > 40:
        raise BadInput(_("Give the view a name of at most 40 characters."), field="name")
    if len(query) > TEXT_LIMIT:
        raise BadInput(_("There are too many filters for one view."), field="name")
    views = SavedView.objects.filter(merchant_id=actor.own_merchant_id, owner_id=None if is_shared else actor.id)
    if views.exclude(name=name).count() >= VIEWS:
        raise BadInput(_("There are %(number)d views already. Delete one first.") % {"number": VIEWS}, field="name")
    view, _is_new = SavedView.objects.update_or_create(
        merchant_id=actor.own_merchant_id,
        owner_id=None if is_shared else actor.id,
        name=name,
        defaults={"query": query, "saved_at": now},
    )
    return view


def delete_view(view_id: int, *, actor: Actor) -> SavedView | None:
    """Delete a view of one's own, or a shared one; return it, so that it can be saved again."""
    view = views_of(actor).filter(pk=view_id).first()
    if view is not None:
        SavedView.objects.filter(pk=view.pk).delete()
    return view


def views_of(actor: Actor) -> QuerySet[SavedView]:
    """Return the views that a member sees: the shared ones and their own."""
    views = SavedView.objects.filter(merchant_id=actor.own_merchant_id)
    return (views.filter(owner=None) | views.filter(owner_id=actor.id or 0)).order_by("name", "pk")


# Drafts


def save_draft(complaint_id: int, form: str, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> Draft | None:
    """Keep what is typed so far; nothing typed keeps nothing. It is there after signing in again, on every device."""
    _require_grant(actor, Grant.HANDLE)
    complaint = visible_to(actor).get(pk=complaint_id)
    if form not in Draft.Form.values or len(str(fields)) > DRAFT_BYTES:
        raise BadInput(_("This is too long to keep as a draft."), field="text")
    own = Draft.objects.filter(complaint=complaint, user_id=actor.id or 0, form=form)
    if not any(fields.values()):
        own.delete()
        return None
    draft, _is_new = Draft.objects.update_or_create(
        complaint=complaint, user_id=actor.id or 0, form=form, defaults={"fields": dict(fields), "saved_at": now}
    )
    return draft


def drafts_of(complaint: Complaint, *, actor: Actor) -> dict[str, Draft]:
    """Return a member's drafts about a complaint, by form."""
    return {each.form: each for each in Draft.objects.filter(complaint=complaint, user_id=actor.id or 0)}


def drop_draft(complaint_id: int, form: str, *, actor: Actor) -> None:
    """Drop a draft: it was sent, or is not wanted."""
    Draft.objects.filter(complaint_id=complaint_id, user_id=actor.id or 0, form=form).delete()


def _require_grant(actor: Actor, grant: Grant) -> None:
    if actor.kind != ActorKind.MEMBER or grant not in actor.grants:
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))


def _colleague(user_id: int, actor: Actor) -> User:
    """Return a member of this merchant who may handle; refuse anybody else."""
    membership = (
        Membership.objects.select_related("user")
        .filter(merchant_id=actor.own_merchant_id, user_id=user_id, user__is_active=True)
        .first()
    )
    if membership is None:
        raise BadInput(_("This person does not work here any more. Choose another."), field="assignee")
    if Grant.HANDLE not in membership.effective_grants:
        raise IllegalMove(
            _("%(name)s may not handle complaints. Grant it to them first.") % {"name": membership.user},
            field="assignee",
        )
    return membership.user


def _write(
    complaints: Iterable[Complaint],
    kind: InternalLine.Kind,
    *,
    actor: Actor,
    now: datetime,
    text: str = "",
    about: str = "",
) -> list[InternalLine]:
    return InternalLine.objects.bulk_create(
        InternalLine(
            complaint=complaint, kind=kind, text=text, about=about, actor_id=actor.id, actor_name=actor.name, at=now
        )
        for complaint in complaints
    )
