"""What `make run` does before the portal starts: database, translations, static files, demo data.

A program of its own. It prints what it does; what the demo data says for the end of the start (the logins) has
`FOR_THE_END` before each line.
"""

import io
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command

from complaints_portal import catalogue

FOR_THE_END = "for the end: "


def prepare() -> None:
    """Bring everything up to date; quick when there is nothing to do. Raise what went wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")  # what the demo data does is no news
    django.setup()
    _refuse_wrong_settings()
    say("Bringing the database up to date …")
    call_command("migrate", interactive=False, verbosity=0)
    catalogue.compile_all()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns when it is missing
    if not settings.WHITENOISE_USE_FINDERS:
        say("Collecting static files …")
        call_command("collectstatic", interactive=False, verbosity=0)
    words = io.StringIO()
    call_command("seed_demo", if_empty=True, stdout=words)
    for line in words.getvalue().splitlines():
        say(FOR_THE_END + line)


def _refuse_wrong_settings() -> None:
    """End here, with sentences, where the web would not start either."""
    from complaints_portal.checks import WrongSettings, refuse_to_start_wrong  # noqa: PLC0415 (Django is ready only now)

    try:
        refuse_to_start_wrong()
    except WrongSettings as reason:
        sys.exit(str(reason))


def say(line: str) -> None:
    """Tell the launcher, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    prepare()
