"""Hand a mail to the mail server, and tell what it will never take from what may yet be taken."""

import smtplib

from django.core.mail import EmailMessage

PERMANENT = range(500, 600)


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
