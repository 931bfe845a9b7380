"""Pages for whoever opens an invitation.

The link of the mail carries what lets one join, so it is taken out of the address at once: it is kept in the session,
and the page that is shown has an address that tells nobody anything.
"""

from http import HTTPMethod, HTTPStatus

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import BadInput, IllegalMove, NotAllowed, PortalError
from merchants import team
from merchants.forms import AccountForm
from merchants.members import SESSION_KEY
from merchants.models import Invitation, User
from merchants.wording import may_words

TOKEN_KEY = "invitation"  # noqa: S105 (where the session keeps it)
BACKEND = "merchants.backends.PeopleBackend"


@require_safe
def open_link(request: HttpRequest, invitation_token: str) -> HttpResponse:
    """Take the token out of the address, and show the invitation."""
    request.session[TOKEN_KEY] = invitation_token
    response = redirect("join")
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Show who invites, to what; and join, with the account that is signed in or with a new one."""
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    token = request.session.get(TOKEN_KEY, "")
    if token and request.method == HTTPMethod.POST and not ratelimit.consume(request, action="join"):
        return render(request, "merchants/too_many.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        if not token:
            raise BadInput(_("Open the link in the mail that invites you."), code="no_link")
        invitation = team.opened(token, now=now)
        if not isinstance(request.user, User):
            return _as_somebody_new(request, invitation, token)
        if request.user.is_staff:
            raise NotAllowed(_("Support staff cannot work for a merchant. Sign in with another account."), code="staff")
        if invitation.merchant.memberships.filter(user=request.user).exists():
            raise IllegalMove(
                _("You work for %(merchant)s already.") % {"merchant": invitation.merchant}, code="member"
            )
        if request.method == HTTPMethod.POST:
            team.accept(token, request.user, now=now)
            return _joined(request, invitation)
    except PortalError as refusal:
        context = {"refusal": refusal, "code": refusal.code}
        return render(request, "merchants/join_refused.html", context, status=refusal.status)
    return render(request, "merchants/join.html", _facts(invitation))


@require_POST
def join_as_another(request: HttpRequest) -> HttpResponse:
    """Sign out without losing the invitation, so that another account can join."""
    token = request.session.get(TOKEN_KEY, "")
    logout(request)
    request.session[TOKEN_KEY] = token
    return redirect("join")


def _as_somebody_new(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
    """Offer to make an account, or to sign in with the one that has the address; make it and join."""
    has_account = team.has_account(invitation.email)
    form = AccountForm(request.POST if request.method == HTTPMethod.POST else None, email=invitation.email)
    if request.method == HTTPMethod.POST and form.is_valid():
        user = team.join_anew(
            token,
            name=form.cleaned_data["name"],
            password=form.cleaned_data["password"],
            language=get_language() or invitation.language,
            now=request.now,  # type: ignore[attr-defined]  # set by arrival_middleware
        )
        login(request, user, backend=BACKEND)
        return _joined(request, invitation)
    context = {**_facts(invitation), "form": form, "has_account": has_account}
    return render(request, "merchants/join.html", context, status=400 if form.errors else 200)


def _joined(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Go on as a member of the merchant that was just joined."""
    request.session.pop(TOKEN_KEY, None)
    request.session[SESSION_KEY] = invitation.merchant_id
    messages.success(request, _("You now work for %(merchant)s.") % {"merchant": invitation.merchant})
    return redirect("home")


def _facts(invitation: Invitation) -> dict[str, object]:
    return {"invitation": invitation, "may": may_words(invitation)}
