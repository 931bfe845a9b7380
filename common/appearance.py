"""Light or dark: the reader's choice, kept in a cookie that the templates read, so that no page flashes."""

from django.http import HttpRequest, HttpResponseRedirect
from django.views.decorators.http import require_POST

from common.way_back import way_back

THEMES = ("auto", "light", "dark")
A_YEAR = 365 * 24 * 60 * 60


@require_POST
def set_theme(request: HttpRequest) -> HttpResponseRedirect:
    """Keep the chosen theme and go back to the page it was chosen on; a theme that does not exist changes nothing."""
    response = HttpResponseRedirect(way_back(request))
    theme = request.POST.get("theme")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=A_YEAR, secure=request.is_secure(), samesite="Lax")
    return response
