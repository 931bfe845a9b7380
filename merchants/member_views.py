"""Pages about the members of a merchant: who works there, what each may do, whom to invite, and who asks for more."""

from http import HTTPMethod
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import BadInput, Conflict, IllegalMove, PortalError
from common.way_back import way_back
from merchants import team
from merchants.forms import InvitationForm, PermissionsForm
from merchants.models import AccessRequest, Grant, Invitation, Membership
from merchants.pages import MemberRequest, member_page
from merchants.queries import SHOWN, invitations_shown, lines_page, members_page, requests_shown

NOT_NOW = (Conflict, IllegalMove)
"""Somebody was quicker: the page that one comes from shows how things are, with the sentence above it."""

GRANTED = gettext_lazy("%(name)s now has the permission to %(grant)s.")
DECLINED = gettext_lazy("Declined: %(name)s does not get the permission to %(grant)s.")


@require_safe
@member_page(Grant.MEMBERS)
def member_list(request: MemberRequest) -> HttpResponse:
    """Show who works here, who is invited, and who asks for more."""
    own = request.memberships[0]
    invitations, requests = invitations_shown(request.merchant.pk), requests_shown(request.merchant.pk)
    context = {
        "page": members_page(request.merchant.pk, cursor=request.GET.get("cursor", "")),
        "own": own,
        "invitations": [(each, team.may_touch(own, each), team.may_give(own, each)) for each in invitations[:SHOWN]],
        "more_invitations": len(invitations) > SHOWN,
        "requests": requests[:SHOWN],
        "more_requests": len(requests) > SHOWN,
        "may_give": own.effective_grants,
        "shown": SHOWN,
        "now": request.now,
    }
    return render(request, "merchants/members.html", context)


@require_safe
@member_page(Grant.MEMBERS)
def history(request: MemberRequest) -> HttpResponse:
    """Show every change of members, the newest first."""
    page = lines_page(request.merchant.pk, cursor=request.GET.get("cursor", ""))
    return render(request, "merchants/history.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.MEMBERS)
def invite(request: MemberRequest) -> HttpResponse:
    """Invite somebody by mail."""
    own = request.memberships[0]
    form = InvitationForm(request.POST or None, giver=own, initial={"language": get_language(), "grants": [Grant.VIEW]})
    if request.method == HTTPMethod.POST and form.is_valid():
        given = form.cleaned_data
        try:
            invitation = team.invite(
                request.merchant.pk,
                given["email"],
                grants=given["grants"],
                is_administrator=given["is_administrator"],
                language=given["language"],
                actor=request.actor,
                now=request.now,
            )
        except PortalError as refusal:
            return _refused(request, "merchants/invite.html", form, refusal, {})
        messages.success(
            request, _("The invitation of %(address)s is on its way by mail.") % {"address": invitation.email}
        )
        return redirect("members:list")
    return render(request, "merchants/invite.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.MEMBERS)
def member(request: MemberRequest, member_id: int) -> HttpResponse:
    """Show what a member may do, and change it."""
    own, about = request.memberships[0], _member(request, member_id)
    form = PermissionsForm(request.POST if request.method == HTTPMethod.POST else None, giver=own, member=about)
    context = {"about": about, "own": own, "may_touch": team.may_touch(own, about)}
    if request.method == HTTPMethod.POST and form.is_valid():
        given = form.cleaned_data
        try:
            team.change_member(
                about.pk,
                grants=[*given["grants"], *form.beyond],
                is_administrator=given["is_administrator"],
                actor=request.actor,
                now=request.now,
            )
        except PortalError as refusal:
            return _refused(request, "merchants/member.html", form, refusal, context)
        messages.success(request, _("What %(name)s may do was changed.") % {"name": about.user})
        return redirect("members:list")
    return render(request, "merchants/member.html", {"form": form, **context}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.MEMBERS)
def remove(request: MemberRequest, member_id: int) -> HttpResponse:
    """Ask once more, and remove a member."""
    own, about = request.memberships[0], _member(request, member_id)
    if request.method == HTTPMethod.POST:
        try:
            team.remove_member(about.pk, actor=request.actor, now=request.now)
        except NOT_NOW as refusal:
            messages.error(request, str(refusal))
            return redirect("members:list")
        messages.success(request, _("%(name)s no longer works here.") % {"name": about.user})
        return redirect("home" if about.pk == own.pk else "members:list")
    invitations = team.open_invitations(request.merchant.pk).filter(invited_by=about.user).count()
    context = {"about": about, "own": own, "may_touch": team.may_touch(own, about), "invitations": invitations}
    return render(request, "merchants/remove.html", context)


@require_POST
@member_page(Grant.MEMBERS)
def renew(request: MemberRequest, invitation_id: int) -> HttpResponse:
    """Send an invitation again."""
    invitation = _invitation(request, invitation_id)
    try:
        team.renew(invitation.pk, actor=request.actor, now=request.now)
    except NOT_NOW as refusal:
        messages.error(request, str(refusal))
    else:
        sentence = _("The invitation of %(address)s goes out again, with a new link. The link before is dead.")
        messages.success(request, sentence % {"address": invitation.email})
    return redirect("members:list")


@require_POST
@member_page(Grant.MEMBERS)
def withdraw(request: MemberRequest, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation."""
    invitation = _invitation(request, invitation_id)
    try:
        team.withdraw(invitation.pk, actor=request.actor, now=request.now)
    except NOT_NOW as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The invitation of %(address)s was withdrawn.") % {"address": invitation.email})
    return redirect("members:list")


@require_POST
@member_page(Grant.MEMBERS)
def decide(request: MemberRequest, request_id: int) -> HttpResponse:
    """Grant or decline what a member asked for; `answer` says which."""
    requests = AccessRequest.objects.filter(membership__merchant=request.merchant)
    asked = get_object_or_404(requests.select_related("membership__user"), pk=request_id)
    answers = {"grant": True, "decline": False}
    if request.POST.get("answer") not in answers:
        raise BadInput(_("Choose whether to grant or to decline."), field="answer")
    granted = answers[request.POST["answer"]]
    words = {"name": asked.membership.user, "grant": asked.get_grant_display()}
    try:
        team.decide_access(asked.pk, granted=granted, actor=request.actor, now=request.now)
    except NOT_NOW as refusal:
        messages.error(request, str(refusal))
    else:
        sentence = GRANTED if granted else DECLINED
        messages.success(request, str(sentence) % words)
    return redirect("members:list")


@require_POST
@member_page(None)
def ask(request: MemberRequest) -> HttpResponse:
    """Ask the account administrators for a grant, and go back to where it was missing."""
    try:
        team.ask_access(
            request.merchant.pk,
            request.POST.get("grant", ""),
            note=request.POST.get("note", "").replace("\0", ""),
            actor=request.actor,
            now=request.now,
        )
    except IllegalMove as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(request, _("Your account administrators see your request and can grant it with one click."))
    return redirect(way_back(request))


def _refused(
    request: MemberRequest, template: str, form: Any, refusal: PortalError, context: dict[str, Any]
) -> HttpResponse:
    """Show the form again with what the verb said; everything that was typed is kept."""
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    return render(request, template, {"form": form, **context}, status=refusal.status)


def _member(request: MemberRequest, member_id: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=member_id, merchant=request.merchant)


def _invitation(request: MemberRequest, invitation_id: int) -> Invitation:
    return get_object_or_404(Invitation, pk=invitation_id, merchant=request.merchant)
