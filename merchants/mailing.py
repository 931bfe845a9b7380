"""Send the mails of invitations. What is to be sent stands in the table; who sends only marks it as sent.

A mail server that is away loses nothing: the mail is tried again, ever less often, and the page shows that it waits. A
sender that is killed between the server's answer and the mark sends the mail twice, with the same link.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from common.wording import beijing_time
from merchants.models import Invitation
from merchants.team import token_of
from merchants.wording import may_words

log = structlog.get_logger(__name__)

TRIES = 8
FIRST = timedelta(minutes=1)
PATIENCE = 3
"""A run ends after so many failures: waiting for a server that is away would take all of its time."""


def send_invitations(clock: Callable[[], datetime], *, limit: int = 100) -> int:
    """Send the invitations whose mail is due, one transaction each, and return how many left."""
    sent = failed = 0
    while sent + failed < limit and failed < PATIENCE:
        outcome = _send_next(clock())
        if outcome is None:
            break
        sent, failed = sent + outcome, failed + (not outcome)
    return sent


@transaction.atomic
def _send_next(now: datetime) -> bool | None:
    """Send the next mail that is due; None when there is none. A failure puts it off."""
    invitation = (
        Invitation.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("merchant", "invited_by")
        .filter(mail_at__lte=now, accepted_at=None, withdrawn_at=None)
        .order_by("mail_at", "pk")
        .first()
    )
    if invitation is None:
        return None
    try:
        _send(invitation)
    except (OSError, ValueError) as error:  # what smtplib raises, and what an address raises that no mail can carry
        invitation.mail_failures += 1
        wait: timedelta = FIRST * 2**invitation.mail_failures
        invitation.mail_at = now + wait if invitation.mail_failures < TRIES else None
        log.warning(
            "invitation_not_mailed", invitation=invitation.pk, failures=invitation.mail_failures, reason=str(error)
        )
    else:
        invitation.mail_at, invitation.mailed_at = None, now
    invitation.save(update_fields=["mail_at", "mailed_at", "mail_failures"])
    return invitation.mailed_at is not None


def _send(invitation: Invitation) -> None:
    with translation.override(invitation.language):
        subject = _("%(name)s invites you to work for %(merchant)s") % {
            "name": invitation.invited_by,
            "merchant": invitation.merchant,
        }
        words = {
            "invitation": invitation,
            "link": f"{settings.PUBLIC_URL.rstrip('/')}/join/{token_of(invitation)}/",
            "may": may_words(invitation),
            "until": beijing_time(invitation.expires_at),
        }
        text = render_to_string("merchants/invitation.txt", words)
    send_mail(" ".join(subject.split()), text, None, [invitation.email])
