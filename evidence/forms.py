"""A form field for several pictures that forgets none of them when something else in the form is wrong.

What is uploaded is checked and stored at once, whether or not the rest of the form is right. The form that is shown
again carries the tokens of what was kept, so nobody picks nine pictures twice:

    class MessageForm(KeepsPictures, forms.Form):
        text = forms.CharField(required=False)
        pictures = PicturesField(required=False)

    form = MessageForm(request.POST, request.FILES, platform_id=…, merchant_id=…, actor=actor, now=now)
    if form.is_valid():
        leave_message(…, evidence=form.cleaned_data["pictures"])

In a template `{{ form.pictures.as_field_group }}` shows it all; `form.pictures.kept` are the pictures kept so far.
Since cleaning the form stores files, a view asks first whether the actor may send any.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms.boundfield import BoundField
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import PortalError
from common.policy import Policy, policy_at
from evidence.models import Evidence
from evidence.pictures import EXTENSIONS
from evidence.queries import by_tokens
from evidence.services import check_number, keep_pictures


@dataclass(frozen=True, slots=True)
class Submission:
    """What one POST says about a pictures field: new files, and the tokens of pictures that were kept before."""

    files: "list[UploadedFile[Any]]" = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Keeper:
    """For whom a form keeps pictures: whose they become, who sends them, and when."""

    platform_id: int
    merchant_id: int
    actor: Actor
    now: datetime

    def keep(self, file: "UploadedFile[Any]") -> Evidence:
        """Store one file. Refuses as `keep_pictures` does."""
        (evidence,) = keep_pictures(
            [file], platform_id=self.platform_id, merchant_id=self.merchant_id, actor=self.actor, now=self.now
        )
        return evidence


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A kept picture as components/picture_upload.html shows it; its `id` there is the token."""

    id: str
    url: str
    alt: str


class PicturesInput(forms.Widget):
    """An `<input type="file" multiple>`, and a hidden input for each picture that is kept."""

    template_name = "evidence/pictures_input.html"
    needs_multipart_form = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, {**(attrs or {}), "accept": ",".join(EXTENSIONS)})
        context["widget"] |= {"kept_name": kept_name(name), "kept_tokens": value or []}
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Submission:
        return Submission(files=_all(files, name), tokens=_all(data, kept_name(name)))

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return name not in files and kept_name(name) not in data

    def use_required_attribute(self, initial: Any) -> bool:
        return False  # a browser would ask for a new file although one is kept


class PicturesField(forms.Field):
    """Pictures, cleaned to a list of `Evidence`: those kept from an earlier try, then the new ones.

    A picture that is refused is named in an error of the field; the good ones beside it are kept all the same.
    """

    widget = PicturesInput
    default_error_messages = {"required": _("Add at least one picture.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": _("Pictures"), "template_name": "evidence/pictures_field.html", **options})
        self._keeper: Keeper | None = None
        self.kept: list[Evidence] = []

    @property
    def keeper(self) -> Keeper:
        """For whom pictures are kept; the form's constructor says it."""
        if self._keeper is None:
            raise TypeError("a form with a PicturesField must be a KeepsPictures")
        return self._keeper

    @keeper.setter
    def keeper(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def clean(self, value: Submission | None) -> list[Evidence]:
        """Keep what can be kept, and return it. Refuses with `ValidationError`: a sentence for each other picture."""
        value = value or Submission()
        errors: list[ValidationError] = []
        self.kept = []
        try:
            self.kept = by_tokens(self.keeper.actor, value.tokens)
            check_number(len(self.kept) + len(value.files), now=self.keeper.now)
        except PortalError as refusal:
            raise _as_validation_error(refusal) from refusal
        for file in value.files:
            try:
                self.kept.append(self.keeper.keep(file))
            except PortalError as refusal:
                errors.append(_as_validation_error(refusal))
        if errors:
            raise ValidationError(errors)
        if self.required and not self.kept:
            raise ValidationError(self.error_messages["required"], code="required")
        return list(self.kept)

    def has_changed(self, initial: Any, data: Submission | None) -> bool:
        return bool(data and (data.files or data.tokens))

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> "BoundPictures":
        return BoundPictures(form, self, field_name)


class BoundPictures(BoundField):
    """A pictures field in its form, as the templates see it."""

    field: PicturesField

    @property
    def kept(self) -> list[KeptPicture]:
        """What was kept so far, this submission's new pictures among them."""
        return [
            KeptPicture(id=each.token, url=reverse("evidence:show", args=[each.token]), alt=each.name)
            for each in self._kept_evidence()
        ]

    @property
    def kept_name(self) -> str:
        return kept_name(self.html_name)

    @property
    def limit(self) -> int:
        return self._policy().pictures_per_submission

    @property
    def max_bytes(self) -> int:
        return self._policy().picture_max_bytes

    def value(self) -> list[str]:
        return [each.token for each in self._kept_evidence()]

    def _kept_evidence(self) -> list[Evidence]:
        self.form.errors  # noqa: B018 (cleans a bound form, once, which keeps its pictures)
        return self.field.kept

    def _policy(self) -> Policy:
        return policy_at(self.field.keeper.now)


class KeepsPictures(forms.BaseForm):
    """What a form with pictures fields is made of, before `forms.Form`; its constructor says for whom it keeps them."""

    def __init__(
        self, *args: Any, platform_id: int, merchant_id: int, actor: Actor, now: datetime, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        keeper = Keeper(platform_id=platform_id, merchant_id=merchant_id, actor=actor, now=now)
        for each in self.fields.values():  # copies of the class's fields, so each form has a keeper of its own
            if isinstance(each, PicturesField):
                each.keeper = keeper


def kept_name(name: str) -> str:
    """Return the name under which a form sends the tokens of kept pictures."""
    return f"{name}_kept"


def _all(values: Mapping[str, Any], name: str) -> list[Any]:
    if isinstance(values, MultiValueDict):
        return values.getlist(name)
    given = values.get(name, [])
    return list(given) if isinstance(given, list | tuple) else [given]


def _as_validation_error(refusal: PortalError) -> ValidationError:
    return ValidationError(str(refusal), code=refusal.code)
