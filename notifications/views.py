"""Pages about notices: the list behind the bell, and what each member chooses."""

import re
from http import HTTPMethod

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import BadInput, PortalError
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page
from notifications import bell, feeds
from notifications.choices import choice_of, choose
from notifications.forms import ChoiceForm
from notifications.letters import trouble_of

NUMBER = re.compile(r"[0-9]{1,19}")
HIGHEST = 2**63 - 1


@require_safe
@member_page(Grant.VIEW)
def notice_list(request: MemberRequest) -> HttpResponse:
    """Show what the member chose to be told, the newest first."""
    member = request.memberships[0]
    choice = choice_of(member.pk)
    page, told = bell.notices_page(member, choice, now=request.now, cursor=request.GET.get("cursor", ""))
    context = {
        "page": page,
        "told": told,
        "newest": told[0].notice.pk if told and not page.previous else 0,
        "has_new": any(each.is_new for each in told),
        "hears_nothing": not choice.bell_kinds,
    }
    return render(request, "notices/list.html", context)


@require_POST
@member_page(Grant.VIEW)
def mark_read(request: MemberRequest) -> HttpResponse:
    """Note that all notices up to the newest one that was shown are read."""
    up_to = request.POST.get("up_to", "")
    if not NUMBER.fullmatch(up_to) or int(up_to) > HIGHEST:
        raise BadInput(_("Open the list of notices again."), field="up_to")
    bell.mark_read(int(up_to), actor=request.actor)
    return redirect("notices:list")


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.VIEW)
def choices(request: MemberRequest) -> HttpResponse:
    """Show and keep what the member wants to be told, and how."""
    member = request.memberships[0]
    choice = choice_of(member.pk)
    form = ChoiceForm(
        request.POST if request.method == HTTPMethod.POST else None, choice=choice, grants=request.actor.grants
    )
    status = 400 if form.errors else 200
    if request.method == HTTPMethod.POST and form.is_valid():
        try:
            choose(**form.cleaned_data, actor=request.actor, now=request.now)
        except PortalError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            status = refusal.status
        else:
            messages.success(request, _("Your choice was saved."))
            return redirect("settings:notices")
    context = {
        "form": form,
        "link": feeds.link_of(choice),
        "trouble": trouble_of(member.pk),
        "address": member.user.email,
    }
    return render(request, "settings/notices.html", context, status=status)


@require_POST
@member_page(Grant.VIEW)
def calendar_link(request: MemberRequest) -> HttpResponse:
    """Make, renew or end the link to the member's calendar; `do` says which."""
    match request.POST.get("do"):
        case "make":
            feeds.make_link(actor=request.actor)
            messages.success(request, _("Here is the link to your calendar. Links that you had before are dead."))
        case "end":
            feeds.end_link(actor=request.actor)
            messages.success(request, _("The link to your calendar opens nothing any more."))
        case _anything_else:
            raise BadInput(_("Choose whether to make the link or to end it."), field="do")
    return redirect("settings:notices")
