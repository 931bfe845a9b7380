"""Members and the merchant for whom they act at the moment."""

from django.http import HttpRequest

from common.actors import Actor, ActorKind
from merchants.models import Membership, User

SESSION_KEY = "merchant"


def page_actor(request: HttpRequest) -> Actor | None:
    """Return who asks for a page: staff, a member of the merchant chosen in the session, or None."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_staff:
        return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk)
    membership = chosen_membership(user, request.session.get(SESSION_KEY))
    if membership is None:
        return Actor(kind=ActorKind.MEMBER, name=str(user), id=user.pk)
    return Actor(
        kind=ActorKind.MEMBER,
        name=str(user),
        id=user.pk,
        platform_id=membership.merchant.platform_id,
        merchant_id=membership.merchant_id,
        grants=membership.effective_grants,
    )


def chosen_membership(user: User, merchant_id: int | None) -> Membership | None:
    """Return the user's membership at this merchant, or else their first one."""
    memberships = list(Membership.objects.filter(user=user).select_related("merchant").order_by("pk"))
    return next(
        (each for each in memberships if each.merchant_id == merchant_id), memberships[0] if memberships else None
    )


def administrators_of(merchant_id: int) -> list[User]:
    """Return the account administrators of a merchant, whom a member without a grant can ask."""
    return list(
        User.objects.filter(
            memberships__merchant_id=merchant_id, memberships__is_administrator=True, is_active=True
        ).order_by("pk")
    )
