"""The forms of a desk: a decision with its reason and its words to the merchant, and the texts to start from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from complaints.forms import ProseField
from deadlines.reviewing import MESSAGE_LIMIT

if TYPE_CHECKING:  # as in common.admin
    AnyModelForm = forms.ModelForm[Any]
else:
    AnyModelForm = forms.ModelForm

Reasons = Mapping[str, Sequence[TextChoices]]
"""The reasons that a decision may have, by its verb."""


class TextForm(AnyModelForm):
    """A text that staff start from: for a reason of its decision, and no longer than a message may be."""

    reasons: ClassVar[Reasons]

    text_zh = ProseField(label=_("text in Chinese"), max_length=MESSAGE_LIMIT)
    text_en = ProseField(label=_("text in English"), max_length=MESSAGE_LIMIT)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("reason_code") not in self.reasons.get(cleaned.get("verb", ""), ()):
            self.add_error("reason_code", _("This reason does not belong to this decision."))
        return cleaned


class DecisionForm(forms.Form):
    """Why staff decide so. Each decision has a form of its own on the page, so the verb stands in the ids."""

    use_required_attribute = False  # the answer says what is missing, in the reader's language

    reason_code = forms.ChoiceField(label=_("reason"), error_messages={"required": _("Choose a reason from the list.")})
    message = ProseField(
        label=_("message to the merchant"),
        max_length=MESSAGE_LIMIT,
        widget=forms.Textarea({"rows": 6}),
        error_messages={"required": _("Write a message to the merchant; they read why.")},
    )

    def __init__(
        self, verb: str, reasons: Reasons, data: Any = None, *, initial: Any = None, is_open: bool = False
    ) -> None:
        super().__init__(data, auto_id=f"id_{verb}_%s", initial=initial)
        self.verb = verb
        self.is_open = is_open or self.is_bound
        choices = [("", _("Choose a reason")), *((reason.value, reason.label) for reason in reasons[verb])]
        self.fields["reason_code"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField, made above

    def typed(self, name: str) -> str:
        """Return what was typed into a field, whether it can be taken or not."""
        return str(self.data.get(name, "")).replace("\0", "").replace("\r\n", "\n")

    def take_focus(self) -> "DecisionForm":
        """Let the page open at the field that is to be mended, or at the message."""
        wrong = next((name for name in self.fields if name in self.errors), "message")
        self.fields[wrong].widget.attrs["autofocus"] = True
        return self
