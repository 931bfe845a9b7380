"""Hand a mail to the mail server, and tell what it will never take from what may yet be taken."""

import smtplib
from collections.abc import Callable

from django.core.mail import EmailMessage

PERMANENT = range(500, 600)
PATIENCE = 3
"""A run ends after so many failures: waiting for a server that is away would take all of its time."""
SENT, FAILED = "sent", "failed"
"""What may become of a mail that is handed over. A sender has words of its own for mails that it drops."""


def send_while_due(send_next: Callable[[], str | None], *, limit: int) -> int:
    """Send one mail after the other until none is due, and return how many left."""
    sent = failed = 0
    for _mail in range(limit):
        outcome = send_next()
        sent, failed = sent + (outcome == SENT), failed + (outcome == FAILED)
        if outcome is None or failed == PATIENCE:
            break
    return sent


class Undeliverable(Exception):
    """The mail server will never take a mail to this address."""


def hand_over(mail: EmailMessage) -> None:
    """Give a mail to the server. Refuses with `Undeliverable` what it will never take for this address.

    What may be tried again is raised as it comes: an OSError, which smtplib's exceptions are, or a ValueError of a
    header that no mail can carry.
    """
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        if code in PERMANENT:
            raise Undeliverable(f"{code} {_readable(reason)}") from error
        raise
    except smtplib.SMTPDataError as error:
        if error.smtp_code in PERMANENT:
            raise Undeliverable(f"{error.smtp_code} {_readable(error.smtp_error)}") from error
        raise
    except UnicodeError as error:  # a name of a computer that no mail can be addressed to
        raise Undeliverable(str(error)) from error


def _readable(reason: bytes | str) -> str:
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
