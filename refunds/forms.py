"""What merchants type about pending refunds: filters of the list, a refund, a refusal."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.counting import count_words
from complaints.filters import ALL
from complaints.forms import ProseField, YuanField
from evidence.forms import KeepsPictures, PicturesField
from merchants.models import MiniProgram
from refunds.claims import TEXT_LIMIT
from refunds.models import Channel, RefundCase
from refunds.queries import OVERDUE, Wanted
from refunds.refunding import NUMBER_LIMIT, RefundInput
from refunds.states import CaseStatus


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class FilterForm(forms.Form):
    """What the list of pending refunds is narrowed to. Nothing is required; a search looks at every status."""

    q = forms.CharField(
        label=_("Search"),
        max_length=64,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Case, complaint or trade number, from its start")}
        ),
    )
    status = forms.ChoiceField(
        label=_("Status"), choices=[("", ""), *CaseStatus.choices, (ALL, _("all"))], required=False
    )
    mini_program = forms.ModelChoiceField(
        MiniProgram.objects.none(), label=_("Mini program"), required=False, empty_label=_("any")
    )
    due = forms.ChoiceField(
        label=_("Due"),
        choices=[
            ("", _("any time")),
            (OVERDUE, _("missed, still to be refunded")),
            ("24", _("within 24 hours")),
            ("72", _("within 72 hours")),
        ],
        required=False,
    )
    opened_from = _day(_("Opened from"))
    opened_to = _day(_("Opened to"))

    def __init__(self, given: QueryDict, *, merchant_id: int) -> None:
        super().__init__(given, auto_id="filter_%s")
        programs: forms.ModelChoiceField[MiniProgram] = self.fields["mini_program"]  # type: ignore[assignment]
        programs.queryset = MiniProgram.objects.filter(merchant_id=merchant_id).order_by("name", "pk")

    def clean_q(self) -> str:
        """Numbers are pasted with blanks around and inside them; they have none."""
        return "".join(str(self.cleaned_data["q"]).split())

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("opened_from"), self.cleaned_data.get("opened_to")
        if first and last and first > last:
            self.add_error("opened_to", _("This day lies before the first one."))
        return self.cleaned_data

    def statuses(self) -> Collection[str]:
        """Return the chosen statuses: what is due without a choice, everything for a search without a choice."""
        chosen = self.cleaned_data["status"]
        if chosen == ALL or (not chosen and self.cleaned_data["q"]):
            return CaseStatus.values
        return [chosen or CaseStatus.DUE.value]

    def wanted(self) -> Wanted:
        """Return the filters of a valid form."""
        cleaned = self.cleaned_data
        program: MiniProgram | None = cleaned["mini_program"]
        return Wanted(
            search=cleaned["q"],
            mini_program_id=program.pk if program else None,
            due_within=cleaned["due"],
            opened_from=cleaned["opened_from"],
            opened_to=cleaned["opened_to"],
        )

    def tabs(self, given: QueryDict, counts: dict[str, int]) -> list[dict[str, Any]]:
        """Return a tab for each status and one for all, each keeping the other filters."""
        chosen = self.statuses() if self.is_valid() else ()
        tabs = []
        for status in [*CaseStatus, None]:
            parameters = given.copy()
            parameters.pop("cursor", None)
            parameters["status"] = status.value if status else ALL
            count = (counts.get(status.value) if status else sum(counts.values())) if counts else None
            tabs.append(
                {
                    "url": f"?{parameters.urlencode()}",
                    "label": capfirst(str(status.label)) if status else _now("All"),
                    "current": list(chosen) == ([status.value] if status else CaseStatus.values),
                    "count": None if count is None else count_words(count),
                }
            )
        return tabs


class RefundForm(KeepsPictures, forms.Form):
    """A refund: how, and how much. Number and pictures are asked for only where it was made elsewhere."""

    channel = forms.ChoiceField(
        label=_("Way of refunding"),
        choices=Channel.choices,
        error_messages={"required": _("Choose how to refund."), "invalid_choice": _("Choose how to refund.")},
    )
    amount = YuanField(
        label=_("Refund amount in yuan"), error_messages={"required": _("Give the amount to refund, above zero.")}
    )
    reference = forms.CharField(label=_("Refund number"), max_length=NUMBER_LIMIT, required=False)
    pictures = PicturesField(label=_("Pictures of the refund record"), required=False)

    def __init__(self, *args: Any, case: RefundCase, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": actor.own_platform_id, "merchant_id": case.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="refund_%s", **whose, **options)

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("channel") == Channel.ELSEWHERE:
            if not self.cleaned_data.get("reference") and "reference" not in self.errors:
                self.add_error("reference", _("Give the refund's number, as the payment system has it."))
            if not self.cleaned_data.get("pictures") and "pictures" not in self.errors:
                self.add_error("pictures", _("Add a picture of the refund record as proof."))
        return self.cleaned_data

    def given(self, request_key: str) -> RefundInput:
        """Return the refund that is wanted, without what its way does not ask for."""
        cleaned = self.cleaned_data
        amount: Decimal = cleaned["amount"]
        elsewhere = cleaned["channel"] == Channel.ELSEWHERE
        return RefundInput(
            channel=cleaned["channel"],
            amount=amount,
            request_key=request_key,
            reference=cleaned["reference"] if elsewhere else "",
            evidence=tuple(cleaned["pictures"]) if elsewhere else (),
        )


class RefusalForm(KeepsPictures, forms.Form):
    """Why no refund is due, and what proves it."""

    text = ProseField(
        label=_("Why no refund is due"),
        help_text=_("Say what was delivered, when, and what was agreed with the consumer."),
        max_length=TEXT_LIMIT,
        error_messages={"required": _("Say why no refund is due: what was delivered, when, and what was agreed.")},
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    pictures = PicturesField(error_messages={"required": _("Add at least one picture that proves what you say.")})

    def __init__(self, *args: Any, case: RefundCase, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": actor.own_platform_id, "merchant_id": case.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="refusal_%s", **whose, **options)
