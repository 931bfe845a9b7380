"""Which days the insights are about, and what they are narrowed to."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from complaints_portal.insights.figures import DAY, LONGEST, Range
from merchants.models import MiniProgram

WEEKS = (4, 13, 52)
USUAL = 13
EARLIEST = date(2000, 1, 1)
MOST_TYPES = 20


class TypesField(forms.MultipleChoiceField):
    """Several dispute types, in the words of the complaints; whichever were asked for are taken."""

    def validate(self, value: Any) -> None:
        if len(value) > MOST_TYPES:
            raise ValidationError(_("Choose at most %(most)d.") % {"most": MOST_TYPES})

    def run_validators(self, value: Any) -> None:
        for each in value:
            super().run_validators(each)


def day_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class RangeForm(forms.Form):
    """The last weeks, or days of one's own; the latter win. Nothing is required."""

    weeks = forms.TypedChoiceField(
        choices=[(str(weeks), weeks) for weeks in WEEKS], coerce=int, empty_value=None, required=False
    )
    first = day_field(_("From"))
    last = day_field(_("To"))
    mini_program = forms.ModelMultipleChoiceField(MiniProgram.objects.none(), label=_("Mini program"), required=False)
    dispute_type = TypesField(
        label=_("Dispute type"),
        required=False,
        validators=[MaxLengthValidator(200), ProhibitNullCharactersValidator()],
    )

    def __init__(self, given: QueryDict, *, merchant_id: int, today: date) -> None:
        super().__init__(given, auto_id="range_%s")
        self.given, self.today = given, today
        self.programs: Sequence[MiniProgram] = list(
            MiniProgram.objects.filter(merchant_id=merchant_id).order_by("name", "pk")
        )
        field: Any = self.fields["mini_program"]
        field.queryset = MiniProgram.objects.filter(merchant_id=merchant_id)
        field.choices = [(str(each.pk), each.name) for each in self.programs]
        for name in ("mini_program", "dispute_type"):
            self.fields[name].widget.attrs["size"] = 4

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and first < EARLIEST:
            self.add_error("first", _("Choose a day from %(day)s on.") % {"day": EARLIEST.isoformat()})
        elif first and first > self.today:
            self.add_error("first", _("This day has not come yet."))
        elif first and last and first > last:
            self.add_error("last", _("This day lies before the first one."))
        elif last and last < EARLIEST:
            self.add_error("last", _("Choose a day from %(day)s on.") % {"day": EARLIEST.isoformat()})
        elif first and self._last(last) - first + DAY > LONGEST:
            self.add_error(
                "first",
                _("At most two years can be looked at at once. Choose a first day from %(day)s on, or an earlier last.")
                % {"day": (self._last(last) - LONGEST + DAY).isoformat()},
            )
        return self.cleaned_data

    def wanted(self) -> Range:
        """Return what a valid form asks for; a stretch ends today at the latest."""
        cleaned = self.cleaned_data
        last = self._last(cleaned["last"])
        return Range(
            first=cleaned["first"] or last - timedelta(weeks=self.chosen_weeks) + DAY,
            last=last,
            mini_program_ids=tuple(sorted(each.pk for each in cleaned["mini_program"])),
            dispute_types=tuple(dict.fromkeys(cleaned["dispute_type"])),
        )

    def offer_types(self, types: Sequence[str]) -> None:
        """Let the form show these dispute types, and those that are chosen already."""
        field: Any = self.fields["dispute_type"]
        chosen = [each for each in self.given.getlist("dispute_type") if each]
        field.choices = [(each, each) for each in dict.fromkeys([*types, *chosen[:MOST_TYPES]])]

    @property
    def chosen_weeks(self) -> int:
        """The number of weeks that was chosen, or the usual one."""
        return int(self.cleaned_data["weeks"] or USUAL)

    @property
    def has_own_days(self) -> bool:
        return bool(self.cleaned_data.get("first") or self.cleaned_data.get("last"))

    def _last(self, last: date | None) -> date:
        return min(last or self.today, self.today)
