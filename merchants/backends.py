"""Who a session belongs to: looked up for every page, by a statement that is composed once."""

from allauth.account.auth_backends import AuthenticationBackend
from django.db.models import QuerySet

from common.written import written
from merchants.models import User


class PeopleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth says of no type what it is
    """People sign in as ever."""

    def get_user(self, user_id: int) -> User | None:
        """Return the person with this number, unless they are not let in any more."""
        return next((person for person in _people(user_id) if self.user_can_authenticate(person)), None)


@written
def _people(user_id: int) -> QuerySet[User]:
    return User.objects.filter(pk=user_id)
