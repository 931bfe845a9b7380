"""What merchants type about complaints: a handling, a message, an internal note."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.kept import NotPlain, SharedFields
from complaints.methods import NEEDS, NOTE_LIMIT, HandlingInput, problems
from complaints.models import Complaint, Method, RootCause
from complaints.services import MESSAGE_LIMIT
from complaints.workspace.notes import NOTE_LIMIT as INTERNAL_LIMIT
from complaints.workspace.typed import Typed
from evidence.forms import KeepsPictures, PicturesField
from evidence.queries import visible_to as visible_evidence


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


PASTING = _("A screenshot can be pasted while you write here, or dropped anywhere on this form.")


class TakesUp(KeepsPictures):
    """A form that can start from what was typed before; it comes before `forms.Form`."""

    def take_up(self, typed: Typed, actor: Actor) -> None:
        """Start from what was typed, before the form is shown; pictures that are gone are left out."""
        self.initial = {**self.initial, **typed.fields}
        pictures = self.fields["pictures"]
        if typed.pictures and isinstance(pictures, PicturesField):
            found = {each.token: each for each in visible_evidence(actor).filter(token__in=typed.pictures)}
            pictures.kept = [found[token] for token in typed.pictures if token in found]

    def as_shown(self) -> tuple[str, int, int]:
        """Return all that the fields of a form show into which nothing was typed."""
        pictures: Any = self["pictures"]
        if self.is_bound or self.initial or pictures.kept:
            raise NotPlain("What was typed into a form is shown anew each time.")
        return str(self.auto_id), pictures.limit, pictures.max_bytes


class HandlingForm(TakesUp, forms.Form):
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
    root_cause = forms.ChoiceField(
        label=_("What led to it"),
        help_text=_("Asked once, for your own insights; the consumer does not see it."),
        choices=[("", _("not said")), *RootCause.choices],
        required=False,
    )
    note = ProseField(
        label=_("Explanation"),
        help_text=_("What was done, when, and what the consumer said. You may leave it out when you refund."),
        max_length=NOTE_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    pictures = PicturesField(required=False, help_text=PASTING)

    def __init__(self, *args: Any, complaint: Complaint, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": complaint.platform_id, "merchant_id": complaint.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="handling_%s", **whose, **options)
        self.complaint = complaint

    @property
    def typed_amount(self) -> Decimal | None:
        """The amount that was typed, also when the handling was refused because of it; None when it is none."""
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
            root_cause=cleaned["root_cause"],
            evidence=tuple(cleaned["pictures"]),
        )


class MessageForm(TakesUp, forms.Form):
    """A message to the other side, with pictures or of pictures alone."""

    text = ProseField(
        label=_("Message"),
        max_length=MESSAGE_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "data-key": "r"}),
    )
    pictures = PicturesField(required=False, help_text=PASTING)

    def __init__(self, *args: Any, complaint: Complaint, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": complaint.platform_id, "merchant_id": complaint.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="message_%s", **whose, **options)


class NoteForm(forms.Form):
    """What only the members of the merchant read."""

    text = ProseField(
        label=_("Internal note"),
        max_length=INTERNAL_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "data-key": "i"}),
    )

    def __init__(self, given: QueryDict | None = None) -> None:
        super().__init__(given, auto_id="note_%s")

    def take_up(self, typed: Typed) -> None:
        """Start from what was typed, before the form is shown."""
        self.initial = {**self.initial, **typed.fields}


# Only whose pictures a form keeps differs from form to form.
for each in (HandlingForm, MessageForm, NoteForm):
    each.base_fields = SharedFields(each.base_fields, changed=("pictures",))
