"""What merchants type about appeals: the appeal itself, and what staff asked for."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from appeals.models import PROOFS_OF, Appeal, AppealDraft, Proof
from appeals.services import DESCRIPTION_LIMIT, AppealInput, problems
from appeals.windows import seems_unsolved
from common.actors import Actor
from complaints.forms import ProseField
from evidence.forms import KeepsPictures, PicturesField
from evidence.models import Evidence
from penalties.models import Penalty
from penalties.states import Kind

WHAT_TO_SAY = {
    Kind.COMPLAINT_TIMEOUT: _(
        "Say how the consumer's problem was solved: what was done, when, and what the consumer said to it."
    ),
    Kind.REFUND_OVERDUE: _("Say how the refund stands: when and how it was made, or why none is due."),
}
"""What the guide asks the description of an appeal for, by the kind of penalty."""


class AppealForm(KeepsPictures, forms.Form):
    """An appeal. `is_draft` takes it as it is; otherwise everything that it lacks is said at once."""

    description = ProseField(
        label=_("Description"),
        max_length=DESCRIPTION_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 7}),
    )
    proofs = forms.MultipleChoiceField(
        label=_("What your pictures prove"), required=False, widget=forms.CheckboxSelectMultiple
    )
    pictures = PicturesField(required=False)
    knowingly = forms.BooleanField(
        label=_("I know that the problem seems unsolved, and appeal all the same"), required=False
    )

    def __init__(
        self, *args: Any, penalty: Penalty, actor: Actor, now: datetime, is_draft: bool = False, **options: Any
    ) -> None:
        whose = {"platform_id": actor.own_platform_id, "merchant_id": penalty.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="appeal_%s", **whose, **options)
        self.penalty = penalty
        self.now = now
        self.is_draft = is_draft
        self.unsolved = seems_unsolved(penalty)
        proofs: forms.MultipleChoiceField = self.fields["proofs"]  # type: ignore[assignment]
        self.fields["description"].help_text = WHAT_TO_SAY[Kind(penalty.kind)]
        proofs.choices = [(proof.value, proof.label) for proof in PROOFS_OF[penalty.kind]]

    @property
    def pictures_kept(self) -> list[Evidence]:
        """The pictures that this form holds so far, those of its draft included."""
        pictures: PicturesField = self.fields["pictures"]  # type: ignore[assignment]
        return pictures.kept

    def take_up(self, draft: AppealDraft) -> None:
        """Start from a draft, before the form is shown for the first time."""
        self.initial = {**self.initial, "description": draft.description, "proofs": draft.proofs}
        pictures: PicturesField = self.fields["pictures"]  # type: ignore[assignment]
        pictures.kept = list(draft.evidence.all())

    def checklist(self) -> list[dict[str, Any]]:
        """Return the proofs that the guide names for this type of penalty, and which of them are ticked."""
        ticked = set(self["proofs"].value() or ())
        return [
            {"value": proof.value, "label": proof.label, "checked": proof.value in ticked}
            for proof in PROOFS_OF[self.penalty.kind]
        ]

    def clean(self) -> dict[str, Any]:
        if not self.is_draft:
            for problem in problems(self.given(), self.penalty, now=self.now):
                if problem.field == "knowingly":  # why it seems so stands beside the box already
                    self.add_error("knowingly", _("Tick this to appeal all the same."))
                elif problem.field not in self.errors:
                    self.add_error(problem.field, str(problem))
        return self.cleaned_data

    def given(self) -> AppealInput:
        """Return what was said and proved, as far as each part could be taken."""
        cleaned = self.cleaned_data
        return AppealInput(
            description=cleaned.get("description", ""),
            evidence=tuple(self.pictures_kept),
            proofs=tuple(cleaned.get("proofs", ())),
            knowingly=cleaned.get("knowingly", False),
        )


class SupplementForm(KeepsPictures, forms.Form):
    """What staff asked for: a text, pictures, or both."""

    supplement = ProseField(
        label=_("Your answer"), max_length=DESCRIPTION_LIMIT, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    pictures = PicturesField(required=False)

    def __init__(self, *args: Any, appeal: Appeal, actor: Actor, now: datetime, **options: Any) -> None:
        whose = {"platform_id": actor.own_platform_id, "merchant_id": appeal.merchant_id}
        super().__init__(*args, actor=actor, now=now, auto_id="supplement_%s", **whose, **options)


def proof_labels(proofs: Iterable[str]) -> list[str]:
    """Return the names of proofs as people read them."""
    return [str(Proof(proof).label) for proof in proofs]
