"""The forms of staff about money: a bank transfer, and the reason of what is taken back."""

from django import forms
from django.utils.translation import gettext_lazy as _

from complaints.forms import ProseField, YuanField

REASON_LIMIT = 1000


class TransferForm(forms.Form):
    """A bank transfer as the bank statement has it."""

    use_required_attribute = False  # the answer says what is missing, in the reader's language

    amount = YuanField(label=_("Amount in yuan"), error_messages={"required": _("Give the amount.")})
    bank_reference = forms.CharField(
        label=_("Reference of the bank transfer"),
        max_length=64,
        help_text=_("As the bank statement has it. Each can be recorded once."),
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Give the reference of the bank transfer, as the bank statement has it.")},
    )


class ReasonForm(forms.Form):
    """Why something is declined or taken back; it stays with the record."""

    use_required_attribute = False

    reason = ProseField(
        label=_("reason"),
        help_text=_("It stays with the record, and the merchant reads it."),
        max_length=REASON_LIMIT,
        widget=forms.Textarea({"rows": 4}),
        error_messages={"required": _("Give the reason; it stays with the record.")},
    )
