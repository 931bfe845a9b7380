"""The WSGI application that gunicorn serves."""

import os

import django
from django.core.wsgi import get_wsgi_application

from complaints_portal.serving import settle_down, with_room

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")
django.setup(set_prefix=False)

from complaints_portal.checks import refuse_to_start_wrong  # noqa: E402 (Django is ready only now)

refuse_to_start_wrong()  # before the middleware is made, which fails in words of its own
application = with_room(get_wsgi_application())
settle_down()
