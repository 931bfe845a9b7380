"""What members choose about notices, and what a robot is told to be."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from notifications.models import HOURS, Kind, NoticeChoice, Robot, kinds_for
from notifications.robots import KINDS, NAME_LIMIT, SECRET_LIMIT, URL_LIMIT

HOUR_NAMES = [(hour, f"{hour:02d}:00") for hour in HOURS]


def _hour(text: str) -> int | None:
    return int(text) if text else None


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of notice with its two boxes."""

    value: str
    label: str
    in_page: bool
    by_mail: bool


class ChoiceForm(forms.Form):
    """Which kinds of notices a member wants in the page and by mail, and when mails may come."""

    bell_kinds = forms.MultipleChoiceField(label=_("In the page"), required=False)
    mail_kinds = forms.MultipleChoiceField(label=_("By mail"), required=False)
    mail = forms.ChoiceField(
        label=_("Mails"),
        choices=[(value, capfirst(label)) for value, label in NoticeChoice.Mail.choices],
        widget=forms.RadioSelect,
    )
    digest_hour = forms.TypedChoiceField(label=_("Hour of the daily mail"), choices=HOUR_NAMES, coerce=int)
    quiet_from = forms.TypedChoiceField(
        label=_("No mail from"), choices=[("", "–"), *HOUR_NAMES], coerce=_hour, required=False, empty_value=None
    )
    quiet_to = forms.TypedChoiceField(
        label=_("until"), choices=[("", "–"), *HOUR_NAMES], coerce=_hour, required=False, empty_value=None
    )

    def __init__(self, data: Any, *, choice: NoticeChoice, grants: Collection[str]) -> None:
        fields = ("bell_kinds", "mail_kinds", "mail", "digest_hour", "quiet_from", "quiet_to")
        super().__init__(data, initial={name: getattr(choice, name) for name in fields})
        self.kinds = kinds_for(grants)
        named = [(kind, Kind(kind).label) for kind in self.kinds]
        for name in ("bell_kinds", "mail_kinds"):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 (tells the type checker)
            field.choices = named

    def rows(self) -> Iterator[Row]:
        """Yield the table of kinds, as it was chosen or sent."""
        in_page, by_mail = (set(self[name].value() or ()) for name in ("bell_kinds", "mail_kinds"))
        for kind in self.kinds:
            yield Row(kind, str(Kind(kind).label), kind in in_page, kind in by_mail)


class RobotForm(forms.Form):
    """A robot of a chat group. What is kept of its address and its secret is never shown again."""

    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_LIMIT,
        help_text=_("How you tell it apart, such as the name of the group."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    product = forms.ChoiceField(label=_("Product"), choices=Robot.Product.choices, widget=forms.RadioSelect)
    url = forms.CharField(
        label=_("Webhook address"),
        max_length=URL_LIMIT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url", "spellcheck": "false"}),
    )
    secret = forms.CharField(
        label=_("Signing secret"),
        max_length=SECRET_LIMIT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    forget_secret = forms.BooleanField(label=_("The robot has no secret any more"), required=False)
    kinds = forms.MultipleChoiceField(
        label=_("Tells of"),
        choices=[(kind, capfirst(Kind(kind).label)) for kind in KINDS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES, widget=forms.RadioSelect)

    def __init__(self, data: Any, *, robot: Robot | None = None, language: str = "") -> None:
        start = robot or Robot(product=Robot.Product.FEISHU, language=language)
        fields = ("name", "product", "kinds", "language")
        super().__init__(data, initial={name: getattr(start, name) for name in fields})
        self.has_secret = bool(robot and robot.secret)
        self.fields["url"].help_text = (
            _("Leave it empty to keep the address that is there.")
            if robot
            else _(
                "As the chat product shows it when you add a custom robot to a group. Whoever has it can write there."
            )
        )
        self.fields["secret"].help_text = (
            _("Leave it empty to keep the secret that is there.")
            if self.has_secret
            else _("For Feishu and DingTalk, when the robot asks for signed messages.")
        )
        if not self.has_secret:
            del self.fields["forget_secret"]
