"""What merchants type about complaints: filters of the list, a handling, a message."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from complaints.methods import NEEDS, NOTE_LIMIT, HandlingInput, problems
from complaints.models import Complaint, Method
from complaints.queries import OVERDUE, Wanted
from complaints.services import MESSAGE_LIMIT
from complaints.states import Status
from evidence.forms import KeepsPictures, PicturesField
from merchants.models import MiniProgram

ALL = "all"


class FilterForm(forms.Form):
    """What the list of complaints is narrowed to. Nothing is required; a search looks at every status."""

    q = forms.CharField(
        label=_("Search"),
        max_length=64,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Complaint, trade or order number, or phone, from its start")}
        ),
    )
    status = forms.MultipleChoiceField(
        label=_("Status"),
        choices=[*Status.choices, (ALL, _("all"))],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    mini_program = forms.ModelChoiceField(
        MiniProgram.objects.none(), label=_("Mini program"), required=False, empty_label=_("any")
    )
    dispute_type = forms.CharField(label=_("Dispute type"), max_length=200, required=False)
    protection = forms.ChoiceField(
        label=_("Advance protection"),
        choices=[("", _("any")), ("yes", _("with advance protection")), ("no", _("without"))],
        required=False,
    )
    due = forms.ChoiceField(
        label=_("Due"),
        choices=[
            ("", _("any time")),
            (OVERDUE, _("missed, still pending")),
            ("6", _("within 6 hours")),
            ("24", _("within 24 hours")),
            ("48", _("within 48 hours")),
        ],
        required=False,
    )
    filed_from = forms.DateField(
        label=_("Filed from"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    filed_to = forms.DateField(
        label=_("Filed to"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, given: QueryDict, *, merchant_id: int) -> None:
        super().__init__(given, auto_id="filter_%s")
        programs: forms.ModelChoiceField[MiniProgram] = self.fields["mini_program"]  # type: ignore[assignment]
        programs.queryset = MiniProgram.objects.filter(merchant_id=merchant_id).order_by("name", "pk")

    def clean_q(self) -> str:
        """Numbers are pasted with blanks around and inside them; they have none."""
        return "".join(str(self.cleaned_data["q"]).split())

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("filed_from"), self.cleaned_data.get("filed_to")
        if first and last and first > last:
            self.add_error("filed_to", _("This day lies before the first one."))
        return self.cleaned_data

    def statuses(self) -> Collection[str]:
        """Return the chosen statuses: what is pending without a choice, everything for a search without a choice."""
        chosen = self.cleaned_data["status"]
        if ALL in chosen or (not chosen and self.cleaned_data["q"]):
            return Status.values
        return list(dict.fromkeys(chosen)) or [Status.PENDING.value]

    def wanted(self) -> Wanted:
        """Return the filters of a valid form."""
        cleaned = self.cleaned_data
        program: MiniProgram | None = cleaned["mini_program"]
        return Wanted(
            search=cleaned["q"],
            mini_program_id=program.pk if program else None,
            dispute_type=cleaned["dispute_type"],
            advance_protection={"yes": True, "no": False}.get(cleaned["protection"]),
            due_within=cleaned["due"],
            filed_from=cleaned["filed_from"],
            filed_to=cleaned["filed_to"],
        )


class YuanField(forms.DecimalField):
    """An amount in yuan as people write it: with the sign or without, with commas or without."""

    widget = forms.TextInput

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=14, decimal_places=2, **options)
        for code in ("invalid", "max_decimal_places"):
            self.error_messages[code] = _("Give the amount in yuan with at most two decimals.")
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # as DecimalField itself does
        if isinstance(value, str):
            value = value.replace(",", "").replace("，", "").replace("¥", "").replace("￥", "").removesuffix("元")
        return super().to_python(value)


class ProseField(forms.CharField):
    """Text in several lines. Browsers send a line's end as two characters and count it as one; so does this field."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str | None:
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value)


class HandlingForm(KeepsPictures, forms.Form):
    """How the complaint was handled. What a way does not ask for is ignored: it may be left from another choice."""

    method = forms.ChoiceField(
        label=_("Way of handling"),
        choices=Method.choices,
        error_messages={"required": _("Choose one of the six ways of handling.")},
    )
    refund_amount = YuanField(label=_("Refund amount in yuan"), required=False)
    refund_reference = forms.CharField(label=_("Refund number"), max_length=64, required=False)
    tracking = forms.CharField(
        label=_("Carrier and tracking number"),
        max_length=100,
        required=False,
    )
    note = ProseField(
        label=_("Explanation"),
        help_text=_("What was done, when, and what the consumer said. You may leave it out when you refund."),
        max_length=NOTE_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    pictures = PicturesField(required=False)

    def __init__(self, *args: Any, complaint: Complaint, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": complaint.platform_id, "merchant_id": complaint.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="handling_%s", **whose, **options)
        self.complaint = complaint

    @property
    def typed_amount(self) -> Decimal | None:
        """The amount that was typed, also when the handling was refused because of it; None when it is none."""
        if not self.is_bound:
            return None
        try:
            typed: Decimal | None = YuanField(required=False).clean(self["refund_amount"].value())
        except ValidationError:
            return None
        return typed

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            for problem in problems(self.complaint, self.given()):
                self.add_error(problem.field, str(problem))
        return self.cleaned_data

    def given(self) -> HandlingInput:
        """Return what was said, without the answers that the chosen way does not ask for."""
        cleaned = self.cleaned_data
        need = NEEDS[cleaned["method"]]
        return HandlingInput(
            method=cleaned["method"],
            note=cleaned["note"],
            refund_amount=cleaned["refund_amount"] if need.amount else None,
            refund_reference=cleaned["refund_reference"] if need.reference else "",
            tracking=cleaned["tracking"] if need.tracking else "",
            evidence=tuple(cleaned["pictures"]),
        )


class MessageForm(KeepsPictures, forms.Form):
    """A message to the other side, with pictures or of pictures alone."""

    text = ProseField(
        label=_("Message"), max_length=MESSAGE_LIMIT, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    pictures = PicturesField(required=False)

    def __init__(self, *args: Any, complaint: Complaint, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": complaint.platform_id, "merchant_id": complaint.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="message_%s", **whose, **options)
