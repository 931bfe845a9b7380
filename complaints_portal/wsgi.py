"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from complaints_portal.serving import settle_down, with_room

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")
application = with_room(get_wsgi_application())

from complaints_portal.checks import refuse_to_start_wrong  # noqa: E402 (Django is ready only now)

refuse_to_start_wrong()
settle_down()
