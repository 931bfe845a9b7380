"""Who works for a merchant, and what they may do: invite, accept, change, remove; ask for a grant, and decide.

Nobody hands out more than they have: only an account administrator makes another, and a member with the grant to manage
members gives the grants that are their own. A merchant always keeps an account administrator. Whoever is removed takes
along the open invitations that they sent.
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from merchants.models import AccessRequest, Grant, Invitation, MemberLine, Membership, Merchant, User
from merchants.services import create_user

SALT = "merchants.invitation"
INVITATION_LASTS = timedelta(days=7)
NOTE_LIMIT = 300
ADDRESS_LIMIT = ABOUT_LIMIT = 254
NAME_LIMIT = 200
USERNAME_LIMIT = 150
"""As long as their columns: a line of history is cut rather than lost with what it tells."""


@transaction.atomic
def invite(
    merchant_id: int,
    email: str,
    *,
    grants: Collection[str],
    is_administrator: bool = False,
    language: str,
    actor: Actor,
    now: datetime,
) -> Invitation:
    """Invite somebody by mail. An open invitation of the same address is replaced: only the newest link opens.

    Refuses: whoever may not manage members, more than they may give, no address, and somebody who is a member already.
    """
    merchant = _lock(merchant_id)
    inviter = _require(actor, merchant_id)
    wanted = _given(inviter, grants, is_administrator)
    address = _address(email)
    if Membership.objects.filter(merchant_id=merchant_id, user__email__iexact=address).exists():
        raise BadInput(_("This person works for %(merchant)s already.") % {"merchant": merchant}, field="email")
    before = open_invitations(merchant_id).filter(email__iexact=address).first()
    if before is not None:
        _refuse_above(inviter, before)
    invitation = before or Invitation(merchant=merchant, email=address, version=0)
    invitation.grants, invitation.is_administrator, invitation.language = wanted, is_administrator, language
    invitation.invited_by_id, invitation.invited_at = _person(actor), now
    _mail_anew(invitation, now=now)
    _write(merchant_id, "invite", address, actor=actor, now=now, grants=wanted, is_administrator=is_administrator)
    return invitation


@transaction.atomic
def renew(invitation_id: int, *, actor: Actor, now: datetime) -> Invitation:
    """Send an invitation again with a new link and its whole time; the link before is dead.

    Refuses whoever could not give what it gives, and an invitation that was used or withdrawn.
    """
    invitation, renewer = _lock_invitation(invitation_id, actor)
    _given(renewer, invitation.grants, invitation.is_administrator)
    invitation.invited_by_id = _person(actor)
    _mail_anew(invitation, now=now)
    _write(invitation.merchant_id, "renew", invitation.email, actor=actor, now=now)
    return invitation


@transaction.atomic
def withdraw(invitation_id: int, *, actor: Actor, now: datetime) -> Invitation:
    """Withdraw an invitation: its link opens nothing from now on. Refuses one that was used or withdrawn."""
    invitation, withdrawer = _lock_invitation(invitation_id, actor)
    _refuse_above(withdrawer, invitation)
    _withdraw(invitation, actor=actor, now=now)
    return invitation


def token_of(invitation: Invitation) -> str:
    """Return what the link carries. Who has it may join, so it goes into the mail and nowhere else."""
    return signing.dumps([invitation.pk, invitation.version], salt=SALT)


def opened(token: str, *, now: datetime) -> Invitation:
    """Return the invitation that a link opens. Refuses one that is altered, replaced, used, withdrawn or over."""
    try:
        number, version = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadInput(
            _("This link is not whole. Open it from the mail again, or copy all of it."), code="bad_link"
        ) from None
    invitation = Invitation.objects.select_related("merchant", "invited_by").filter(pk=number).first()
    if invitation is None or invitation.withdrawn_at is not None:
        raise IllegalMove(_("This invitation was withdrawn. Ask whoever invited you."), code="withdrawn")
    if invitation.accepted_at is not None:
        raise IllegalMove(_("This invitation was used already. Sign in with the account that used it."), code="used")
    if invitation.version != version:
        raise IllegalMove(_("A newer invitation was sent to you; open the link in the latest mail."), code="replaced")
    if now > invitation.expires_at:
        raise IllegalMove(
            _("This invitation has expired. Ask %(name)s to send it again.") % {"name": invitation.invited_by},
            code="expired",
        )
    return invitation


@transaction.atomic
def accept(token: str, user: User, *, now: datetime) -> Membership:
    """Join with an invitation. Refuses what `opened` refuses, and somebody who works for this merchant already."""
    merchant_id = opened(token, now=now).merchant_id
    _lock(merchant_id)
    invitation = opened(token, now=now)
    if user.is_staff:
        raise NotAllowed(_("Support staff cannot work for a merchant. Sign in with another account."))
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                merchant_id=merchant_id,
                user=user,
                is_administrator=invitation.is_administrator,
                grants=invitation.grants,
            )
    except IntegrityError as error:
        raise IllegalMove(
            _("You work for %(merchant)s already.") % {"merchant": invitation.merchant}, code="member"
        ) from error
    invitation.accepted_at, invitation.accepted_by, invitation.mail_at = now, user, None
    invitation.save(update_fields=["accepted_at", "accepted_by", "mail_at"])
    joined = Actor(kind=ActorKind.MEMBER, name=str(user), id=user.pk, merchant_id=merchant_id)
    _write(merchant_id, "accept", str(user), actor=joined, now=now, email=invitation.email)
    return membership


@transaction.atomic
def join_anew(token: str, *, name: str, password: str, language: str, now: datetime) -> User:
    """Make an account with the address of the invitation and join with it. The password was looked at before.

    Refuses what `opened` refuses, and an address that has an account: its owner signs in instead.
    """
    _lock(opened(token, now=now).merchant_id)
    invitation = opened(token, now=now)
    if has_account(invitation.email):
        raise IllegalMove(_("There is an account with this address already. Sign in with it."), code="has_account")
    user = create_user(_free_username(invitation.email), password, email=invitation.email)
    user.last_name, user.language = name, language
    user.save(update_fields=["last_name", "language"])
    accept(token, user, now=now)
    return user


def has_account(email: str) -> bool:
    """Say whether somebody can sign in with this address."""
    return User.objects.filter(email__iexact=email).exists()


@transaction.atomic
def change_member(
    membership_id: int, *, grants: Collection[str], is_administrator: bool, actor: Actor, now: datetime
) -> Membership:
    """Change what a member may do.

    Refuses: whoever may not manage members, more than they may give or take, and the last account administrator.
    """
    member, changer = _lock_member(membership_id, actor)
    _refuse_above(changer, member)
    if member.is_administrator and not is_administrator:
        _refuse_last(member)
    kept = set(member.grants) - changer.effective_grants  # what the changer cannot give they cannot take away either
    wanted = sorted({*_given(changer, set(grants) - kept, is_administrator), *kept})
    before = {"grants": sorted(member.grants), "is_administrator": member.is_administrator}
    after = {"grants": wanted, "is_administrator": is_administrator}
    if before == after:
        return member
    member.grants, member.is_administrator = wanted, is_administrator
    member.save(update_fields=["grants", "is_administrator"])
    member.requests.filter(decided_at=None, grant__in=member.effective_grants).update(
        decided_at=now, decided_by_id=_person(actor), is_granted=True
    )
    _write(member.merchant_id, "change", str(member.user), actor=actor, now=now, before=before, after=after)
    return member


@transaction.atomic
def remove_member(membership_id: int, *, actor: Actor, now: datetime) -> None:
    """Let somebody work for the merchant no longer. What they did stays in the history under their name.

    The open invitations that they sent are withdrawn. Refuses whoever may not manage members, an account administrator
    to everybody but another one, and the last account administrator.
    """
    member, remover = _lock_member(membership_id, actor)
    _refuse_above(remover, member)
    if member.is_administrator:
        _refuse_last(member)
    # Whoever is giving them a complaint at this moment is waited for: it becomes nobody's, like those before it.
    Membership.objects.select_for_update().get(pk=member.pk)
    for invitation in open_invitations(member.merchant_id).filter(invited_by=member.user):
        _withdraw(invitation, actor=actor, now=now)
    _write(member.merchant_id, "remove", str(member.user), actor=actor, now=now, email=member.user.email)
    member.delete()


@transaction.atomic
def ask_access(merchant_id: int, grant: str, *, note: str = "", actor: Actor, now: datetime) -> AccessRequest:
    """Ask the account administrators for a grant; asked twice it is one request. Refuses one that is there already."""
    membership = (
        Membership.objects.select_for_update(no_key=True, of=("self",))
        .select_related("user")
        .filter(merchant_id=merchant_id, user_id=_person(actor))
        .first()
    )
    if membership is None or actor.kind != ActorKind.MEMBER:
        raise NotAllowed(_("You do not belong to this merchant."))
    if grant not in Grant.values:
        raise BadInput(_("This permission does not exist."), field="grant")
    if grant in membership.effective_grants:
        raise IllegalMove(_("You have this permission already. Open the page again."), code="has_it")
    if len(note) > NOTE_LIMIT:
        raise BadInput(_("Keep the note to %(limit)d characters.") % {"limit": NOTE_LIMIT}, field="note")
    request, is_new = AccessRequest.objects.get_or_create(
        membership=membership, grant=grant, decided_at=None, defaults={"note": note.strip(), "asked_at": now}
    )
    if is_new:
        _write(merchant_id, "ask", str(membership.user), actor=actor, now=now, grant=grant)
    return request


@transaction.atomic
def decide_access(request_id: int, *, granted: bool, actor: Actor, now: datetime) -> AccessRequest:
    """Grant or decline what a member asked for. Refuses whoever may not give it, and a request that was decided."""
    requests = AccessRequest.objects.filter(pk=request_id)
    merchant_id = requests.values_list("membership__merchant_id", flat=True).first()
    if merchant_id is None:
        raise _removed()
    _lock(merchant_id)
    decider = _require(actor, merchant_id)
    request = requests.select_related("membership__user", "decided_by").first()
    if request is None:
        raise _removed()
    if request.decided_at is not None:
        raise Conflict(_("%(name)s decided this already.") % {"name": request.decided_by}, code="decided_already")
    member = request.membership
    if granted and request.grant not in member.effective_grants:
        member.grants = sorted({*member.grants, *_given(decider, [request.grant], is_administrator=False)})
        member.save(update_fields=["grants"])
    request.decided_at, request.decided_by_id, request.is_granted = now, _person(actor), granted
    request.save(update_fields=["decided_at", "decided_by", "is_granted"])
    verb = "grant" if granted else "decline"
    _write(merchant_id, verb, str(member.user), actor=actor, now=now, grant=request.grant)
    return request


def open_invitations(merchant_id: int) -> QuerySet[Invitation]:
    """Return the invitations that were neither used nor withdrawn, those that have expired among them."""
    return Invitation.objects.filter(merchant_id=merchant_id, accepted_at=None, withdrawn_at=None)


def may_manage(actor: Actor, merchant_id: int) -> bool:
    """Say whether members of this merchant are this actor's to manage."""
    return actor.kind == ActorKind.MEMBER and actor.merchant_id == merchant_id and Grant.MEMBERS in actor.grants


def _lock(merchant_id: int) -> Merchant:
    """Lock the merchant: whoever changes its members waits for whoever does so already."""
    return Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)


def _require(actor: Actor, merchant_id: int) -> Membership:
    """Return the membership with which this actor manages members, as it is now; refuse whoever may not."""
    own = Membership.objects.filter(merchant_id=merchant_id, user_id=_person(actor)).first()
    if not may_manage(actor, merchant_id) or own is None or Grant.MEMBERS not in own.effective_grants:
        raise NotAllowed(_("You may not manage members. Ask an account administrator to grant it to you."))
    return own


def _person(actor: Actor) -> int:
    if actor.id is None:
        raise NotAllowed(_("Only a person may do this."))
    return actor.id


def may_give(giver: Membership, invitation: Invitation) -> bool:
    """Say whether somebody has all that an invitation gives, so that they may send it."""
    return may_touch(giver, invitation) and set(invitation.grants) <= giver.effective_grants


def _given(giver: Membership, grants: Collection[str], is_administrator: bool) -> list[str]:
    """Return the grants in order. Refuses unknown ones, and what the giver does not have."""
    if not set(grants) <= set(Grant.values):
        raise BadInput(_("Choose permissions from the list."), field="grants")
    if is_administrator and not giver.is_administrator:
        raise NotAllowed(_("Only an account administrator can make another."))
    if not set(grants) <= giver.effective_grants:
        raise NotAllowed(_("You can give only permissions that you have yourself."))
    return sorted(set(grants))


def may_touch(changer: Membership, other: Membership | Invitation) -> bool:
    """Say whether somebody stands high enough to change or remove another, or the invitation of another."""
    return changer.is_administrator or not other.is_administrator


def _refuse_above(changer: Membership, other: Membership | Invitation) -> None:
    if not may_touch(changer, other):
        raise NotAllowed(_("Only an account administrator can change or remove another."))


def _refuse_last(member: Membership) -> None:
    others = Membership.objects.filter(merchant_id=member.merchant_id, is_administrator=True, user__is_active=True)
    if not others.exclude(pk=member.pk).exists():
        raise IllegalMove(
            _("%(name)s is the last account administrator. Make somebody else one first.") % {"name": member.user},
            code="last_administrator",
        )


def _lock_member(membership_id: int, actor: Actor) -> tuple[Membership, Membership]:
    """Lock the merchant, and return the member and the membership of whoever acts."""
    members = Membership.objects.filter(pk=membership_id)
    merchant_id = members.values_list("merchant_id", flat=True).first()
    if merchant_id is None:
        raise _removed()
    _lock(merchant_id)
    changer = _require(actor, merchant_id)
    member = members.select_related("user").first()
    if member is None:
        raise _removed()
    return member, changer


def _removed() -> Conflict:
    return Conflict(_("This member was removed meanwhile."), code="removed")


def _lock_invitation(invitation_id: int, actor: Actor) -> tuple[Invitation, Membership]:
    """Lock the merchant, and return the open invitation and the membership of whoever acts."""
    merchant_id = Invitation.objects.values_list("merchant_id", flat=True).get(pk=invitation_id)
    _lock(merchant_id)
    own = _require(actor, merchant_id)
    invitation = open_invitations(merchant_id).filter(pk=invitation_id).first()
    if invitation is None:
        raise IllegalMove(_("This invitation was used or withdrawn meanwhile."))
    return invitation, own


def _withdraw(invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    invitation.withdrawn_at, invitation.mail_at = now, None
    invitation.save(update_fields=["withdrawn_at", "mail_at"])
    _write(invitation.merchant_id, "withdraw", invitation.email, actor=actor, now=now)


def _mail_anew(invitation: Invitation, *, now: datetime) -> None:
    invitation.version += 1
    invitation.expires_at = now + INVITATION_LASTS
    invitation.mail_at, invitation.mailed_at, invitation.mail_failures = now, None, 0
    invitation.save()


def _address(email: str) -> str:
    address = email.strip()
    try:
        validate_email(address)
    except ValidationError as error:
        raise BadInput(_("Give a mail address, such as name@example.com."), field="email") from error
    if len(address) > ADDRESS_LIMIT:
        raise BadInput(_("Keep the address to %(limit)d characters.") % {"limit": ADDRESS_LIMIT}, field="email")
    return address


def _free_username(email: str) -> str:
    """Return the address as a username; one that is made up where the address cannot be one, or is taken."""
    fits = len(email) <= USERNAME_LIMIT and not User.objects.filter(username__iexact=email).exists()
    try:
        User.username_validator(email)
    except ValidationError:
        fits = False
    return email if fits else f"member-{secrets.token_hex(6)}"


def _write(merchant_id: int, verb: str, about: str, *, actor: Actor, now: datetime, **detail: Any) -> None:
    MemberLine.objects.create(
        merchant_id=merchant_id,
        verb=verb,
        about=about[:ABOUT_LIMIT],
        actor_id=actor.id,
        actor_name=actor.name[:NAME_LIMIT],
        at=now,
        detail=detail,
    )
