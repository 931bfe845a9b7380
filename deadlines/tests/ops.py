"""What tests about ops share: people who may control the sweeps, and one who may not."""

from django.contrib.auth.models import Permission

from common.actors import Actor, ActorKind
from complaints.tests.factories import make_user
from deadlines.control import PERMISSION
from merchants.models import User


def make_ops(username: str) -> User:
    """A person of the staff who may control the sweeps."""
    user = make_user(username, first_name=username.title(), is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="control_sweeps"))
    return user


def ops(username: str = "wang") -> Actor:
    """The same, as an actor."""
    user = make_ops(username)
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset({PERMISSION}))


def nobody_special() -> Actor:
    """Staff without the permission."""
    user = make_user(is_staff=True)
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk)
