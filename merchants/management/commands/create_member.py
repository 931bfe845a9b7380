"""`manage.py create_member`: let a person work for a merchant."""

import getpass
import secrets
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from merchants.management.portal_command import PortalCommand, add_grants
from merchants.models import Grant, User
from merchants.queries import merchant_called, platform_called
from merchants.services import add_member, create_user

GRANTS = [Grant.VIEW.value, Grant.HANDLE.value]


class Command(PortalCommand):
    help = "Let a person work for a merchant. A new one gets a password, which is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("platform", metavar="PLATFORM", help="the code of the platform")
        parser.add_argument("merchant", metavar="MERCHANT", help="the name of the merchant")
        parser.add_argument("username", metavar="USERNAME", help="the name to sign in with")
        parser.add_argument("--email", default="")
        parser.add_argument("--administrator", action="store_true", help="may do everything, and lets others")
        add_grants(parser, default=GRANTS)
        parser.add_argument("--ask-password", action="store_true", help="ask for the password instead of making one")
        parser.add_argument("--quiet", action="store_true", help="print the new password and nothing else")

    @transaction.atomic
    def handle(self, *args: Any, username: str, **options: Any) -> None:
        merchant = merchant_called(platform_called(options["platform"]), options["merchant"])
        user, password = User.objects.filter(username=username).first(), ""
        if user is None:
            password = _ask(username) if options["ask_password"] else secrets.token_urlsafe(12)
            user = create_user(username, password, email=options["email"])
        elif options["ask_password"] or options["email"]:
            raise CommandError(f"“{username}” is registered already; leave --email and --ask-password out.")
        add_member(merchant, user, grants=options["grants"] or GRANTS, is_administrator=options["administrator"])
        if not options["quiet"]:
            self.stderr.write(f"“{username}” now works for “{merchant.name}”.")
        if password and not options["ask_password"]:
            self.stdout.write(password if options["quiet"] else f"Password, shown only now: {password}")


def _ask(username: str) -> str:
    """Ask for a password twice. Refuses a weak one, two different ones, and to ask where nobody sits."""
    if not sys.stdin.isatty():
        raise CommandError("--ask-password needs a terminal; without it a password is made and shown once.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise CommandError("The two passwords differ.")
    try:
        validate_password(password, User(username=username))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return password
