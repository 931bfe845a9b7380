"""What merchants type about penalties: the filters of the list."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from merchants.models import MiniProgram
from penalties.queries import Wanted
from penalties.states import Kind, Status


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class FilterForm(forms.Form):
    """What the list of penalties is narrowed to. Nothing is required."""

    status = forms.ChoiceField(label=_("Status"), choices=[("", _("any")), *Status.choices], required=False)
    kind = forms.ChoiceField(label=_("Type"), choices=[("", _("any")), *Kind.choices], required=False)
    mini_program = forms.ModelChoiceField(
        MiniProgram.objects.none(), label=_("Mini program"), required=False, empty_label=_("any")
    )
    issued_from = _day(_("Issued from"))
    issued_to = _day(_("Issued to"))
    window = forms.ChoiceField(
        label=_("Appeal window"),
        choices=[("", _("open or closed")), ("open", pgettext_lazy("appeal window", "open"))],
        required=False,
    )

    def __init__(self, given: QueryDict, *, merchant_id: int) -> None:
        super().__init__(given, auto_id="filter_%s")
        programs: forms.ModelChoiceField[MiniProgram] = self.fields["mini_program"]  # type: ignore[assignment]
        programs.queryset = MiniProgram.objects.filter(merchant_id=merchant_id).order_by("name", "pk")

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("issued_from"), self.cleaned_data.get("issued_to")
        if first and last and first > last:
            self.add_error("issued_to", _("This day lies before the first one."))
        return self.cleaned_data

    def wanted(self) -> Wanted:
        """Return the filters of a valid form."""
        cleaned = self.cleaned_data
        program: MiniProgram | None = cleaned["mini_program"]
        return Wanted(
            status=cleaned["status"],
            kind=cleaned["kind"],
            mini_program_id=program.pk if program else None,
            issued_from=cleaned["issued_from"],
            issued_to=cleaned["issued_to"],
            only_open=cleaned["window"] == "open",
        )

    def tabs(self, given: QueryDict) -> list[dict[str, Any]]:
        """Return a tab for each status and one for all, each keeping the other filters."""
        chosen = given.get("status", "")
        tabs = []
        for value, label in [("", _("All")), *Status.choices]:
            parameters = given.copy()
            parameters.pop("cursor", None)
            parameters["status"] = value
            url = f"?{parameters.urlencode()}"
            tabs.append({"url": url, "label": capfirst(str(label)), "current": value == chosen})
        return tabs
