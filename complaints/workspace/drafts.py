"""What a member has typed and not sent yet. Drafts are a convenience: nothing is judged here, and nothing is moved."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from common.written import written
from complaints.models import Complaint, Draft
from complaints.permissions import require, visible_to

FIELDS: dict[str, tuple[str, ...]] = {
    Draft.Form.HANDLING: ("method", "refund_amount", "refund_reference", "tracking", "root_cause", "note"),
    Draft.Form.MESSAGE: ("text",),
    Draft.Form.NOTE: ("text",),
}
"""What each form keeps. Pictures are kept by the form itself, as tokens, under `pictures`."""
KEPT_PICTURES = "pictures"
LONGEST = 10_000
"""Characters of all fields and tokens together; what is longer is more than any form takes."""


def save_draft(
    complaint_id: int,
    form: str,
    typed: Mapping[str, str],
    *,
    pictures: tuple[str, ...] = (),
    actor: Actor,
    now: datetime,
) -> Draft | None:
    """Keep what was typed in a form, in place of what was kept before; when nothing is typed, nothing is kept.

    Refuses whoever may not handle complaints, an unknown form, and more than any form takes.
    """
    complaint = get_object_or_404(visible_to(actor), pk=complaint_id)
    require(actor, "handle", complaint)
    if form not in FIELDS:
        raise BadInput(_("This form keeps no draft."), field="form")
    # Nothing is judged here, but a database takes no NUL.
    kept = {name: typed.get(name, "").replace("\0", "") for name in FIELDS[form]}
    fields: dict[str, str | list[str]] = {name: text for name, text in kept.items() if text.strip()}
    if sum(map(len, (*fields.values(), *pictures))) > LONGEST:
        raise BadInput(_("This is too long to be kept as a draft."), field="text")
    if pictures:
        fields[KEPT_PICTURES] = list(pictures)
    if not fields:
        drop_draft(complaint_id, form, actor=actor)
        return None
    draft, _is_new = Draft.objects.update_or_create(
        user_id=_person(actor), complaint=complaint, form=form, defaults={"fields": fields, "saved_at": now}
    )
    return draft


def drop_draft(complaint_id: int, form: str, *, actor: Actor) -> None:
    """Throw a draft away: it was sent, or is not wanted any more."""
    Draft.objects.filter(user_id=_person(actor), complaint_id=complaint_id, form=form).delete()


def drafts_of(complaint: Complaint, actor: Actor) -> dict[str, Draft]:
    """Return this member's drafts about a complaint, by form."""
    return {draft.form: draft for draft in _drafts(_person(actor), complaint.pk)}


@written
def _drafts(user_id: int, complaint_id: int) -> QuerySet[Draft]:
    return Draft.objects.filter(user_id=user_id, complaint_id=complaint_id)


def _person(actor: Actor) -> int:
    """Return whose drafts these are. Refuses a program: only people type."""
    if actor.kind != ActorKind.MEMBER or actor.id is None:
        raise NotAllowed(_("Only a member who is signed in has drafts."))
    return actor.id
