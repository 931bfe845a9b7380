"""Pages about the merchants for whom a person works."""

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from merchants.members import SESSION_KEY
from merchants.pages import PageRequest


@require_POST
def switch_merchant(request: HttpRequest) -> HttpResponse:
    """Act for another of one's merchants from now on, and go home. One that is not one's own does not exist."""
    if not request.user.is_authenticated:
        return redirect("home")  # which asks them to sign in
    chosen = request.POST.get("merchant", "")
    for membership in cast("PageRequest", request).memberships:
        if str(membership.merchant_id) == chosen:
            request.session[SESSION_KEY] = membership.merchant_id
            messages.success(request, _("You now act for %(merchant)s.") % {"merchant": membership.merchant})
            return redirect("home")
    raise Http404
