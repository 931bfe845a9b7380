"""The forms of the desk: a decision with its reason and its words to the merchant, and the texts to start from."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from appeals.models import ReplyTemplate
from appeals.reasons import REASONS_OF
from appeals.services import MESSAGE_LIMIT
from complaints.forms import ProseField

if TYPE_CHECKING:  # as in common.admin
    AnyModelForm = forms.ModelForm[ReplyTemplate]
else:
    AnyModelForm = forms.ModelForm


class TemplateForm(AnyModelForm):
    """A text that staff start from: for a reason of its decision, and no longer than a message may be."""

    text_zh = ProseField(label=_("text in Chinese"), max_length=MESSAGE_LIMIT)
    text_en = ProseField(label=_("text in English"), max_length=MESSAGE_LIMIT)

    class Meta:
        model = ReplyTemplate
        fields = ("verb", "reason_code", "text_zh", "text_en")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("reason_code") not in REASONS_OF.get(cleaned.get("verb", ""), ()):
            self.add_error("reason_code", _("This reason does not belong to this decision."))
        return cleaned


class DecisionForm(forms.Form):
    """Both fields are required. Each decision has a form of its own on the page, so the verb stands in their ids."""

    use_required_attribute = False  # the answer says what is missing, in the reader's language

    reason_code = forms.ChoiceField(label=_("reason"), error_messages={"required": _("Choose a reason from the list.")})
    message = ProseField(
        label=_("message to the merchant"),
        max_length=MESSAGE_LIMIT,
        widget=forms.Textarea({"rows": 6}),
        error_messages={"required": _("Write a message to the merchant; they read why.")},
    )

    def __init__(self, verb: str, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, auto_id=f"id_{verb}_%s", initial=initial)
        self.verb = verb
        reasons = [("", _("Choose a reason")), *((reason.value, reason.label) for reason in REASONS_OF[verb])]
        self.fields["reason_code"].choices = reasons  # type: ignore[attr-defined]  # a ChoiceField, made above

    def take_focus(self) -> "DecisionForm":
        """Let the page open at the field that is to be mended, or at the message."""
        wrong = next((name for name in self.fields if name in self.errors), "message")
        self.fields[wrong].widget.attrs["autofocus"] = True
        return self
