"""What a person chooses for themselves: the merchant for whom they act, and their language."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from merchants.members import SESSION_KEY
from merchants.models import User
from merchants.pages import PageRequest


@require_POST
def switch_merchant(request: HttpRequest) -> HttpResponse:
    """Act for another of one's merchants from now on, and go home. One that is not one's own does not exist.

    Forms that are open in other windows are valid no longer: what was filled in for one merchant is never done at
    another.
    """
    if not request.user.is_authenticated:
        return redirect("home")  # which asks them to sign in
    chosen = request.POST.get("merchant", "")
    for membership in cast("PageRequest", request).memberships:
        if str(membership.merchant_id) == chosen:
            if membership is not cast("PageRequest", request).memberships[0]:
                rotate_token(request)
            request.session[SESSION_KEY] = membership.merchant_id
            messages.success(request, _("You now act for %(merchant)s.") % {"merchant": membership.merchant})
            return redirect("home")
    raise Http404


def choose_language(request: HttpRequest) -> HttpResponse:
    """Show pages in the chosen language from now on; who is signed in finds it again wherever they sign in."""
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and language in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return set_language(request)
