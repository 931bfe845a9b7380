"""What the list of complaints is narrowed to, as a member chooses it and as an address says it."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.kept import NotPlain, SharedFields
from common.together import together
from common.written import written
from complaints.models import RootCause
from complaints.outcomes import NOT_SAID, Outcome
from complaints.queries import OVERDUE, Wanted, types_with
from complaints.search import LIMIT, understood
from complaints.states import Status
from complaints.workspace.assigning import Colleague, colleagues
from merchants.models import MiniProgram

ALL = "all"
ME = "me"
NOBODY = "nobody"
VIEW = "view"
"""In an address, the number of the saved view from which the filters came."""
BESIDE_FILTERS = (VIEW, "cursor", "from", "reply")
"""What an address of the list may hold beside filters."""
MOST_TEXTS = 20
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class ValuesField(forms.MultipleChoiceField):
    """Several of some choices, each once. An address that leaves a value empty says nothing by it."""

    def to_python(self, value: Any) -> list[str]:
        return list(dict.fromkeys(each for each in super().to_python(value) if each))

    def unknown(self, values: Collection[str]) -> list[str]:
        """Return those values that are no choice."""
        return [value for value in values if value and not self.valid_value(value)]


class DueField(ValuesField):
    """When it is due: one of the choices, or a day in Beijing."""

    def valid_value(self, value: str) -> bool:
        return super().valid_value(value) or is_day(value)


class TextsField(forms.Field):
    """Several texts, each once and without blanks around it."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[str]:
        texts = list(dict.fromkeys(text for text in (str(each).strip() for each in value or []) if text))
        if len(texts) > MOST_TEXTS:
            raise ValidationError(gettext("Choose at most %(most)d.") % {"most": MOST_TEXTS})
        return texts

    def run_validators(self, value: Any) -> None:
        for text in value:
            super().run_validators(text)


def is_day(value: str) -> bool:
    """Say whether this is a day of the calendar, written as in an address."""
    try:
        return bool(DAY.fullmatch(value)) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def labels_of(field: forms.ChoiceField) -> dict[str, str]:
    """Return the words of each choice of a field."""
    return {str(value): str(label) for value, label in cast("Iterable[tuple[Any, Any]]", field.choices)}


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a filter, and whether it is chosen."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is active, and the filters that are left when it is taken away."""

    words: str
    without: str


class FilterForm(forms.Form):
    """What the list of complaints is narrowed to. Nothing is required; a search looks at every status."""

    q = forms.CharField(
        label=_("Search"),
        max_length=LIMIT,
        required=False,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "data-key": "/",
                "placeholder": _("A number or phone from its start, or words of the complaint"),
            }
        ),
    )
    status = ValuesField(
        label=_("Status"),
        choices=[*Status.choices, (ALL, _("all"))],
        required=False,
    )
    due = DueField(
        label=_("Due"),
        choices=[
            (OVERDUE, _("missed, still pending")),
            ("6", _("within 6 hours")),
            ("24", _("within 24 hours")),
            ("48", _("within 48 hours")),
        ],
        required=False,
    )
    assignee = ValuesField(label=_("Assigned to"), required=False)
    dispute_type_is = TextsField(
        label=_("Dispute type"),
        required=False,
        validators=[MaxLengthValidator(200), ProhibitNullCharactersValidator()],
    )
    dispute_type = TextsField(
        label=_("Dispute type contains"),
        required=False,
        validators=[MaxLengthValidator(200), ProhibitNullCharactersValidator()],
    )
    mini_program = ValuesField(label=_("Mini program"), required=False)
    outcome = ValuesField(
        label=_("What became of it"),
        choices=Outcome.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    root_cause = ValuesField(
        label=_("Root cause"),
        choices=[*RootCause.choices, (NOT_SAID, _("none was said"))],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    protection = forms.ChoiceField(
        label=_("Advance protection"),
        choices=[("", _("any")), ("yes", _("with advance protection")), ("no", _("without"))],
        required=False,
    )
    filed_from = forms.DateField(
        label=_("Filed from"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    filed_to = forms.DateField(
        label=_("Filed to"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, given: QueryDict, *, actor: Actor, beside: "FilterForm | None" = None) -> None:
        """Read what an address says; `beside` is a form of the same actor that has looked up the choices already."""
        super().__init__(given, auto_id="filter_%s")
        self.given = given
        self.actor, self.beside = actor, beside
        self.merchant_id = actor.own_merchant_id
        self._choices("mini_program").choices = lambda: [(str(each.pk), each.name) for each in self.programs]
        self._choices("assignee").choices = self._whom

    @cached_property
    def people(self) -> Sequence[Colleague]:
        return self.beside.people if self.beside else colleagues(self.merchant_id, asked_by=self.actor)

    @cached_property
    def programs(self) -> Sequence[MiniProgram]:
        return self.beside.programs if self.beside else programs_of(self.merchant_id)

    def look_up(self) -> None:
        """Look up both at once."""
        with together() as side:
            side(lambda: self.people)
            side(lambda: self.programs)

    def _whom(self) -> list[tuple[str, str]]:
        named = [(str(each.membership_id), each.name) for each in self.people]
        return [(ME, gettext("me")), (NOBODY, gettext("nobody")), *named]

    def _choices(self, name: str) -> ValuesField:
        field = self.fields[name]
        if not isinstance(field, ValuesField):
            raise TypeError(name)
        return field

    def as_shown(self) -> Any:
        """Return all that the filters of a page show, as long as nothing is wrong with them."""
        if self.errors:
            raise NotPlain("What is wrong with filters is said anew each time.")
        given = {name: self.given.getlist(name) for name in self.fields if name in self.given}
        people = [(each.membership_id, each.name, each.is_self) for each in self.people]
        return given, people, [(each.pk, each.name) for each in self.programs]

    def clean_q(self) -> str:
        """Return what is searched for, which is a number with blanks in it or words; refuse what is too short."""
        typed = " ".join(str(self.cleaned_data["q"]).split())
        if typed and understood(typed).is_too_short:
            raise ValidationError(_("Type a number, or words of two characters or more: one alone finds too much."))
        return typed

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
        return chosen or [Status.PENDING.value]

    def wanted(self) -> Wanted:
        """Return the filters of a valid form."""
        cleaned = self.cleaned_data
        members = [each for each in cleaned["assignee"] if each not in (ME, NOBODY)]
        if ME in cleaned["assignee"]:
            members += [str(each.membership_id) for each in self.people if each.is_self] or ["0"]
        parts = tuple(cleaned["dispute_type"])
        return Wanted(
            search=cleaned["q"],
            mini_program_ids=tuple(int(each) for each in cleaned["mini_program"]),
            exact_types=tuple(cleaned["dispute_type_is"]),
            dispute_types=parts,
            types_with_them=types_with(self.merchant_id, parts) if parts else None,
            assignee_ids=tuple(dict.fromkeys(int(each) for each in members)),
            or_nobodys=NOBODY in cleaned["assignee"],
            advance_protection={"yes": True, "no": False}.get(cleaned["protection"]),
            due=tuple(cleaned["due"]),
            filed_from=cleaned["filed_from"],
            filed_to=cleaned["filed_to"],
            outcomes=tuple(cleaned["outcome"]),
            root_causes=tuple(cleaned["root_cause"]),
            merchant_id=self.merchant_id,
        )

    def chosen(self, name: str) -> list[str]:
        """Return the values of a filter as they were given, each once and none of them empty; every status is `all`."""
        values = list(dict.fromkeys(value for value in (each.strip() for each in self.given.getlist(name)) if value))
        return [ALL] if name == "status" and (ALL in values or set(values) == set(Status.values)) else values

    def kept(self) -> QueryDict:
        """Return the filters as an address holds them, without empty ones and without what is no filter."""
        return self._kept.copy()

    @cached_property
    def _kept(self) -> QueryDict:
        query = QueryDict(mutable=True)
        for name in self.fields:
            if name in self.given and (values := self.chosen(name)):
                query.setlist(name, values)
        return query

    def options(self, name: str) -> list[Option]:
        """Return the values that a filter with several of them offers, and whether each is chosen.

        Oneself is “me”, and stands under one's own name only where an address says so; all statuses are every one.
        """
        chosen = self.chosen(name)
        spare = {str(each.membership_id) for each in self.people if each.is_self} if name == "assignee" else {ALL}
        labels = labels_of(self._choices(name)).items()
        offered = [(value, label) for value, label in labels if value not in spare or value in set(chosen) - {ALL}]
        offered += [(value, value) for value in chosen if name == "due" and is_day(value)]
        return [Option(value, label, value in chosen or ALL in chosen) for value, label in offered]

    def chips(self) -> list[Chip]:
        """Return what is active, each with the filters that are left without it. One status alone is shown as a tab."""
        chips = []
        for name in self._kept:
            values = self.chosen(name)
            if name == "status" and (len(values) < 2 or ALL in values):
                continue
            for value in values:
                query = self.kept()
                query.setlist(name, [each for each in values if each != value])
                chips.append(Chip(self._words(name, value), query.urlencode()))
        return chips

    def _words(self, name: str, value: str) -> str:
        field = self.fields[name]
        labels = labels_of(field) if isinstance(field, forms.ChoiceField) else {}
        return gettext("%(filter)s: %(value)s") % {"filter": field.label, "value": labels.get(value, value)}

    def left_out(self) -> Iterator[tuple[str, str]]:
        """Go through what the address names and this list does not have: filters, and values of filters."""
        for name in self.given:
            if name not in self.fields:
                if name not in BESIDE_FILTERS:
                    yield name, ""
            elif name in self.errors:
                field, values = self.fields[name], self.chosen(name)
                yield from (
                    (name, value) for value in (field.unknown(values) if isinstance(field, ValuesField) else values)
                )


# Each form chooses among people and programs of its own; the other fields are the same for all of them.
FilterForm.base_fields = SharedFields(FilterForm.base_fields, changed=("assignee", "mini_program"))


@written
def programs_of(merchant_id: int) -> QuerySet[MiniProgram]:
    """Return a merchant's mini programs by name."""
    return MiniProgram.objects.filter(merchant_id=merchant_id).order_by("name", "pk")


GONE = {"assignee": gettext_lazy("a member who is gone"), "mini_program": gettext_lazy("a mini program that is gone")}


def opened(given: QueryDict, *, actor: Actor) -> tuple[FilterForm, list[str]]:
    """Read filters that may be old: return the form of what still means something, and in words what was left out."""
    form = FilterForm(given, actor=actor)
    left_out = list(form.left_out())
    if not left_out:
        return form, []
    words = []
    query = form.kept()
    for name, value in left_out:
        query.setlist(name, [each for each in query.getlist(name) if each != value])
        label = str(form.fields[name].label) if name in form.fields else name
        shown = str(GONE.get(name, value))
        words.append(gettext("%(filter)s: %(value)s") % {"filter": label, "value": shown} if shown else label)
    return FilterForm(query, actor=actor, beside=form), list(dict.fromkeys(words))
