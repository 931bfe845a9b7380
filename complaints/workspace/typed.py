"""What stands in a form that was not sent: what was typed, what a draft kept, and what a canned reply adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.actors import Actor
from complaints.methods import refusal_of
from complaints.models import CannedReply, Complaint, Draft
from complaints.workspace.canned import filled, handling_by
from complaints.workspace.drafts import FIELDS, KEPT_PICTURES

TEXT_OF = {Draft.Form.HANDLING: "note", Draft.Form.MESSAGE: "text", Draft.Form.NOTE: "text"}
"""In which field of each form there are sentences."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of one form that hold something, and the tokens of its pictures."""

    form: str
    fields: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentences."""
        return self.fields.get(TEXT_OF[Draft.Form(self.form)], "")

    def with_text(self, text: str) -> "Typed":
        """Return the same with other sentences."""
        return replace(self, fields={**self.fields, TEXT_OF[Draft.Form(self.form)]: text})


def sent_in(form: str, sent: Mapping[str, str], pictures: tuple[str, ...] = ()) -> Typed:
    """Return what a browser sent of one of the forms. Line ends count once; a database takes no NUL."""
    texts = {name: sent.get(name, "").replace("\r\n", "\n").replace("\0", "") for name in FIELDS[form]}
    return Typed(form, {name: text for name, text in texts.items() if text.strip()}, pictures)


def typed_in(draft: Draft) -> Typed:
    """Return what a draft kept."""
    fields = dict(draft.fields)
    pictures = tuple(fields.pop(KEPT_PICTURES, ()))
    return Typed(draft.form, fields, pictures)


def merged(older: Typed, newer: Typed) -> Typed:
    """Return both in one: the newer answers count, and sentences of both are kept."""
    together = Typed(newer.form, {**older.fields, **newer.fields}, _each_once(older.pictures, newer.pictures))
    return together.with_text(joined(older.text, newer.text))


def joined(typed: str, added: str) -> str:
    """Return a text with another one after it, unless one of them holds the other already."""
    if not typed.strip() or typed.strip() in added:
        return added
    if added.strip() in typed:
        return typed
    return f"{typed.rstrip()}\n\n{added}"


def with_reply(typed: Typed, canned: CannedReply, complaint: Complaint, actor: Actor) -> Typed:
    """Return what was typed with a canned reply in it: its text after what is there, and its pictures.

    In the form for handling it also sets the way and the amount, where that way can be chosen for this complaint.
    """
    pictures = tuple(canned.pictures.order_by("pk"))
    together = typed.with_text(joined(typed.text, filled(canned, complaint, actor)))
    together = replace(together, pictures=_each_once(typed.pictures, tuple(each.token for each in pictures)))
    if typed.form != Draft.Form.HANDLING or not canned.method or refusal_of(canned.method, complaint):
        return together
    given = handling_by(canned, complaint, actor, pictures)
    chosen = {"method": given.method}
    if given.refund_amount is not None:
        chosen["refund_amount"] = str(given.refund_amount)
    return replace(together, fields={**together.fields, **chosen})


def _each_once(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(token for group in groups for token in group))
