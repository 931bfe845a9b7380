"""What gunicorn serves for `bench/intake.py`: the whole portal, and beside it a view that only inserts one row."""

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "complaints_portal.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def baseline(request: HttpRequest) -> HttpResponse:
    """Parse JSON, insert one row, commit."""
    body = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (body) VALUES (%s)", [json.dumps(body)])
    return HttpResponse(status=201)


settings.ROOT_URLCONF = __name__
application = get_wsgi_application()
urlpatterns = [path("baseline/", baseline), path("", include("complaints_portal.urls"))]  # needs the apps loaded
