"""What merchants type about the guarantee plan: the amount of a top-up, and the days of a statement."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.errors import BadInput
from complaints.forms import YuanField
from refunds.plan_queries import Days
from refunds.top_ups import checked


class TopUpForm(forms.Form):
    """How much to put into the deposit."""

    amount = YuanField(label=_("Amount in yuan"), error_messages={"required": _("Give an amount above zero.")})

    def clean_amount(self) -> Decimal:
        try:
            return checked(self.cleaned_data["amount"])
        except BadInput as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class DaysForm(forms.Form):
    """The days of a statement. Nothing is required."""

    first = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and first > last:
            self.add_error("last", _("This day lies before the first one."))
        return self.cleaned_data

    def days(self) -> Days:
        """Return the days of a valid form."""
        return Days(self.cleaned_data["first"], self.cleaned_data["last"])
