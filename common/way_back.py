"""Where a form sends its person afterwards: the page that it stood on, never another host."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def way_back(request: HttpRequest, default: str = "/") -> str:
    """Return what the form, or the address of a page that is only read, names as `next`; the default when it is none.

    It is none when it leads away from this portal, and when it is a mere word: Django takes that for the name of a
    page, and fails.
    """
    wanted = (request.POST or request.GET).get("next", "")
    is_safe = "/" in wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_safe else default
