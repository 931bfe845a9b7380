"""The form of a decision: a reason from the list, and words to the merchant."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from appeals.reasons import REASONS_OF
from appeals.services import MESSAGE_LIMIT
from complaints.forms import ProseField


class DecisionForm(forms.Form):
    """Both fields are required. Each decision has a form of its own on the page, so the verb stands in their ids."""

    use_required_attribute = False  # the answer says what is missing, in the reader's language

    reason_code = forms.ChoiceField(label=_("reason"), error_messages={"required": _("Choose a reason from the list.")})
    message = ProseField(
        label=_("message to the merchant"),
        max_length=MESSAGE_LIMIT,
        error_messages={"required": _("Write a message to the merchant; they read why.")},
    )

    def __init__(self, verb: str, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, auto_id=f"id_{verb}_%s", initial=initial)
        self.verb = verb
        reasons = [("", _("Choose a reason")), *((reason.value, reason.label) for reason in REASONS_OF[verb])]
        self.fields["reason_code"].choices = reasons  # type: ignore[attr-defined]  # a ChoiceField, made above
