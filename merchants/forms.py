"""What people type to sign in and to join, and what they tick for members."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm
from allauth.core import context, ratelimit
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.utils.functional import Promise, lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from merchants.models import Grant, Membership, User
from merchants.team import ADDRESS_LIMIT
from merchants.wording import ALLOWS, grant_words, listed


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """The form of allauth, whose first field says what to type."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        login = self.fields["login"]
        login.label = _("Username or email")
        login.widget.attrs["autocomplete"] = "username"
        for name in ("login", "password"):
            self.fields[name].widget.attrs.pop("placeholder", None)  # it says what the label says


class CountsCodes:
    """Counts the wrong codes for one person, from wherever they come, and for a while takes none after too many.

    allauth counts for each address only, as is right for passwords: whoever knows a password and asks from many
    addresses would come upon the six digits in the end.
    """

    user: User

    def clean_code(self) -> str:
        counted = {"action": "second_factor", "key": f"second-factor-{self.user.pk}"}
        if not ratelimit.consume(context.request, **counted):
            raise get_adapter().validation_error("too_many_login_attempts")
        code: str = super().clean_code()  # type: ignore[misc]  # of the form that this is mixed into
        ratelimit.clear(context.request, **counted)
        return code


class CodeForm(CountsCodes, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code of the second factor, when somebody signs in."""


class CodeAgainForm(CountsCodes, ReauthenticateForm):  # type: ignore[misc]  # as above
    """The code of the second factor, when somebody shows once more who they are."""


@dataclass(frozen=True, slots=True)
class Box:
    """A grant as a box to tick, with the sentence on what it allows."""

    value: str
    label: str
    hint: str | Promise
    is_ticked: bool


class GrantsForm(forms.Form):
    """What somebody may do, as far as the giver may give it."""

    is_administrator = forms.BooleanField(
        label=gettext_lazy("Account administrator"),
        required=False,
        help_text=gettext_lazy("May do everything below, and makes or removes other account administrators."),
    )
    grants = forms.MultipleChoiceField(label=gettext_lazy("Permissions"), choices=Grant.choices, required=False)

    def __init__(self, *args: Any, giver: Membership, **options: Any) -> None:
        super().__init__(*args, **options)
        self.giver = giver

    def boxes(self) -> Iterator[Box]:
        """Yield the grants that the giver has, ticked as they were sent, or else as they are."""
        ticked = self["grants"].value() or ()
        for value, label in Grant.choices:
            if value in self.giver.effective_grants:
                yield Box(value, str(label), ALLOWS[value], value in ticked)


class InvitationForm(GrantsForm):
    """Whom to invite, and with which permissions."""

    email = forms.EmailField(
        label=gettext_lazy("Mail address"),
        max_length=ADDRESS_LIMIT,
        help_text=gettext_lazy("The link goes there and nowhere else, and opens once within seven days."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of the mail"), choices=settings.LANGUAGES, widget=forms.RadioSelect
    )


class PermissionsForm(GrantsForm):
    """What a member may do. `beyond` is what they have and the giver has not: it stays as it is."""

    def __init__(self, *args: Any, giver: Membership, member: Membership, **options: Any) -> None:
        initial = {"grants": member.grants, "is_administrator": member.is_administrator}
        super().__init__(*args, giver=giver, initial=initial, **options)
        self.beyond = [grant for grant in member.grants if grant not in giver.effective_grants]

    def beyond_words(self) -> str:
        """Return what stays as it is, in words."""
        return listed(grant_words(self.beyond))


def _rules() -> SafeString:
    return SafeString(password_validators_help_text_html())


class AccountForm(forms.Form):
    """A new account of somebody who was invited; its address is that of the invitation."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=150,
        help_text=gettext_lazy("As your colleagues know you. It stands beside everything that you do."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=lazy(_rules, SafeString)(),
    )
    once_more = forms.CharField(
        label=gettext_lazy("Password, once more"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """Refuse two passwords that differ, and one that is easy to guess."""
        given = super().clean() or {}
        password = given.get("password", "")
        if password and given.get("once_more") and password != given["once_more"]:
            self.add_error("once_more", _("The two passwords differ."))
        elif password:
            person = User(username=self.email, email=self.email, last_name=given.get("name", ""))
            try:
                validate_password(password, person)
            except ValidationError as weak:
                self.add_error("password", weak)
        return given
