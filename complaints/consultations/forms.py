"""What merchants type about consultations: filters of the list, and a reply."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.counting import count_words
from complaints.consultations.queries import Wanted, newest_line
from complaints.consultations.services import TEXT_LIMIT
from complaints.consultations.states import Status
from complaints.filters import ALL
from complaints.forms import ProseField
from complaints.models import Consultation
from evidence.forms import KeepsPictures, PicturesField
from merchants.models import MiniProgram


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class FilterForm(forms.Form):
    """What the list of consultations is narrowed to. Nothing is required; a search looks at every status."""

    q = forms.CharField(
        label=_("Search"),
        max_length=64,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Consultation or trade number, from its start")}
        ),
    )
    status = forms.ChoiceField(label=_("Status"), choices=[("", ""), *Status.choices, (ALL, _("all"))], required=False)
    mini_program = forms.ModelMultipleChoiceField(
        MiniProgram.objects.none(), label=_("Mini program"), required=False, widget=forms.CheckboxSelectMultiple
    )
    asked_from = _day(_("Asked from"))
    asked_to = _day(_("Asked to"))

    def __init__(self, given: QueryDict, *, merchant_id: int) -> None:
        super().__init__(given, auto_id="filter_%s")
        programs: forms.ModelMultipleChoiceField[MiniProgram] = self.fields["mini_program"]  # type: ignore[assignment]
        programs.queryset = MiniProgram.objects.filter(merchant_id=merchant_id).order_by("name", "pk")

    def clean_q(self) -> str:
        """Numbers are pasted with blanks around and inside them; they have none."""
        return "".join(str(self.cleaned_data["q"]).split())

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("asked_from"), self.cleaned_data.get("asked_to")
        if first and last and first > last:
            self.add_error("asked_to", _("This day lies before the first one."))
        return self.cleaned_data

    def statuses(self) -> Collection[str]:
        """Return the chosen statuses: what waits without a choice, everything for a search without a choice."""
        chosen = self.cleaned_data["status"]
        if chosen == ALL or (not chosen and self.cleaned_data["q"]):
            return Status.values
        return [chosen or Status.OPEN.value]

    def wanted(self) -> Wanted:
        """Return the filters of a valid form."""
        cleaned = self.cleaned_data
        return Wanted(
            search=cleaned["q"],
            mini_program_ids=tuple(program.pk for program in cleaned["mini_program"]),
            asked_from=cleaned["asked_from"],
            asked_to=cleaned["asked_to"],
        )

    def tabs(self, given: QueryDict, counts: dict[str, int]) -> list[dict[str, Any]]:
        """Return a tab for each status and one for all, each keeping the other filters."""
        chosen = self.statuses() if self.is_valid() else ()
        tabs = []
        for status in [*Status, None]:
            parameters = given.copy()
            parameters.pop("cursor", None)
            parameters["status"] = status.value if status else ALL
            count = (counts.get(status.value) if status else sum(counts.values())) if counts else None
            tabs.append(
                {
                    "url": f"?{parameters.urlencode()}",
                    "label": capfirst(str(status.label)) if status else _now("All"),
                    "current": list(chosen) == ([status.value] if status else Status.values),
                    "count": None if count is None else count_words(count),
                }
            )
        return tabs


class ReplyForm(KeepsPictures, forms.Form):
    """A reply to the consumer, with pictures or of pictures alone."""

    text = ProseField(label=_("Reply"), max_length=TEXT_LIMIT, required=False, widget=forms.Textarea(attrs={"rows": 4}))
    pictures = PicturesField(required=False)
    seen = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)
    """The newest line that whoever replies has read."""

    def __init__(self, *args: Any, consultation: Consultation, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": consultation.platform_id, "merchant_id": consultation.merchant_id}
        options["initial"] = {"seen": newest_line(consultation)}
        super().__init__(*args, actor=actor, now=now, auto_id="reply_%s", **whose, **options)
