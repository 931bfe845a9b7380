"""Members and the merchant for whom they act at the moment."""

from collections.abc import Sequence

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from common.actors import Actor, ActorKind
from common.written import written
from merchants.models import AccessRequest, Membership, User

SESSION_KEY = "merchant"


def memberships_of(request: HttpRequest) -> list[Membership]:
    """Return the places where the person who asks works, the one they act for at the moment first.

    Each has `waiting_requests`: how many members wait there for an answer. It costs every page no question of its own.
    """
    user = request.user
    if not isinstance(user, User) or not user.is_active or user.is_staff:
        return []
    chosen = request.session.get(SESSION_KEY)
    return sorted(_memberships(user.pk), key=lambda membership: membership.merchant_id != chosen)


@written
def _memberships(user_id: int) -> QuerySet[Membership]:
    waiting = AccessRequest.objects.filter(membership__merchant=OuterRef("merchant"), decided_at=None).order_by()
    counted = waiting.values("membership__merchant").annotate(number=Count("pk")).values("number")
    return (
        Membership.objects.filter(user_id=user_id)
        .select_related("merchant")
        .annotate(waiting_requests=Coalesce(Subquery(counted), 0))
        .order_by("pk")
    )


def page_actor(request: HttpRequest, memberships: Sequence[Membership]) -> Actor | None:
    """Return who asks for a page: staff, a member acting for the first of these merchants, or None."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_staff:
        return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset(user.get_all_permissions()))
    if not memberships:
        return Actor(kind=ActorKind.MEMBER, name=str(user), id=user.pk)
    return _acting(user, memberships[0])


def member_now(user_id: int, merchant_id: int) -> Actor | None:
    """Return a person as the member of a merchant that they are now; None when they are none any more.

    For what is done later in somebody's name: what they may do is looked up again.
    """
    memberships = Membership.objects.select_related("merchant", "user")
    found = memberships.filter(user_id=user_id, merchant_id=merchant_id, user__is_active=True, user__is_staff=False)
    membership = found.first()
    return _acting(membership.user, membership) if membership else None


def _acting(user: User, membership: Membership) -> Actor:
    return Actor(
        kind=ActorKind.MEMBER,
        name=str(user),
        id=user.pk,
        platform_id=membership.merchant.platform_id,
        merchant_id=membership.merchant_id,
        grants=membership.effective_grants,
    )


def administrators_of(merchant_id: int) -> list[User]:
    """Return the account administrators of a merchant, whom a member without a grant can ask."""
    return list(
        User.objects.filter(
            memberships__merchant_id=merchant_id, memberships__is_administrator=True, is_active=True
        ).order_by("pk")
    )
