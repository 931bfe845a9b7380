"""What ops type on their desk. Moments are Beijing's, to the second."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from common.wording import BEIJING
from complaints.extending import movable_kinds
from complaints.forms import ProseField
from deadlines.control import REASON_LIMIT
from deadlines.models import Deadline, SweepControl, SweepRun
from deadlines.sweeping import registered_kinds
from penalties.amnesty import Which
from penalties.states import Kind as PenaltyKind

YEARS = range(2000, 2101)
LONGEST_LOOK = 92
"""Days that may be counted under other numbers at once."""
LARGEST = 64 * 1024
"""Bytes of a policy file; one with every number a hundred times over is smaller."""
EXAMPLE = "[[policy]]\nsince = 2026-12-01T00:00:00+08:00\nhandle_hours = 72"
TEXT = {"class": "text"}


class BeijingMoment(forms.DateTimeField):
    """A moment on Beijing's clock."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local", "step": "1", **TEXT}, format="%Y-%m-%dT%H:%M:%S")
        super().__init__(widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(BEIJING).replace(tzinfo=None) if isinstance(value, datetime) else value

    def clean(self, value: Any) -> Any:
        moment = super().clean(value)
        if moment and moment.year not in YEARS:
            raise ValidationError(_("Give a moment of this century."), code="out_of_reach")
        return moment


def _kinds(kinds: list[str]) -> list[tuple[str, Any]]:
    labels = dict(Deadline.Kind.choices)
    return [(kind, capfirst(str(labels[kind]))) for kind in kinds]


class OpsForm(forms.Form):
    """A form of the desk: what is missing is said by the server, in the language of the page."""

    use_required_attribute = False


def _reason(help_text: Any) -> ProseField:
    return ProseField(
        label=_("reason"),
        help_text=help_text,
        max_length=REASON_LIMIT,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": _("Give the reason; it stays written down.")},
    )


class ControlForm(OpsForm):
    """How the scheduled sweep of a kind is to run, and why."""

    mode = forms.ChoiceField(label=_("The scheduled sweep"), widget=forms.RadioSelect)
    reason = _reason(_("It stays written down, with your name."))

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.fields["mode"].choices = SweepControl.Mode.choices  # type: ignore[attr-defined]  # a ChoiceField


class ReasonForm(OpsForm):
    """Why many cases are touched at once."""

    reason = _reason(_("It stays written down, and stands in the history of each case."))


class TrialForm(OpsForm):
    """Which sweep is tried, and with which moment."""

    kind = forms.ChoiceField(label=_("Sweep"), widget=forms.Select(TEXT))
    at = BeijingMoment(
        label=_("At (Beijing time)"), help_text=_("What was missed before this moment; it may lie in the future.")
    )

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.fields["kind"].choices = _kinds(registered_kinds())  # type: ignore[attr-defined]  # a ChoiceField


class ExtensionForm(OpsForm):
    """From when to when the portal was away, and which clocks get that time back."""

    began_at = BeijingMoment(label=_("Away from (Beijing time)"))
    ended_at = BeijingMoment(label=_("Until (Beijing time)"))
    kinds = forms.MultipleChoiceField(
        label=_("Deadlines that move"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose which kinds of deadlines move.")},
    )

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.fields["kinds"].choices = _kinds(movable_kinds())  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.setdefault("kinds", movable_kinds())

    def key(self) -> list[Any]:
        """Return what tells one span and choice from another."""
        given = self.cleaned_data
        return [given["began_at"].isoformat(), given["ended_at"].isoformat(), sorted(given["kinds"])]


class AmnestyForm(OpsForm):
    """A sweep run, or a span in which deadlines were missed."""

    run = forms.IntegerField(
        label=_("Number of the sweep run"),
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text=_("Leave it empty to forgive what was missed in a span."),
        widget=forms.TextInput({"inputmode": "numeric", **TEXT}),
    )
    missed_from = BeijingMoment(label=_("Missed from (Beijing time)"), required=False)
    missed_to = BeijingMoment(label=_("Until (Beijing time)"), required=False, help_text=_("Both ends are included."))
    kinds = forms.MultipleChoiceField(
        label=_("Penalties of a span"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        initial=PenaltyKind.values,
    )

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        kinds = [(value, capfirst(str(label))) for value, label in PenaltyKind.choices]
        self.fields["kinds"].choices = kinds  # type: ignore[attr-defined]  # a ChoiceField

    def clean_run(self) -> SweepRun | None:
        number = self.cleaned_data["run"]
        if number is None:
            return None
        run = SweepRun.objects.filter(pk=number).first()
        if run is None:
            raise ValidationError(_("There is no sweep run with this number."))
        return run

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        first, last = given.get("missed_from"), given.get("missed_to")
        if given.get("run") and (first or last):
            self.add_error("run", _("Give a sweep run or a span, not both."))
        elif not given.get("run") and not self.errors:
            if not first or not last:
                self.add_error("missed_to" if first else "missed_from", _("Give a sweep run, or both ends of a span."))
            elif not first < last:
                self.add_error("missed_to", _("The span must end after it began."))
            elif not given["kinds"]:
                self.add_error("kinds", _("Choose which penalties."))
        return given

    def which(self) -> Which:
        """Return which penalties a valid form names."""
        given = self.cleaned_data
        if given["run"]:
            return Which(sweep_run=given["run"])
        return Which(missed_from=given["missed_from"], missed_to=given["missed_to"], kinds=tuple(given["kinds"]))

    def key(self) -> list[Any]:
        """Return what tells one choice from another."""
        which = self.which()
        if which.sweep_run:
            return [which.sweep_run.pk]
        ends = (which.missed_from, which.missed_to)
        return [*(end.isoformat() for end in ends if end), sorted(which.kinds)]


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput({"type": "date", **TEXT}, format="%Y-%m-%d"))


class WhatIfForm(OpsForm):
    """The numbers to count under, as a file or as text, and the days to count."""

    file = forms.FileField(label=_("Policy file"), required=False, help_text=_("It takes the place of the text."))
    policy = ProseField(
        label=_("or its text"),
        required=False,
        strip=False,
        max_length=LARGEST,
        widget=forms.Textarea({"placeholder": EXAMPLE}),
    )
    first = _day(_("First day (Beijing's)"))
    last = _day(_("Last day, included"))

    def clean_file(self) -> str:
        """Return the text of the file; nothing without one."""
        file = self.cleaned_data["file"]
        if not file:
            return ""
        content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValidationError(_("This file is too large for a policy."))
        try:
            return str(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValidationError(_("This file is not text in UTF-8.")) from error

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        text = given.get("file") or given.get("policy") or ""
        if not self.errors.get("file") and not text.strip():
            self.add_error("policy", _("Choose a policy file, or paste its text."))
        first, last = given.get("first"), given.get("last")
        if first and last:
            self._check_days(first, last)
        given["text"] = text
        return given

    def _check_days(self, first: date, last: date) -> None:
        if first.year not in YEARS or last.year not in YEARS:
            self.add_error("first", _("Give days of this century."))
        elif last < first:
            self.add_error("last", _("This day lies before the first one."))
        elif last - first >= timedelta(days=LONGEST_LOOK):
            self.add_error("last", _("Look at no more than %(days)d days at once.") % {"days": LONGEST_LOOK})
