"""Find who takes part: by the names that people use, and as lists for the pages about members."""

from django.utils.translation import gettext_lazy as _

from common.errors import BadInput
from common.keyset import Page, Segment, keyset_page
from merchants.models import AccessRequest, Invitation, MemberLine, Membership, Merchant, Platform
from merchants.team import open_invitations

MEMBERS_A_PAGE = 50
SHOWN = 50
"""So many open invitations and requests stand on the page at once; the others follow when these are dealt with."""


def platform_called(code: str) -> Platform:
    """Return the platform with this code. Refuses an unknown one, and names those that there are."""
    platform = Platform.objects.filter(code=code).first()
    if platform is None:
        known = list(Platform.objects.order_by("code").values_list("code", flat=True)[:10])
        raise BadInput(
            _("There is no platform “%(code)s”. Known are: %(known)s.")
            % {"code": code, "known": ", ".join(known) or "–"},
            field="platform",
        )
    return platform


def merchant_called(platform: Platform, name: str) -> Merchant:
    """Return the platform's merchant of this name. Refuses an unknown one."""
    merchant = Merchant.objects.filter(platform=platform, name=name).first()
    if merchant is None:
        raise BadInput(
            _("Platform “%(code)s” has no merchant “%(name)s”.") % {"code": platform.code, "name": name},
            field="merchant",
        )
    return merchant


def members_page(merchant_id: int, *, cursor: str = "") -> Page[Membership]:
    """Return a page of a merchant's members, account administrators first, in the order in which they joined."""
    members = Membership.objects.filter(merchant_id=merchant_id).select_related("user")
    segments = [Segment(members.filter(is_administrator=first), "id") for first in (True, False)]
    return keyset_page(segments, cursor=cursor, size=MEMBERS_A_PAGE)


def invitations_shown(merchant_id: int) -> list[Invitation]:
    """Return the open invitations, the oldest first, and one more than are shown when there are more."""
    invitations = open_invitations(merchant_id).select_related("invited_by")
    return list(invitations.order_by("invited_at", "pk")[: SHOWN + 1])


def requests_shown(merchant_id: int) -> list[AccessRequest]:
    """Return the requests for access that wait, the oldest first, and one more than are shown when there are more."""
    requests = AccessRequest.objects.filter(membership__merchant_id=merchant_id, decided_at=None)
    return list(requests.select_related("membership__user").order_by("asked_at", "pk")[: SHOWN + 1])


def lines_page(merchant_id: int, *, cursor: str = "") -> Page[MemberLine]:
    """Return a page of what was changed about members, the newest first."""
    return keyset_page([Segment(MemberLine.objects.filter(merchant_id=merchant_id), "-at")], cursor=cursor)


def latest_request(membership_id: int, grant: str) -> AccessRequest | None:
    """Return what a member last asked for this grant, decided or not."""
    requests = AccessRequest.objects.filter(membership_id=membership_id, grant=grant).select_related("decided_by")
    return requests.order_by("-pk").first()
