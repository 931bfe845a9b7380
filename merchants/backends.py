"""Who signs in, and who a session belongs to: looked up for every page, by a statement that is composed once."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.db.models import QuerySet
from django.http import HttpRequest

from common.written import written
from merchants.models import User


class PeopleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth says of no type what it is
    """People sign in as ever, by their username or their mail address."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Return who signs in. One person's password is looked at once, however many ways lead to them.

        A wrong password would take twice as long for an address that somebody has than for one that nobody has, and so
        tell everybody which addresses have an account.
        """
        self._refused: set[int] = set()
        user: User | None = super().authenticate(request, **credentials)
        return user

    def _check_password(self, user: User | None, password: str) -> User | None:
        if user is None or user.pk in self._refused:
            return None
        found: User | None = super()._check_password(user, password)
        if found is None:
            self._refused.add(user.pk)
        return found

    def get_user(self, user_id: int) -> User | None:
        """Return the person with this number, unless they are not let in any more."""
        return next((person for person in _people(user_id) if self.user_can_authenticate(person)), None)


@written
def _people(user_id: int) -> QuerySet[User]:
    return User.objects.filter(pk=user_id)
