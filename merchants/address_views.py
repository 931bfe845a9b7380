"""The page on which people change their mail address."""

from allauth.account.views import EmailView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _


class AddressesView(EmailView):  # type: ignore[misc]  # allauth has no types
    """allauth's page, on which an address counts once its link was opened, and never before.

    allauth itself lets somebody without any confirmed address choose whatever they typed, also what is somebody else's.
    That one's wrong passwords would be counted as theirs, and mails about cases would go to a stranger.
    """

    def _action_primary(self, request: HttpRequest) -> HttpResponse | None:
        chosen = self._get_email_address(request)
        if chosen is not None and not chosen.verified:
            messages.error(request, _("Open the link in the mail that we sent to this address first."))
            return None
        answer: HttpResponse | None = super()._action_primary(request)
        return answer
